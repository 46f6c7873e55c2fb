//! Running a plan: what is ready runs, side by side, each on a thread of its own; what is published
//! is skipped.
//!
//! Starting and resuming are the same call. The executor knows nothing of stages; a [`Runner`] does
//! the work of one task.

mod context;
mod error;
mod outcome;
mod scheduler;
mod summary;
mod work;

use std::sync::{Arc, atomic::AtomicBool};

use serde_json::Value;

use crate::{
    journal::Observer,
    plan::{Plan, Task},
    store::Store,
};

pub use context::TaskContext;
pub use error::{Cause, TaskError};
pub use summary::{Failure, RunSummary};

/// Does the work of one task.
///
/// A runner reads its inputs and writes files through the context, saves checkpoints if it takes
/// long, and returns [`TaskError::Interrupted`] soon after [`TaskContext::interrupted`] turns true.
/// The executor publishes what it wrote.
pub trait Runner {
    /// Computes a task's files.
    ///
    /// # Errors
    ///
    /// The class of the failure decides the exit code; see [`TaskError`].
    fn run(&self, task: &Task, context: &TaskContext<'_>) -> Result<(), TaskError>;
}

impl<F: Fn(&Task, &TaskContext<'_>) -> Result<(), TaskError>> Runner for F {
    fn run(&self, task: &Task, context: &TaskContext<'_>) -> Result<(), TaskError> {
        self(task, context)
    }
}

/// How to run a plan. Nothing here changes a result.
#[derive(Clone, Debug)]
pub struct Options {
    /// Tasks that run side by side; 0 counts as 1.
    pub jobs: usize,
    /// Threads of the machine, divided among the jobs for tasks that do not ask for a number; 0
    /// counts as 1 each.
    pub threads: usize,
    /// After a failure: true runs everything that does not depend on it, false starts nothing new.
    pub keep_going: bool,
    /// How often a task is tried again after a transient failure.
    pub retries: u32,
    /// Set by a signal handler: running tasks save a checkpoint and end, nothing new starts.
    pub interrupt: Arc<AtomicBool>,
    /// Name of the study, for manifests and events.
    pub study: String,
    /// Version of the program, for events.
    pub version: String,
    /// What every manifest says of this run: host, versions, hardware.
    pub details: Value,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            jobs: 1,
            threads: 0,
            keep_going: true,
            retries: 0,
            interrupt: Arc::default(),
            study: String::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            details: Value::Null,
        }
    }
}

/// Runs a plan until everything is published, failed or blocked, or the run is interrupted.
///
/// Ready tasks start in the order of the plan. A key that another process works on is waited for; a
/// damaged object is moved aside and computed again; a panic is a failure of its task. Failures do
/// not make this function fail: they are in the summary, which also gives the exit code.
///
/// # Determinism
///
/// The number of jobs changes the order of events only.
pub fn execute(
    plan: &Plan,
    store: &Store,
    runner: &(dyn Runner + Sync),
    options: &Options,
    observer: &dyn Observer,
) -> RunSummary {
    scheduler::Scheduler::new(plan, store, runner, options, observer).run()
}
