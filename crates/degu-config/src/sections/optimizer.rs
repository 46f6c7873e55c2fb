//! Optimizers and learning-rate schedules.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a step follows from a gradient.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Adam (Kingma and Ba 2015) with bias correction; `weight_decay` adds to the gradient.
    Adam {
        /// Learning rate.
        #[serde(default = "lr")]
        #[schemars(extend("exclusiveMinimum" = 0.0))]
        lr: f64,
        /// Decay of the mean of gradients.
        #[serde(default = "beta1")]
        #[schemars(extend("minimum" = 0.0, "exclusiveMaximum" = 1.0))]
        beta1: f64,
        /// Decay of the mean of squared gradients.
        #[serde(default = "beta2")]
        #[schemars(extend("minimum" = 0.0, "exclusiveMaximum" = 1.0))]
        beta2: f64,
        /// Added to the root of the mean square.
        #[serde(default = "epsilon")]
        #[schemars(extend("exclusiveMinimum" = 0.0))]
        eps: f64,
        /// L2 penalty.
        #[serde(default)]
        #[schemars(range(min = 0.0))]
        weight_decay: f64,
    },
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    #[serde(rename = "adamw")]
    AdamW {
        /// Learning rate.
        #[serde(default = "lr")]
        #[schemars(extend("exclusiveMinimum" = 0.0))]
        lr: f64,
        /// Decay of the mean of gradients.
        #[serde(default = "beta1")]
        #[schemars(extend("minimum" = 0.0, "exclusiveMaximum" = 1.0))]
        beta1: f64,
        /// Decay of the mean of squared gradients.
        #[serde(default = "beta2")]
        #[schemars(extend("minimum" = 0.0, "exclusiveMaximum" = 1.0))]
        beta2: f64,
        /// Added to the root of the mean square.
        #[serde(default = "epsilon")]
        #[schemars(extend("exclusiveMinimum" = 0.0))]
        eps: f64,
        /// Share of the weights that is taken off per step, times the learning rate.
        #[serde(default = "decoupled")]
        #[schemars(range(min = 0.0))]
        weight_decay: f64,
    },
    /// Gradient descent with momentum.
    Sgd {
        /// Learning rate.
        #[serde(default = "sgd_lr")]
        #[schemars(extend("exclusiveMinimum" = 0.0))]
        lr: f64,
        /// Momentum.
        #[serde(default)]
        #[schemars(extend("minimum" = 0.0, "exclusiveMaximum" = 1.0))]
        momentum: f64,
        /// Nesterov's form of momentum.
        #[serde(default)]
        nesterov: bool,
        /// L2 penalty.
        #[serde(default)]
        #[schemars(range(min = 0.0))]
        weight_decay: f64,
    },
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::Adam {
            lr: lr(),
            beta1: beta1(),
            beta2: beta2(),
            eps: epsilon(),
            weight_decay: 0.0,
        }
    }
}

fn lr() -> f64 {
    1e-3
}

fn sgd_lr() -> f64 {
    1e-2
}

fn beta1() -> f64 {
    0.9
}

fn beta2() -> f64 {
    0.999
}

fn epsilon() -> f64 {
    1e-8
}

fn decoupled() -> f64 {
    1e-2
}

/// How the learning rate changes during training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// It does not.
    #[default]
    Constant,
    /// Multiplied by `factor` when the validation loss has not fallen for `patience` epochs.
    ReduceOnPlateau {
        /// Factor.
        #[serde(default = "factor")]
        #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
        factor: f64,
        /// Epochs without a better loss.
        #[serde(default = "patience")]
        #[schemars(range(min = 1))]
        patience: usize,
        /// Smallest learning rate.
        #[serde(default)]
        #[schemars(range(min = 0.0))]
        min_lr: f64,
        /// Smallest improvement that counts, in units of the loss.
        #[serde(default)]
        #[schemars(range(min = 0.0))]
        min_delta: f64,
    },
    /// Rises for `warmup` of all steps, then falls to `min_lr` along half a cosine.
    Cosine {
        /// Share of all steps.
        #[serde(default)]
        #[schemars(extend("minimum" = 0.0, "exclusiveMaximum" = 1.0))]
        warmup: f64,
        /// Last learning rate.
        #[serde(default)]
        #[schemars(range(min = 0.0))]
        min_lr: f64,
    },
    /// One cycle (Smith and Topin 2019): up to `max_lr`, then down.
    OneCycle {
        /// Largest learning rate.
        #[schemars(extend("exclusiveMinimum" = 0.0))]
        max_lr: f64,
        /// Share of all steps that rise.
        #[serde(default = "rise")]
        #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
        rise: f64,
        /// `max_lr` over the first learning rate.
        #[serde(default = "start_divisor")]
        #[schemars(range(min = 1.0))]
        start_divisor: f64,
        /// First learning rate over the last one.
        #[serde(default = "end_divisor")]
        #[schemars(range(min = 1.0))]
        end_divisor: f64,
    },
}

fn factor() -> f64 {
    0.2
}

fn patience() -> usize {
    5
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
