//! Which optimizer, and its constants.

use degu_core::{Invalid, check};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which optimizer, and its constants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Kingma and Ba 2015.
    Adam(Adam),
    /// Loshchilov and Hutter 2019: Adam with decoupled weight decay.
    #[serde(rename = "adamw")]
    AdamW(AdamW),
    /// Stochastic gradient descent with momentum.
    Sgd(Sgd),
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::Adam(Adam::default())
    }
}

/// Constants of Adam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Adam {
    /// Learning rate.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Decay of the first moment per step.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub beta1: f64,
    /// Decay of the second moment per step.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub beta2: f64,
    /// Added to the corrected root of the second moment, as in PyTorch (1e-8 there; Keras uses
    /// 1e-7).
    #[schemars(range(min = 0.0))]
    pub eps: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
        }
    }
}

/// Constants of AdamW.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdamW {
    /// Learning rate.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Decay of the first moment per step.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub beta1: f64,
    /// Decay of the second moment per step.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub beta2: f64,
    /// Added to the corrected root of the second moment.
    #[schemars(range(min = 0.0))]
    pub eps: f64,
    /// A parameter loses this part of itself, times the learning rate, before each step.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Which parameters decay.
    pub decay: Decay,
}

impl Default for AdamW {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.01,
            decay: Decay::default(),
        }
    }
}

/// Constants of SGD: `v = momentum v + g + weight_decay w`, `w -= lr v` as in PyTorch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sgd {
    /// Learning rate.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Part of the velocity that a step keeps.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: f64,
    /// Whether the step looks ahead along the velocity (Nesterov).
    pub nesterov: bool,
    /// Coupled decay (an L2 penalty of half this factor).
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Which parameters decay.
    pub decay: Decay,
}

impl Default for Sgd {
    fn default() -> Self {
        Self {
            lr: 1e-2,
            momentum: 0.9,
            nesterov: false,
            weight_decay: 0.0,
            decay: Decay::default(),
        }
    }
}

/// Which parameters lose weight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Kernels and matrices: tensors of rank 2 and above.
    #[default]
    Matrices,
    /// Biases and norms too, as PyTorch does unless told otherwise.
    All,
}

impl Decay {
    /// Whether a tensor of this rank decays.
    pub fn includes(self, rank: usize) -> bool {
        match self {
            Self::All => true,
            Self::Matrices => rank >= 2,
        }
    }
}

impl OptimizerConfig {
    /// The learning rate that a schedule starts from.
    pub fn lr(&self) -> f64 {
        match self {
            Self::Adam(o) => o.lr,
            Self::AdamW(o) => o.lr,
            Self::Sgd(o) => o.lr,
        }
    }

    /// Checks the ranges of the parameters.
    ///
    /// # Errors
    ///
    /// [`Invalid`], naming the parameter.
    pub fn check(&self) -> Result<(), Invalid> {
        check::range("lr", self.lr(), 0.0..)?;
        match self {
            Self::Adam(Adam {
                beta1, beta2, eps, ..
            })
            | Self::AdamW(AdamW {
                beta1, beta2, eps, ..
            }) => {
                check::range("beta1", *beta1, 0.0..1.0)?;
                check::range("beta2", *beta2, 0.0..1.0)?;
                check::range("eps", *eps, 0.0..)?;
            }
            Self::Sgd(o) => {
                check::range("momentum", o.momentum, 0.0..1.0)?;
                check::range("weight_decay", o.weight_decay, 0.0..)?;
            }
        }
        match self {
            Self::AdamW(o) => check::range("weight_decay", o.weight_decay, 0.0..),
            _ => Ok(()),
        }
    }
}
