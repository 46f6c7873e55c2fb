//! Initial values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A distribution that one tensor is drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// One value.
    Constant(f64),
    /// Uniform on `[-bound, bound)`.
    Uniform {
        /// Largest absolute value.
        bound: f64,
    },
    /// Normal with mean 0.
    Normal {
        /// Standard deviation.
        std: f64,
    },
    /// Normal with mean 0, redrawn beyond two standard deviations.
    TruncatedNormal {
        /// Standard deviation before truncation.
        std: f64,
    },
    /// Random orthogonal matrix: the rows of a `[I, O]` tensor with `I <= O` are orthonormal (the
    /// columns otherwise).
    Orthogonal,
    /// Bias of an LSTM with gates in the order i, f, g, o: 1 for the forget gate, 0 elsewhere.
    ForgetGate,
}

impl Init {
    /// Glorot and Bengio 2010: uniform with bound `sqrt(6 / (fan_in + fan_out))`.
    pub fn glorot_uniform(fan_in: usize, fan_out: usize) -> Self {
        Self::Uniform {
            bound: (6.0 / (fan_in + fan_out) as f64).sqrt(),
        }
    }
}

/// The rule by which a layer's weights are initialised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InitRule {
    /// Keras: Glorot uniform, biases 0.
    #[default]
    GlorotUniform,
    /// PyTorch: uniform with bound `1 / sqrt(fan_in)`, weights and biases.
    TorchUniform,
    /// He et al. 2015: truncated normal of standard deviation `sqrt(2 / fan_in)` (corrected for the
    /// truncation), biases 0.
    HeNormal,
}

impl InitRule {
    /// Distribution of the weights.
    pub fn weight(self, fan_in: usize, fan_out: usize) -> Init {
        match self {
            Self::GlorotUniform => Init::glorot_uniform(fan_in, fan_out),
            Self::TorchUniform => Init::Uniform {
                bound: 1.0 / (fan_in as f64).sqrt(),
            },
            // A normal truncated at two standard deviations has 0.87962566 of its standard
            // deviation.
            Self::HeNormal => Init::TruncatedNormal {
                std: (2.0 / fan_in as f64).sqrt() / 0.879_625_66,
            },
        }
    }

    /// Distribution of the biases.
    pub fn bias(self, fan_in: usize) -> Init {
        match self {
            Self::TorchUniform => Init::Uniform {
                bound: 1.0 / (fan_in as f64).sqrt(),
            },
            Self::GlorotUniform | Self::HeNormal => Init::Constant(0.0),
        }
    }
}

/// Conventions of the framework that a network comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NormStyle {
    /// Keras: Glorot uniform weights; batch normalisation with epsilon 1e-3, weight 0.01 of a new
    /// value, biased running variance.
    #[default]
    Keras,
    /// PyTorch: uniform weights by fan-in; epsilon 1e-5, weight 0.1 of a new value, unbiased
    /// running variance.
    Torch,
}

impl NormStyle {
    /// Rule of the weights.
    pub fn init(self) -> InitRule {
        match self {
            Self::Keras => InitRule::GlorotUniform,
            Self::Torch => InitRule::TorchUniform,
        }
    }

    /// Number added to the variance.
    pub fn epsilon(self) -> f64 {
        match self {
            Self::Keras => 1e-3,
            Self::Torch => 1e-5,
        }
    }

    /// Weight of a batch in the running statistics.
    pub fn momentum(self) -> f64 {
        match self {
            Self::Keras => 0.01,
            Self::Torch => 0.1,
        }
    }

    /// Whether the running variance is divided by n - 1.
    pub fn unbiased(self) -> bool {
        matches!(self, Self::Torch)
    }
}
