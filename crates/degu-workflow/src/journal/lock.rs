//! One process runs a study at a time.

use std::path::{Path, PathBuf};

use super::JournalError;
use crate::store::{Attempt, Holder, Lease, LeaseTimes, lease};

/// The lock of a study: `runs/<study>/lock`. Released when dropped; one of a dead process is taken
/// over.
#[derive(Debug)]
pub struct StudyLock {
    lease: Lease,
    path: PathBuf,
}

impl StudyLock {
    /// Takes the lock in the folder of a run; creates the folder.
    ///
    /// # Errors
    ///
    /// [`JournalError::Locked`] with process, host and age if another process has it.
    pub fn acquire(run: &Path) -> Result<Self, JournalError> {
        Self::acquire_with(run, LeaseTimes::default())
    }

    /// As [`StudyLock::acquire`], with other times.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn acquire_with(run: &Path, times: LeaseTimes) -> Result<Self, JournalError> {
        let path = run.join("lock");
        match lease::acquire(&path, times)? {
            Attempt::Acquired(lease) => Ok(Self { lease, path }),
            Attempt::Held { holder, age } => Err(JournalError::Locked {
                path,
                pid: holder.pid,
                host: holder.host,
                age,
            }),
        }
    }

    /// Who runs the study of a folder now, if anybody does.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn holder(run: &Path) -> Result<Option<Holder>, JournalError> {
        let found = lease::live(&run.join("lock"), LeaseTimes::default())?;
        Ok(found.map(|(holder, _)| holder))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// True if another process took the lock over.
    pub fn is_lost(&self) -> bool {
        self.lease.is_lost()
    }
}
