//! The geometry of a convolution or dense layer.

use degu_kernels::{CodeWindow, Phase};
use std::ops::Range;

/// A convolution's geometry and its tensors' places.
#[derive(Clone, Debug)]
pub(super) struct Weights {
    pub(super) taps: usize,
    pub(super) dilation: usize,
    pub(super) stride: usize,
    pub(super) left: usize,
    pub(super) c_in: usize,
    pub(super) c_out: usize,
    pub(super) weight: Range<usize>,
    pub(super) bias: Option<Range<usize>>,
    /// The input gradient, by residues of the stride.
    pub(super) phases: Vec<Phase>,
    /// Computed by Winograd F(2, 3) ([`super::filters`]): the convolution and its weight gradient,
    /// and each phase.
    pub(super) winograd: bool,
    pub(super) winograd_phases: Vec<bool>,
    /// One tap over few rows without halo: all sequences of a chunk are one matrix product.
    pub(super) stacked: bool,
}

impl Weights {
    /// The rows `first .. first + rows` of a look-up.
    pub(super) fn codes(&self, first_row: usize, rows: usize) -> CodeWindow {
        CodeWindow {
            first_row,
            rows,
            taps: self.taps,
            stride: self.stride,
            dilation: self.dilation,
            left: self.left,
        }
    }
}
