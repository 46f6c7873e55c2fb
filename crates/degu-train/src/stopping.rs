//! Early stopping.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When to stop before the last epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EarlyStopping {
    /// What is watched.
    pub metric: Watched,
    /// Which direction is better: "min" for "validation/loss", "max" for "validation/pearson".
    pub mode: Direction,
    /// Epochs without improvement before training stops.
    #[schemars(range(min = 1))]
    pub patience: usize,
    /// Smallest change that is an improvement, in units of the metric.
    #[schemars(range(min = 0.0))]
    pub min_delta: f64,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self {
            metric: Watched::Loss,
            mode: Direction::Min,
            patience: 10,
            min_delta: 0.0,
        }
    }
}

/// What early stopping watches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Watched {
    /// Loss on the validation rows.
    #[default]
    #[serde(rename = "validation/loss")]
    Loss,
    /// Pearson correlation of predicted mean and label on the validation rows, averaged over tasks.
    #[serde(rename = "validation/pearson")]
    Pearson,
}

impl Watched {
    /// The direction in which the metric gets better.
    pub fn better(self) -> Direction {
        match self {
            Self::Loss => Direction::Min,
            Self::Pearson => Direction::Max,
        }
    }
}

/// Direction of an improvement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Smaller is better.
    #[default]
    Min,
    /// Larger is better.
    Max,
}

/// Remembers the best epoch and says when to stop; saved in checkpoints.
///
/// An improvement is strict, by more than `min_delta` (Keras: 0). A value that is not finite never
/// improves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoppingState {
    direction: Direction,
    patience: usize,
    min_delta: f64,
    best: Option<f64>,
    best_epoch: usize,
    waited: usize,
}

impl StoppingState {
    /// Before the first epoch; without options it never stops, and smaller is better.
    pub fn new(options: Option<&EarlyStopping>) -> Self {
        Self {
            direction: options.map_or(Direction::Min, |o| o.mode),
            patience: options.map_or(0, |o| o.patience),
            min_delta: options.map_or(0.0, |o| o.min_delta),
            best: None,
            best_epoch: 0,
            waited: 0,
        }
    }

    /// Takes the value of an epoch (counted from 1); returns whether it is the best so far.
    pub fn observe(&mut self, epoch: usize, value: f64) -> bool {
        let better = value.is_finite()
            && self.best.is_none_or(|best| match self.direction {
                Direction::Min => value < best - self.min_delta,
                Direction::Max => value > best + self.min_delta,
            });
        if better {
            self.best = Some(value);
            self.best_epoch = epoch;
            self.waited = 0;
        } else {
            self.waited += 1;
        }
        better
    }

    /// Whether patience has run out.
    pub fn should_stop(&self) -> bool {
        self.patience > 0 && self.waited >= self.patience
    }

    /// Best value so far.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// Epoch of the best value, counted from 1; 0 before the first.
    pub fn best_epoch(&self) -> usize {
        self.best_epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_do_not_improve_and_nan_counts_as_waiting() {
        let mut stop = StoppingState::new(Some(&EarlyStopping {
            patience: 2,
            ..EarlyStopping::default()
        }));
        assert!(stop.observe(1, 1.0));
        assert!(!stop.observe(2, 1.0));
        assert!(!stop.should_stop());
        assert!(!stop.observe(3, f64::NAN));
        assert!(stop.should_stop());
        assert_eq!((stop.best(), stop.best_epoch()), (Some(1.0), 1));
    }
}
