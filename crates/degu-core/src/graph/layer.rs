//! The layers that a graph may hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::InitRule;

/// Rows that a convolution adds to its input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Zeros so that the length stays at stride 1: `floor(total / 2)` before the input, the rest
    /// after it, total = dilation (width - 1). A stride keeps every stride-th output of that
    /// convolution, the first one included: `ceil(L / stride)` of them. PyTorch with `padding=total
    /// // 2` has the same outputs for odd kernels; Keras pads a convolution with a stride
    /// otherwise.
    #[default]
    Same,
    /// None: windows lie within the input.
    Valid,
    /// Zeros before the input only, dilation (width - 1): an output sees nothing to the right of
    /// its position.
    Causal,
    /// Any number of zeros.
    Explicit {
        /// Zeros before the input.
        left: usize,
        /// Zeros after the input.
        right: usize,
    },
}

/// Convolution over positions (cross-correlation): `[L, C_in]` to `[floor((L + padding - dilation
/// (width - 1) - 1) / stride) + 1, filters]`. Parameters `NAME.weight` `[width, C_in / groups,
/// filters]`, `NAME.bias` `[filters]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conv {
    /// Path of the parameters.
    pub name: String,
    /// Output channels.
    pub filters: usize,
    /// Width of the kernel in positions.
    pub width: usize,
    /// Distance between taps.
    pub dilation: usize,
    /// Positions from one output to the next.
    #[serde(default = "one")]
    pub stride: usize,
    /// Groups of channels that see only each other.
    pub groups: usize,
    /// Padding.
    pub padding: Padding,
    /// Whether there is a bias.
    pub bias: bool,
    /// Initial values.
    pub init: InitRule,
}

fn one() -> usize {
    1
}

/// Affine map of the channels at each position, or of a flat vector. Parameters `NAME.weight` `[I,
/// O]`, `NAME.bias` `[O]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    /// Path of the parameters.
    pub name: String,
    /// Output width.
    pub units: usize,
    /// Whether there is a bias.
    pub bias: bool,
    /// Initial values.
    pub init: InitRule,
}

/// Batch normalisation per channel, over examples and positions. Parameters `NAME.weight` (gamma),
/// `NAME.bias` (beta); buffers `NAME.running_mean`, `NAME.running_var`; all `[C]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchNorm {
    /// Path of the parameters.
    pub name: String,
    /// Added to the variance.
    pub epsilon: f64,
    /// Weight of a batch in the running statistics.
    pub momentum: f64,
    /// Whether the running variance is divided by n - 1.
    pub unbiased: bool,
}

/// Layer normalisation over the channels of each position. Parameters `NAME.weight`, `NAME.bias`,
/// `[C]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerNorm {
    /// Path of the parameters.
    pub name: String,
    /// Added to the variance.
    pub epsilon: f64,
}

/// Elementwise functions, and the softmax over channels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(x, 0), derivative 0 at 0.
    #[default]
    Relu,
    /// x sigmoid(x).
    Silu,
    /// x for x > 0, exp(x) - 1 below.
    Elu,
    /// x Phi(x), by the error function.
    Gelu,
    /// ln(1 + exp(x)).
    Softplus,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// exp(x).
    Exp,
    /// Softmax over the channels of each position.
    Softmax,
}

/// Pooling over positions; the tail that does not fill a window is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Window in positions.
    pub size: usize,
    /// Distance between windows.
    pub stride: usize,
}

/// Positions removed at both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crop {
    /// Positions removed before the rest.
    pub left: usize,
    /// Positions removed after the rest.
    pub right: usize,
}

/// Inverted dropout. The name identifies its stream of masks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dropout {
    /// Path of the stream.
    pub name: String,
    /// Probability of a zero.
    pub p: f64,
}

/// Bidirectional LSTM, outputs concatenated forward then backward, in the original order of
/// positions. Parameters, for each of `NAME.forward` and `NAME.backward`: `weight` `[C, 4 H]`,
/// `recurrent` `[H, 4 H]`, `bias` `[4 H]`, gates in the order i, f, g, o.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BiLstm {
    /// Path of the parameters.
    pub name: String,
    /// Units `H` per direction.
    pub units: usize,
    /// Keras: Glorot input, orthogonal recurrent, forget bias 1; PyTorch: uniform by `1 / sqrt(H)`.
    pub init: InitRule,
}

/// Multi-head self-attention over all positions (Vaswani et al. 2017): `softmax(Q K^T / sqrt(A /
/// heads)) V` for each head, its results side by side, then an affine map; `[L, C]` to `[L,
/// channels]`. Time and memory of the weights grow with the square of `L`.
///
/// Parameters: `weight` `[C, A]` and `bias` `[A]` of each of `NAME.query`, `NAME.key` and
/// `NAME.value`, head by head along `A`; `NAME.output.weight` `[A, channels]`, `NAME.output.bias`
/// `[channels]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attention {
    /// Path of the parameters.
    pub name: String,
    /// Heads; they divide the inner width.
    pub heads: usize,
    /// Inner width `A`, of all heads together.
    pub inner: usize,
    /// Output channels.
    pub channels: usize,
    /// Whether queries, keys and values have biases.
    pub project_bias: bool,
    /// Whether the output has a bias.
    pub output_bias: bool,
    /// Initial values, of each map as of a dense layer.
    pub init: InitRule,
}

/// One step of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Layer {
    /// Convolution.
    Conv(Conv),
    /// Affine map.
    Dense(Dense),
    /// Batch normalisation.
    BatchNorm(BatchNorm),
    /// Layer normalisation.
    LayerNorm(LayerNorm),
    /// Nonlinearity.
    Activation(Activation),
    /// Maximum of a window; the first of tied values gets the gradient.
    MaxPool(Pool),
    /// Mean of a window.
    AvgPool(Pool),
    /// Positions `left .. L - right`.
    Crop(Crop),
    /// Mean over positions: `[L, C]` to `[C]`.
    GlobalMean,
    /// Maximum over positions: `[L, C]` to `[C]`.
    GlobalMax,
    /// Dropout.
    Dropout(Dropout),
    /// `[L, C]` to `[L C]`, position-major (index l C + c).
    Flatten,
    /// `x + body(x)`; the body keeps the shape.
    Residual(Vec<Layer>),
    /// Branches over the same input, concatenated along channels.
    Parallel(Vec<Vec<Layer>>),
    /// Bidirectional LSTM.
    BiLstm(BiLstm),
    /// Multi-head self-attention.
    Attention(Attention),
}

impl Layer {
    /// What messages call it.
    pub fn label(&self) -> String {
        match self {
            Self::Conv(l) => l.name.clone(),
            Self::Dense(l) => l.name.clone(),
            Self::BatchNorm(l) => l.name.clone(),
            Self::LayerNorm(l) => l.name.clone(),
            Self::Dropout(l) => l.name.clone(),
            Self::BiLstm(l) => l.name.clone(),
            Self::Attention(l) => l.name.clone(),
            Self::Activation(a) => format!("{a:?}").to_lowercase(),
            Self::MaxPool(p) => format!("max_pool {}", p.size),
            Self::AvgPool(p) => format!("avg_pool {}", p.size),
            Self::Crop(c) => format!("crop {} {}", c.left, c.right),
            Self::GlobalMean => "global_mean".to_owned(),
            Self::GlobalMax => "global_max".to_owned(),
            Self::Flatten => "flatten".to_owned(),
            Self::Residual(_) => "residual".to_owned(),
            Self::Parallel(_) => "parallel".to_owned(),
        }
    }
}
