//! The curve and the end of a training.

use serde::{Deserialize, Serialize};

/// One epoch of a training curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epoch, counted from 1.
    pub epoch: usize,
    /// Mean training loss over the steps of the epoch.
    pub loss: f64,
    /// Loss on the validation rows.
    pub validation_loss: f64,
    /// Pearson correlation with the validation labels, averaged over tasks.
    pub validation_pearson: Option<f64>,
    /// Learning rate at the end of the epoch.
    pub learning_rate: f64,
    /// Whether it is the best so far.
    pub best: bool,
    /// Phase: training, or fine-tuning on unchanged data.
    pub phase: usize,
}

/// Result of a finished training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FitReport {
    /// The curve.
    pub epochs: Vec<EpochRecord>,
    /// Epoch whose weights were kept, counted from 1.
    pub best_epoch: usize,
    /// Watched value of that epoch.
    pub best_value: f64,
    /// Optimizer steps.
    pub steps: u64,
    /// Whether early stopping ended it.
    pub stopped_early: bool,
}
