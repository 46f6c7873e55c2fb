//! The input gradient of a convolution with a stride.
//!
//! Input row `p` meets tap `t` in output row `m` where `m * stride = p + left - t * dilation`. For
//! the input rows of one residue of `p + left` by the stride these are every `tap_step`-th tap and
//! adjacent output rows: a convolution of stride 1 over the gradient of the outputs. Each element
//! is one chain of multiply-adds, as in the forward pass; nothing is multiplied with inserted
//! zeros.

use super::window::Window;

/// The input rows of one residue, and the convolution that gives their gradient: its taps are
/// `tap`, `tap + tap_step`, .. of the forward pass, reversed
/// ([`Packed::pack_reversed_taps`](crate::Packed::pack_reversed_taps)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// First input row; the others follow `stride` apart.
    pub row: usize,
    /// Input rows.
    pub rows: usize,
    /// First tap that reads them.
    pub tap: usize,
    /// Taps from one that reads them to the next.
    pub tap_step: usize,
    /// Taps that read them; without any their gradient is 0.
    pub taps: usize,
    /// Row of the output gradient that the first (reversed) tap meets for the first input row. Rows
    /// that do not exist are zero.
    pub first: isize,
    /// Rows of the output gradient from one tap to the next.
    pub dilation: usize,
}

impl Phase {
    /// The phases of a convolution over `rows` input rows with `left` zeros before them; without
    /// those that have no rows.
    ///
    /// # Panics
    ///
    /// If stride or dilation is 0.
    pub fn all(rows: usize, taps: usize, stride: usize, dilation: usize, left: usize) -> Vec<Self> {
        assert!(
            stride > 0 && dilation > 0,
            "stride and dilation of at least 1"
        );
        let common = gcd(stride, dilation);
        let tap_step = stride / common;
        let phase = |residue: usize| {
            // Smallest padded position of the residue that is an input row.
            let index = left.saturating_sub(residue).div_ceil(stride);
            let row = residue + index * stride - left;
            let tap = (0..taps.min(tap_step)).find(|t| t * dilation % stride == residue);
            let taps = tap.map_or(0, |t| (taps - t).div_ceil(tap_step));
            let tap = tap.unwrap_or(0);
            let dilation_of = dilation / common;
            let before = (tap * dilation / stride + taps.saturating_sub(1) * dilation_of) as isize;
            Self {
                row,
                rows: rows.saturating_sub(row).div_ceil(stride),
                tap,
                tap_step,
                taps,
                first: index as isize - before,
                dilation: dilation_of,
            }
        };
        (0..stride).map(phase).filter(|p| p.rows > 0).collect()
    }

    /// Rows of zeros that the phase reads before and after the gradient of `outputs` output rows.
    pub fn halo(&self, outputs: usize) -> (usize, usize) {
        if self.taps == 0 {
            return (0, 0);
        }
        let end = self.first + (self.rows + (self.taps - 1) * self.dilation) as isize;
        let outputs = outputs as isize;
        (
            (-self.first).max(0) as usize,
            (end - outputs).max(0) as usize,
        )
    }

    /// How the rows of the gradient are read, `pitch` values apart.
    pub fn window(&self, pitch: usize) -> Window {
        Window {
            rows: self.rows,
            pitch,
            stride: 1,
            dilation: self.dilation,
        }
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
