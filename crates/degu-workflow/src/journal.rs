//! The ledger of a run: what happened, one JSON object a line.
//!
//! Terminal progress, `status`, `watch` and the report read the same events. Nothing in a ledger is
//! needed to resume; the store is the truth.

mod event;
mod ledger;
mod lock;
mod status;

pub use event::{Level, Observer, Observers, Progress, StudyEvent};
pub use ledger::{Ledger, Record, read_events};
pub use lock::StudyLock;
pub use status::{StudyStatus, TaskStatus, TaskStatusKind};

use std::{path::PathBuf, time::Duration};

use crate::store::StoreError;

/// A ledger or lock cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Another process runs this study; exit 75.
    #[error(
        "`{}` is locked: process {pid} on {host} runs this study (last sign of life {} s ago); wait for it, or stop it and run again",
        path.display(), age.as_secs()
    )]
    Locked {
        /// The lock.
        path: PathBuf,
        /// Process that holds it.
        pid: u32,
        /// Its host.
        host: String,
        /// Time since its last heartbeat.
        age: Duration,
    },
    /// The file is not a ledger.
    #[error("`{}` is not a ledger: expected {{\"format\":\"degu-events\",\"version\":1}} in its first line", path.display())]
    Header {
        /// The file.
        path: PathBuf,
    },
    /// A line in the middle cannot be read.
    #[error("`{}` line {line} is not an event: {source}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Why not.
        source: serde_json::Error,
    },
    /// The file system failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
