//! What training is asked for.

use degu_nn::{optim::OptimizerConfig, schedule::Schedule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stopping::Direction;

/// What training is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FitOptions {
    /// Largest number of epochs.
    pub epochs: usize,
    /// Sequences per step.
    pub batch_size: usize,
    /// Optimizer.
    pub optimizer: OptimizerConfig,
    /// Schedule of the learning rate.
    pub schedule: Schedule,
    /// When to stop.
    pub early_stopping: StoppingOptions,
    /// Largest norm of the gradient over all parameters; 0 does not clip.
    pub gradient_clip: f64,
    /// Training rows, drawn anew after each epoch, that running statistics of batch norms are
    /// computed from before the network is evaluated, with dropout off; 0 keeps the running
    /// averages of the training steps.
    pub recalibrate: usize,
    /// A checkpoint after so many steps, besides the one after each epoch; 0 for none.
    pub checkpoint_steps: u64,
}

/// Early stopping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoppingOptions {
    /// Whether smaller or larger is better.
    pub direction: Direction,
    /// Watches the validation loss, or the mean Pearson correlation over tasks.
    pub metric: Watched,
    /// Epochs without improvement; 0 never stops.
    pub patience: usize,
    /// Smallest improvement that counts.
    pub min_delta: f64,
}

/// What early stopping and the plateau schedule watch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Watched {
    /// Loss on the validation rows.
    #[default]
    Loss,
    /// Pearson correlation of predicted mean and label on the validation rows, averaged over tasks.
    Pearson,
}
