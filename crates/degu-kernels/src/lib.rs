//! Kernels of degu-lab: the hot loops of training and inference, on the CPU with run-time dispatch
//! over instruction sets, and on NVIDIA GPUs ([`cuda`]).
//!
//! *For*: channels-last convolutions, the look-up layer on base codes, the fused passes between
//! them, dropout masks, Adam. *Not for*: networks, tensors, threads (`degu-nn`). This is the only
//! crate with `unsafe` code; its public functions are safe: they check shapes once per call and
//! panic on slices that are too short, which is a bug of the caller.
//!
//! Every loop is written once over a small vector interface and compiled for AVX-512, AVX2 with
//! FMA, and plain Rust; the plain one also exists in f64, for gradient checks. Results depend on
//! the instruction set in the last bits, never on threads: there are none here.
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
//! | `compiled` | the public functions |
//! | `isa`, `simd`, `element` | instruction sets, vectors, f32 and f64 |
//! | `pack`, `conv` | convolution, input gradient, weight gradient, dense layers; minimal filtering |
//! | `lookup` | the first layer on base codes |
//! | `tail` | batch norm, skip, activation, dropout, pooling: forward, backward, rescale rule |
//! | `layers` | more public functions: LSTM, attention, layer norm, softmax, windows of any stride, groups |
//! | `lstm`, `attention`, `channels`, `windows`, `diagonal` | the loops of these |
//! | `signs`, `pairs`, `peak` | one bit per rectified value, base-pair counts, the peak of multiply-adds |
//! | `columns` | batch-norm statistics, bias gradients, sums of matrices |
//! | [`cuda`] | the same on NVIDIA GPUs |
//! | `activation`, `math`, `dropout`, `adam` | what their names say |
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
mod compiled;
mod conv;
pub mod cuda;
mod diagonal;
mod dropout;
mod element;
mod isa;
mod layers;
mod lookup;
mod lstm;
mod math;
mod pack;
mod pairs;
mod peak;
mod signs;
mod simd;
mod tail;
mod windows;

pub use activation::{Activation, Shape};
pub use adam::{AdamStep, sum_parts};
pub use attention::{AttentionWork, Heads};
pub use columns::Moments;
pub use compiled::{
    adam, add_moments, add_part, add_rows, apply_activation, apply_dropout, column_sums,
    conv_forward, conv_weight_gradient, lookup_forward, lookup_weight_gradient, tail_backward,
    tail_forward, tail_rescale, tail_sums,
};
pub use conv::{Phase, Start, Window, Winograd, winograd_fold, winograd_sums};
pub use diagonal::Diagonals;
pub use dropout::DropoutMask;
pub use element::Element;
pub use isa::{Isa, IsaError};
pub use layers::{
    attention_backward, attention_forward, conv_weight_gradient_columns, diagonal_forward,
    diagonal_weight_gradient, layer_norm_backward, layer_norm_forward, lstm_backward, lstm_forward,
    pack_signs, pool_backward, pool_forward, softmax_backward, softmax_forward, unpack_signs,
    winograd_forward, winograd_weight_gradient,
};
pub use lookup::CodeWindow;
pub use lstm::{LstmSteps, Series};
pub use pack::Packed;
pub use pairs::CodeCounts;
pub use peak::multiply_adds;
pub use signs::sign_words;
pub use tail::{NormGradient, Pool, Rows, RowsMut, Tail};
