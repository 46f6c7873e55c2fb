//! Kernels of degu-lab: the hot loops of training and inference, on the CPU with run-time dispatch
//! over instruction sets, and on NVIDIA GPUs ([`cuda`]).
//!
//! *For*: channels-last convolutions, the look-up layer on base codes, the fused passes between
//! them, dropout masks, Adam. *Not for*: networks, tensors, threads (`degu-nn`). This is the only
//! crate with `unsafe` code; its public functions are safe: they check shapes once per call and
//! panic on slices that are too short, which is a bug of the caller.
//!
//! Every loop is written once over a small vector interface and compiled here for AVX-512, AVX2
//! with FMA, and plain Rust. Results depend on the instruction set in the last bits, never on
//! threads: there are none here.
//!
//! ```
//! use degu_kernels::{CodeWindow, Isa, lookup_forward};
//! let isa = Isa::detect(None).unwrap();
//! // One filter of width 1 that scores A 1, C 2, G 3, T 4, on the sequence GATN.
//! let mut y = [0.0f32; 4];
//! let window = CodeWindow { first_row: 0, rows: 4, taps: 1, stride: 1, dilation: 1, left: 0 };
//! lookup_forward(isa, &[1.0, 2.0, 3.0, 4.0], 1, &[2, 0, 3, 4], window, None, &mut y, 1);
//! assert_eq!(y, [3.0, 1.0, 4.0, 0.0]);
//! ```
//!
//! | module | what |
//! |---|---|
//! | `isa`, `simd`, `scalar`, `math` | instruction sets, vectors, and functions on them |
//! | `matrix`, `pack` | channels-last matrices, packed weights |
//! | `conv` | convolution, input gradient, weight gradient, dense layers; Winograd F(2, 3) |
//! | `lookup` | the first layer on base codes |
//! | `epilogue` | batch norm, skip, activation, dropout, pooling: forward, backward, rescale rule |
//! | `lstm`, `attention`, `channels`, `windows`, `grouped` | LSTM, self-attention, layer norm and softmax, windows of any stride, grouped convolution |
//! | `signs`, `pairs` | one bit per rectified value, base-pair counts |
//! | `columns` | batch-norm statistics, bias gradients, sums of matrices |
//! | [`cuda`] | the same on NVIDIA GPUs |
//! | `activation`, `dropout`, `adam` | what their names say |
#![expect(
    unsafe_code,
    reason = "vector instructions and unchecked loads; shapes are checked once per call"
)]
#![expect(
    clippy::inline_always,
    reason = "kernels must become part of the function that enables the instructions"
)]

mod activation;
mod adam;
mod attention;
mod channels;
mod columns;
mod conv;
pub mod cuda;
mod dropout;
mod epilogue;
mod grouped;
mod isa;
mod lookup;
mod lstm;
mod math;
mod matrix;
mod pack;
mod pairs;
mod scalar;
mod signs;
mod simd;
mod windows;

pub use activation::Activation;
pub use adam::{AdamStep, adam, add_part, sum_parts};
pub use attention::{AttentionWork, Heads, attention_backward, attention_forward};
pub use channels::{layer_norm_backward, layer_norm_forward, softmax_backward, softmax_forward};
pub use columns::{Moments, add_rows, column_sums};
pub use conv::{
    Phase, Start, Window, Winograd, conv_forward, conv_weight_gradient,
    conv_weight_gradient_columns, winograd_fold, winograd_forward, winograd_sums,
    winograd_weight_gradient,
};
pub use dropout::DropoutMask;
pub use epilogue::{
    Epilogue, NormGradient, Pool, epilogue_backward, epilogue_forward, epilogue_rescale,
    epilogue_sums,
};
pub use grouped::{GroupedConv, grouped_conv_forward, grouped_conv_weight_gradient};
pub use isa::{Isa, IsaError};
pub use lookup::{CodeWindow, lookup_forward, lookup_weight_gradient};
pub use lstm::{LstmSteps, Series, lstm_backward, lstm_forward};
pub use matrix::{Rows, RowsMut, Shape};
pub use pack::Packed;
pub use pairs::CodeCounts;
pub use signs::{pack_signs, sign_words, unpack_signs};
pub use windows::{pool_backward, pool_forward};
