//! How a task can fail, by what there is to do about it.

use std::{error::Error, fmt::Write as _};

use crate::{exit::ExitCode, store::StoreError};

/// Where a failure came from.
pub type Cause = Box<dyn Error + Send + Sync + 'static>;

/// A task did not finish. The class decides the exit code and whether it may be tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// Data cannot be used; exit 4.
    #[error("{0}")]
    Data(#[source] Cause),
    /// The stage failed; exit 5.
    #[error("{0}")]
    Stage(#[source] Cause),
    /// The stage failed for a reason that may pass, such as I/O or a lost worker; exit 5, tried
    /// again if retries are left.
    #[error("{0}")]
    Transient(#[source] Cause),
    /// A loss or a weight is not finite; exit 6. Never tried again: the numbers would be the same.
    #[error("{0}")]
    Diverged(#[source] Cause),
    /// The store failed; exit 7.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The device or executor asked for is not there; exit 8.
    #[error("{0}")]
    Unavailable(#[source] Cause),
    /// A broken invariant; exit 70.
    #[error("bug: {0}")]
    Bug(#[source] Cause),
    /// The task panicked; exit 70.
    #[error("bug: the task panicked: {message}")]
    Panic {
        /// What the panic said.
        message: String,
    },
    /// The task saved a checkpoint and ended because it was asked to; exit 130.
    #[error("interrupted")]
    Interrupted,
}

impl TaskError {
    /// Exit code of the class.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Data(_) => ExitCode::DATA,
            Self::Stage(_) | Self::Transient(_) => ExitCode::STAGE,
            Self::Diverged(_) => ExitCode::DIVERGED,
            Self::Store(_) => ExitCode::STORE,
            Self::Unavailable(_) => ExitCode::EXECUTOR,
            Self::Bug(_) | Self::Panic { .. } => ExitCode::BUG,
            Self::Interrupted => ExitCode::INTERRUPTED,
        }
    }

    /// The message with those of its causes, as in "cannot read the table: unexpected end of file".
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        // The first source is what `Display` has shown already.
        let mut source = match self {
            Self::Store(error) => error.source(),
            other => other.source().and_then(Error::source),
        };
        while let Some(error) = source {
            let message = error.to_string();
            if !text.ends_with(&message) {
                // Writing into a String cannot fail.
                let _ = write!(text, ": {message}");
            }
            source = error.source();
        }
        text
    }

    pub(super) fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Transient(_) | Self::Store(StoreError::Io { .. })
        )
    }
}
