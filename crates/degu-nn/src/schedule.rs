//! Learning rates over time, as pure functions of a small serializable state.

use std::f64::consts::PI;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the learning rate changes during training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// The optimizer's `lr` in every step.
    #[default]
    Constant,
    /// Multiplied by `factor` after `patience` epochs without a lower validation loss.
    ReduceOnPlateau(ReduceOnPlateau),
    /// Rises for `warmup` of all steps, then falls to `min_lr` along half a cosine.
    Cosine(Cosine),
    /// One cycle (Smith and Topin 2019, as in PyTorch): up to `max_lr`, then down. Momentum (beta1)
    /// moves against the rate, from 0.95 to 0.85 and back.
    OneCycle(OneCycle),
}

/// Constants of [`Schedule::ReduceOnPlateau`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReduceOnPlateau {
    /// Factor of the rate after `patience` epochs.
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
    pub factor: f64,
    /// Epochs without improvement.
    #[schemars(range(min = 1))]
    pub patience: u64,
    /// Smallest learning rate.
    #[schemars(range(min = 0.0))]
    pub min_lr: f64,
    /// Smallest decrease of the loss that counts as an improvement.
    #[schemars(range(min = 0.0))]
    pub min_delta: f64,
}

impl Default for ReduceOnPlateau {
    fn default() -> Self {
        Self {
            factor: 0.2,
            patience: 5,
            min_lr: 0.0,
            min_delta: 0.0,
        }
    }
}

/// Constants of [`Schedule::Cosine`]: linear from 0 over the warm-up, then
/// `min + (lr - min) (1 + cos(pi p)) / 2`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cosine {
    /// Fraction of all steps that warm up.
    #[schemars(extend("minimum" = 0.0, "exclusiveMaximum" = 1.0))]
    pub warmup: f64,
    /// Learning rate at the end.
    #[schemars(range(min = 0.0))]
    pub min_lr: f64,
}

/// Constants of [`Schedule::OneCycle`]: half a cosine up to `max_lr`, then half a cosine down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OneCycle {
    /// Largest learning rate; the optimizer's `lr` is not used.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub max_lr: f64,
    /// Fraction of all steps that rise.
    #[serde(default = "rise")]
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
    pub rise: f64,
    /// `max_lr` over the first learning rate.
    #[serde(default = "start_divisor")]
    #[schemars(range(min = 1.0))]
    pub start_divisor: f64,
    /// First learning rate over the last one.
    #[serde(default = "end_divisor")]
    #[schemars(range(min = 1.0))]
    pub end_divisor: f64,
}

fn rise() -> f64 {
    0.3
}

fn start_divisor() -> f64 {
    25.0
}

fn end_divisor() -> f64 {
    1e4
}

/// What an optimizer step uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Learning rate.
    pub lr: f64,
    /// Momentum (beta1 of Adam) where the schedule moves it.
    pub momentum: Option<f64>,
}

/// What a schedule remembers between epochs; saved in checkpoints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleState {
    /// Learning rate after the reductions so far.
    pub lr: f64,
    /// Best validation loss; `None` before the first epoch.
    pub best: Option<f64>,
    /// Epochs without improvement.
    pub waited: u64,
}

impl Schedule {
    /// The state before the first step, for an optimizer's `lr`.
    pub fn start(&self, lr: f64) -> ScheduleState {
        let lr = match self {
            Self::OneCycle(c) => c.max_lr,
            _ => lr,
        };
        ScheduleState {
            lr,
            best: None,
            waited: 0,
        }
    }

    /// The same schedule about another learning rate: the largest of one cycle.
    #[must_use]
    pub fn with_lr(mut self, rate: f64) -> Self {
        if let Self::OneCycle(c) = &mut self {
            c.max_lr = rate;
        }
        self
    }

    /// The rates of step `step` (from 0) of `total`. Steps beyond the end keep the last rates.
    pub fn rates(&self, state: &ScheduleState, step: u64, total: u64) -> Rates {
        match self {
            Self::Constant | Self::ReduceOnPlateau(_) => Rates {
                lr: state.lr,
                momentum: None,
            },
            Self::OneCycle(c) => c.rates(state.lr, step, total),
            Self::Cosine(c) => Rates {
                lr: c.rate(state.lr, step, total),
                momentum: None,
            },
        }
    }

    /// Takes note of the validation loss at the end of an epoch. A loss that is not a number is no
    /// improvement.
    pub fn end_epoch(&self, state: &mut ScheduleState, validation_loss: f64) {
        let Self::ReduceOnPlateau(p) = self else {
            return;
        };
        if validation_loss < state.best.unwrap_or(f64::INFINITY) - p.min_delta {
            state.best = Some(validation_loss);
            state.waited = 0;
            return;
        }
        state.waited += 1;
        if state.waited >= p.patience {
            if state.lr > p.min_lr {
                state.lr = (state.lr * p.factor).max(p.min_lr);
            }
            state.waited = 0;
        }
    }
}

/// From `a` at 0 to `b` at 1 along half a cosine.
fn anneal(a: f64, b: f64, p: f64) -> f64 {
    b + (a - b) / 2.0 * (1.0 + (PI * p).cos())
}

impl OneCycle {
    fn rates(&self, max: f64, step: u64, total: u64) -> Rates {
        let last = total.saturating_sub(1) as f64;
        let step = (step as f64).min(last);
        let top = self.rise * total as f64 - 1.0;
        let first = max / self.start_divisor;
        let (low, high) = (0.85, 0.95);
        let part = |from: f64, to: f64| {
            if to > from {
                (step - from) / (to - from)
            } else {
                1.0
            }
        };
        let (lr, momentum) = if step <= top {
            let p = part(0.0, top);
            (anneal(first, max, p), anneal(high, low, p))
        } else {
            let p = part(top, last);
            (
                anneal(max, first / self.end_divisor, p),
                anneal(low, high, p),
            )
        };
        Rates {
            lr,
            momentum: Some(momentum),
        }
    }
}

impl Cosine {
    fn rate(&self, lr: f64, step: u64, total: u64) -> f64 {
        let (step, total) = (step as f64, total as f64);
        let warm = (self.warmup * total).floor();
        if step < warm {
            return lr * (step + 1.0) / warm;
        }
        let p = if total > warm {
            ((step - warm) / (total - warm)).min(1.0)
        } else {
            1.0
        };
        anneal(lr, self.min_lr, p)
    }
}
