//! Learning rates over time, as pure functions of a small serializable state.

use std::f64::consts::PI;

use degu_core::{Invalid, check};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the learning rate changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// The optimizer's `lr`, always.
    #[default]
    Constant,
    /// Lower after epochs without improvement of the validation loss.
    ReduceOnPlateau(ReduceOnPlateau),
    /// Up to a maximum and down again within the whole training (Smith and Topin 2017, as in
    /// PyTorch).
    OneCycle(OneCycle),
    /// Linear warm-up, then half a cosine.
    Cosine(Cosine),
}

/// The rule of Keras: an improvement is a loss below `best - 1e-4`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReduceOnPlateau {
    /// Factor of the rate after `patience` epochs.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub factor: f64,
    /// Epochs without improvement.
    #[schemars(range(min = 1))]
    pub patience: u64,
    /// Smallest rate.
    #[schemars(range(min = 0.0))]
    pub min_lr: f64,
    /// Smallest change that counts as an improvement, in units of the loss.
    #[schemars(range(min = 0.0))]
    pub min_delta: f64,
}

impl Default for ReduceOnPlateau {
    fn default() -> Self {
        Self {
            factor: 0.1,
            patience: 5,
            min_lr: 1e-7,
            min_delta: 1e-4,
        }
    }
}

/// Cosine from `max / div` to `max` in the first part, then to `max / div / final_div`; `max` is
/// the optimizer's `lr`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OneCycle {
    /// Part of the steps that climb.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rise: f64,
    /// `max / first rate`.
    #[schemars(range(min = 1.0))]
    pub div: f64,
    /// `first rate / last rate`.
    #[schemars(range(min = 1.0))]
    pub final_div: f64,
    /// Whether the momentum (beta1) moves against the rate, from `high_momentum` to `low_momentum`
    /// and back.
    pub cycle_momentum: bool,
    /// Momentum at the lowest rate.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub high_momentum: f64,
    /// Momentum at the highest rate.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub low_momentum: f64,
}

impl Default for OneCycle {
    fn default() -> Self {
        Self {
            rise: 0.3,
            div: 25.0,
            final_div: 1e4,
            cycle_momentum: true,
            high_momentum: 0.95,
            low_momentum: 0.85,
        }
    }
}

/// Linear from 0 over the warm-up, then `min + (lr - min) (1 + cos(pi p)) / 2`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cosine {
    /// Part of the steps that warm up.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub warm_up: f64,
    /// Rate at the end.
    #[schemars(range(min = 0.0))]
    pub min_lr: f64,
}

impl Default for Cosine {
    fn default() -> Self {
        Self {
            warm_up: 0.05,
            min_lr: 0.0,
        }
    }
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
    /// Checks the ranges of the parameters.
    ///
    /// # Errors
    ///
    /// [`Invalid`], naming the parameter.
    pub fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::Constant => Ok(()),
            Self::ReduceOnPlateau(p) => {
                check::range("factor", p.factor, 0.0..1.0)?;
                check::range("patience", p.patience, 1..)?;
                check::range("min_lr", p.min_lr, 0.0..)?;
                check::range("min_delta", p.min_delta, 0.0..)
            }
            Self::OneCycle(c) => {
                check::range("rise", c.rise, 0.0..=1.0)?;
                check::range("div", c.div, 1.0..)?;
                check::range("final_div", c.final_div, 1.0..)?;
                check::range("high_momentum", c.high_momentum, 0.0..1.0)?;
                check::range("low_momentum", c.low_momentum, 0.0..1.0)
            }
            Self::Cosine(c) => {
                check::range("warm_up", c.warm_up, 0.0..=1.0)?;
                check::range("min_lr", c.min_lr, 0.0..)
            }
        }
    }

    /// The state before the first step, for an optimizer's `lr`.
    pub fn start(&self, lr: f64) -> ScheduleState {
        ScheduleState {
            lr,
            best: None,
            waited: 0,
        }
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
        let first = max / self.div;
        let (low, high) = (self.low_momentum, self.high_momentum);
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
            (anneal(max, first / self.final_div, p), anneal(low, high, p))
        };
        Rates {
            lr,
            momentum: self.cycle_momentum.then_some(momentum),
        }
    }
}

impl Cosine {
    fn rate(&self, lr: f64, step: u64, total: u64) -> f64 {
        let (step, total) = (step as f64, total as f64);
        let warm = (self.warm_up * total).floor();
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
