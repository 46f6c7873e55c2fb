//! What can go wrong when finished models are used.

use std::path::PathBuf;

use degu_genome::GenomeError;
use degu_train::TrainError;

/// Result of this module.
pub type Result<T, E = ApplyError> = std::result::Result<T, E>;

/// What can go wrong when finished models are used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The plugin layer.
    #[error(transparent)]
    Core(#[from] degu_core::Error),

    /// A model folder or a prediction.
    #[error(transparent)]
    Train(#[from] TrainError),

    /// Files with sequences, genomes or variants.
    #[error(transparent)]
    Genome(#[from] GenomeError),

    /// A statistic.
    #[error(transparent)]
    Stats(#[from] degu_stats::StatsError),

    /// A tensor operation.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),

    /// A file.
    #[error(transparent)]
    Io(#[from] std::io::Error),

    /// A file of the program's own that does not parse.
    #[error(transparent)]
    Json(#[from] serde_json::Error),

    /// A sequence that a model cannot take.
    #[error("{}: {what} `{id}`: {problem}", path.display())]
    Sequence {
        /// File.
        path: PathBuf,
        /// Record or row, with its line.
        what: String,
        /// Name of the sequence.
        id: String,
        /// What was expected and what was found.
        problem: String,
    },

    /// A model or run that cannot do what is asked of it.
    #[error("{}: {problem}", path.display())]
    Model {
        /// Folder.
        path: PathBuf,
        /// What was expected, what was found, what to do.
        problem: String,
    },

    /// A file whose contents do not fit.
    #[error("{}: {problem}", path.display())]
    Data {
        /// File.
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

    /// A method whose maps do not add up.
    #[error(
        "the maps of `{model}` miss the predictions they explain by {rho:.1e} of their size, more than {limit:.0e}: an operation of the network has no exact rule; the files are written, do not trust them"
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
