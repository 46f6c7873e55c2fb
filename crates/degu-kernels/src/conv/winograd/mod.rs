//! Convolutions with two thirds of the multiplications: Winograd's F(2, 3), in one dimension.
//!
//! Two adjacent outputs of three taps, `d0 g0 + d1 g1 + d2 g2` and `d1 g0 + d2 g1 + d3 g2`, are
//! `m0 + m1 + m2` and `m1 - m2 - m3` with four products in place of six:
//!
//! ```text
//! m0 = (d0 - d2) g0             m1 = (d1 + d2) (g0 + g1 + g2) / 2
//! m3 = (d1 - d3) g2             m2 = (d2 - d1) (g0 - g1 + g2) / 2
//! ```
//!
//! With a dilation the two outputs are `dilation` rows apart. More taps are taken three at a time
//! (at dilation 1), and the one or two that remain are multiplied as they are. Each product is that
//! of a convolution with fewer taps over sums of rows, by the loops of
//! [`conv_forward`](crate::conv_forward). The weight gradient is the transposed map: four sums of
//! products stand for three taps until [`winograd_fold`] turns them into these.
//!
//! An output is the first or the second of its pair: the bits of equal windows at an even and an
//! odd place (in steps of the dilation) may differ, those of whole pairs do not
//! ([`Winograd::grain`]).
//!
//! Source: S. Winograd, Arithmetic Complexity of Computations (1980); Lavin and Gray,
//! arXiv:1509.09308.

mod filters;
mod forward;
mod pairs;
mod rows;
mod weight_gradient;

pub use filters::Winograd;
pub use forward::winograd_forward;
pub use weight_gradient::{winograd_fold, winograd_sums, winograd_weight_gradient};
