//! What can go wrong while training.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T, E = TrainError> = std::result::Result<T, E>;

/// What can go wrong while training, predicting or reading a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A plugin, a tensor operation or a shape.
    #[error(transparent)]
    Core(#[from] degu_core::Error),

    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),

    /// A statistic could not be computed.
    #[error(transparent)]
    Stats(#[from] degu_stats::StatsError),

    /// The fused engine.
    #[error("fused engine: {0}")]
    Engine(Box<dyn std::error::Error + Send + Sync>),

    /// The loss or the weights are no longer finite.
    #[error(
        "training diverged in epoch {epoch}, step {step}: {what} is {value}; lower `training.optimizer.lr`, set `training.gradient_clip`, or look for extreme targets with `degu-lab data inspect`"
    )]
    Diverged {
        /// Epoch, counted from 1.
        epoch: usize,
        /// Optimizer step, counted from 1 over the whole run.
        step: u64,
        /// Loss or weights.
        what: &'static str,
        /// The value found.
        value: f64,
    },

    /// A split that is needed has no rows.
    #[error("the {split} split has no rows with a measured target; {help}")]
    EmptySplit {
        /// Name of the split.
        split: &'static str,
        /// What to do.
        help: &'static str,
    },

    /// The run was asked to stop; a checkpoint has been written.
    #[error("interrupted after epoch {epoch}; a checkpoint has been written")]
    Interrupted {
        /// Finished epochs.
        epoch: usize,
    },

    /// A checkpoint or model file does not fit.
    #[error("{}: {problem}", path.display())]
    File {
        /// File.
        path: PathBuf,
        /// What was expected and what was found.
        problem: String,
    },

    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),

    /// Text that is not the JSON it should be.
    #[error("{what}: {source}")]
    Json {
        /// What was read or written.
        what: &'static str,
        /// Why it failed.
        source: serde_json::Error,
    },

    /// A device that was asked for and is not there.
    #[error("device `{device}` was asked for, but {problem}")]
    Device {
        /// As written in the experiment file.
        device: String,
        /// What was looked for.
        problem: String,
    },
}

impl From<degu_nn::engine::EngineError> for TrainError {
    fn from(error: degu_nn::engine::EngineError) -> Self {
        Self::Engine(Box::new(error))
    }
}

impl From<degu_nn::Error> for TrainError {
    fn from(error: degu_nn::Error) -> Self {
        Self::Core(error.into())
    }
}
