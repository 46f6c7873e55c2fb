//! Arithmetic of the layers, channels-last, with gradients of our own.
//!
//! Each function computes its value without recording a graph and brings its backward pass, written
//! with candle operations, so it runs on every device and for f32 and f64. Functions whose gradient
//! depends on the mode take the [`Ctx`](degu_core::Ctx): in
//! [`Mode::Rescale`](degu_core::Mode::Rescale) the gradient carries DeepLIFT multipliers. Linear
//! operations (convolution, affine map, batch normalisation outside of training, means) have the
//! same gradient in every mode.
//!
//! | function | rescale rule |
//! |---|---|
//! | [`conv1d`], [`conv1d_codes`], [`linear`], [`batch_norm`], [`avg_pool`], [`global_mean`], [`dropout`] | linear |
//! | [`relu`], [`silu`], [`elu`], [`gelu`], [`softplus`], [`sigmoid`], [`tanh`], [`exp`], [`ln`], [`sqrt`], [`clamp`], [`pointwise`] | secant |
//! | [`max_pool`], [`global_max`] | shares of both winners |
//! | [`softmax`], [`log_softmax`], [`logsumexp`], [`layer_norm`] | secants of their parts |
//! | [`product`], [`matmul`], [`square`] | midpoints |
//! | [`lstm`], [`bi_lstm`], [`attention`] | the above, step by step |

mod activation;
mod attention;
mod conv;
mod custom;
mod dropout;
mod linear;
mod lstm;
mod norm;
mod pair;
mod pool;
mod product;
mod rounding;
mod softmax;
mod special;

pub use activation::{
    activation, clamp, elu, exp, gelu, ln, ln_softplus, pointwise, relu, sigmoid, silu, softplus,
    sqrt, square, tanh,
};
pub use attention::{AttentionTensors, attention};
pub use conv::{ConvOptions, conv1d, conv1d_codes};
pub use custom::{Gradients, with_gradient};
pub use dropout::{dropout, dropout_mask, dropout_seed, sequence_masks, sequence_stream};
pub use linear::linear;
pub use lstm::{LstmTensors, bi_lstm, lstm};
pub use norm::{BatchNormOptions, BatchNormTensors, batch_norm, layer_norm};
pub use pool::{avg_pool, global_max, global_mean, max_pool};
pub use product::{matmul, product};
pub use rounding::{Rounding, RoundingScope};
pub use softmax::{log_softmax, logsumexp, softmax};
pub use special::ln_gamma;
