//! Attribution by gradients at the sequence: `saliency`, `input-x-gradient`, `smoothgrad`.
//!
//! Use `saliency` for a first look: one backward pass a sequence, and good enough to find motifs.
//! Gradients are local: where the output is saturated, a site that decides looks unimportant; take
//! `deepshap` or `ism` there. `input-x-gradient` is for comparisons with published maps,
//! `smoothgrad` for networks whose gradients are noisy.
//!
//! # Model
//!
//! The gradient of one predicted number with respect to the one-hot sequence, in evaluation mode: a
//! hypothetical value for each of the four bases at each position. `input-x-gradient` multiplies it
//! by the sequence; `smoothgrad` averages it over noisy copies of the sequence. The gradient
//! correction subtracts the mean over the bases, which removes the part of the gradient that points
//! out of the space of sequences.
//!
//! # Parameters
//!
//! See [`Saliency`], [`InputXGradient`], [`SmoothGrad`].
//!
//! # Citation
//!
//! Simonyan et al. 2013, arXiv:1312.6034; Shrikumar et al. 2016, arXiv:1605.01713; Smilkov et al.
//! 2017, arXiv:1706.03825; correction: Majdandzic et al., Genome Biology 24:109 (2023),
//! doi:10.1186/s13059-023-02956-3.
//!
//! # Differs from the original in
//!
//! - SmoothGrad's noise is a standard deviation in units of the one-hot input, not a fraction of
//!   its range.
//!
//! # Source of golden numbers
//!
//! Gradients of PyTorch in double precision on three small networks (tests of the bundle); on a
//! linear model the map is its weights (contract suite).

mod input_x_gradient;
mod saliency;
mod smoothgrad;

pub use input_x_gradient::InputXGradient;
pub use saliency::Saliency;
pub use smoothgrad::SmoothGrad;

use candle_core::Tensor;
use degu_core::Result;

/// Subtracts the mean over the bases, `[N, L, 4]`.
fn corrected(gradient: &Tensor) -> Result<Tensor> {
    Ok(gradient.broadcast_sub(&gradient.mean_keepdim(2)?)?)
}

degu_core::document!("lib.rs");
