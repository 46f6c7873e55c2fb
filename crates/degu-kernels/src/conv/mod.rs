//! Channels-last convolution as a matrix product over overlapping rows: no im2col matrix is ever
//! made.
//!
//! Output row `m` needs the input rows `m * stride + t * dilation`; with dilation 1 these are
//! `taps * c_in` consecutive values, and with dilation only the step between taps changes. Every
//! output is one chain of multiply-adds: the bias first, then taps, then channels, whatever the
//! tile it falls into; equal windows therefore give equal bits at any position. Where there are few
//! outputs, the sum is split over the lanes of a vector (`narrow`), again in one way for all
//! positions.
//!
//! The same loop computes dense layers (one tap) and input gradients
//! ([`Packed::pack_reversed`](crate::Packed::pack_reversed) on a gradient with halo rows, one
//! [`Phase`] of the stride after the other).
//!
//! [`Winograd`] computes convolutions of three taps and more with fewer multiplications, by
//! products of this kind over sums of rows.

mod forward;
mod narrow;
mod phase;
mod tiles;
mod weight_gradient;
mod window;
mod winograd;

pub use forward::conv_forward;
pub use phase::Phase;
pub use weight_gradient::{conv_weight_gradient, conv_weight_gradient_columns};
pub use window::{Start, Window};
pub use winograd::{
    Winograd, winograd_fold, winograd_forward, winograd_sums, winograd_weight_gradient,
};
