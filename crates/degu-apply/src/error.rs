//! What can go wrong when finished models are used.

use std::path::{Path, PathBuf};

use degu_genome::GenomeError;
use degu_train::TrainError;

/// Result of this crate.
pub type Result<T, E = ApplyError> = std::result::Result<T, E>;

/// What can go wrong when finished models are used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// A model folder, a prediction, a plugin, a file.
    #[error(transparent)]
    Train(TrainError),

    /// Files with sequences, genomes or variants.
    #[error(transparent)]
    Genome(#[from] GenomeError),

    /// A file of the program's own that does not parse.
    #[error(transparent)]
    Json(#[from] serde_json::Error),

    /// A file or a model folder that does not fit.
    #[error("{}: {problem}", path.display())]
    File {
        /// File or folder.
        path: PathBuf,
        /// What was expected, what was found, what to do.
        problem: String,
    },

    /// An argument outside of what is accepted.
    #[error("`{name}`: {problem}")]
    Argument {
        /// Name of the argument.
        name: &'static str,
        /// What was expected and what was found.
        problem: String,
    },

    /// A description of foreign weights that no import can follow.
    #[error("{0}")]
    Import(String),

    /// A method whose maps do not add up.
    #[error(
        "the maps of `{model}` miss the predictions they explain by {rho:.1e} of their size, more than {limit:.0e}: an operation of the network has no exact rule; the files are written, but their values are wrong"
    )]
    Incomplete {
        /// Model.
        model: String,
        /// Mean error over the mean difference to the references.
        rho: f64,
        /// Largest accepted.
        limit: f64,
    },

    /// Stopped by a signal.
    #[error("interrupted after {done} sequences; the same command goes on from there")]
    Interrupted {
        /// Sequences that are done.
        done: usize,
    },
}

impl ApplyError {
    pub(crate) fn file(path: &Path, problem: impl Into<String>) -> Self {
        Self::File {
            path: path.to_owned(),
            problem: problem.into(),
        }
    }
}

macro_rules! from {
    ($($error:ty),+) => {$(
        impl From<$error> for ApplyError {
            fn from(error: $error) -> Self {
                Self::Train(error.into())
            }
        }
    )+};
}

from!(
    TrainError,
    degu_core::Error,
    degu_stats::StatsError,
    candle_core::Error,
    std::io::Error
);
