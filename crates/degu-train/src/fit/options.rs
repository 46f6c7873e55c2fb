//! What training is asked for.

use degu_nn::{optim::OptimizerConfig, schedule::Schedule};

use crate::stopping::EarlyStopping;

/// What one phase of training is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct FitOptions {
    /// Largest number of epochs.
    pub epochs: usize,
    /// Sequences per step.
    pub batch_size: usize,
    /// Optimizer.
    pub optimizer: OptimizerConfig,
    /// Schedule of the learning rate.
    pub schedule: Schedule,
    /// When to stop before the last epoch; `None` never stops, and the epoch with the lowest
    /// validation loss is the best.
    pub early_stopping: Option<EarlyStopping>,
    /// Largest norm of the gradient over all parameters; `None` does not clip.
    pub gradient_clip: Option<f64>,
    /// Training rows, drawn anew after each epoch, that running statistics of batch norms are
    /// computed from before the network is evaluated, with dropout off; `None` keeps the running
    /// averages of the training steps.
    pub recalibrate: Option<usize>,
    /// Steps between checkpoints, besides the one after each epoch; 0 for none.
    pub checkpoint_steps: u64,
}

impl FitOptions {
    /// A further phase with another number of epochs and another learning rate.
    #[must_use]
    pub fn fine_tune(&self, epochs: usize, rate: f64) -> Self {
        Self {
            epochs,
            optimizer: self.optimizer.with_lr(rate),
            schedule: self.schedule.with_lr(rate),
            ..self.clone()
        }
    }
}
