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
mod winograd;

pub(crate) use forward::conv_forward;
pub(crate) use narrow::is_narrow;
pub use phase::Phase;
pub(crate) use weight_gradient::{conv_weight_gradient, conv_weight_gradient_columns};
pub use winograd::{Winograd, winograd_fold, winograd_sums};
pub(crate) use winograd::{winograd_forward, winograd_weight_gradient};

/// How output rows read the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Output rows.
    pub rows: usize,
    /// Values from one input row to the next (at least the number of input channels).
    pub pitch: usize,
    /// Input rows from one output row to the next.
    pub stride: usize,
    /// Input rows from one tap to the next.
    pub dilation: usize,
}

impl Window {
    /// Values of the input that `rows` output rows of a convolution read.
    fn reach(&self, taps: usize, c_in: usize) -> usize {
        if self.rows == 0 {
            return 0;
        }
        // Sizes that do not fit into a number are larger than any input.
        let rows = (self.rows - 1).saturating_mul(self.stride);
        let taps = taps.saturating_sub(1).saturating_mul(self.dilation);
        rows.saturating_add(taps)
            .saturating_mul(self.pitch)
            .saturating_add(c_in)
    }
}

/// Values of `rows` rows of `columns` that start `pitch` values apart; at least one row.
fn span(rows: usize, pitch: usize, columns: usize) -> usize {
    (rows - 1).saturating_mul(pitch).saturating_add(columns)
}

/// What a matrix kernel starts from.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a, T> {
    /// From zero.
    Zero,
    /// From one value per output channel.
    Bias(&'a [T]),
    /// From the values that the output holds.
    Accumulate,
}

impl<T> Start<'_, T> {
    /// The bias, null without one, for `rows` rows of `n` outputs.
    ///
    /// # Panics
    ///
    /// If the output or the bias is too short for them.
    fn checked(&self, rows: usize, n: usize, y: &[T], y_pitch: usize) -> *const T {
        assert!(
            y_pitch >= n && y.len() >= span(rows, y_pitch, n),
            "output of {} values is too short",
            y.len()
        );
        match self {
            Self::Bias(b) => {
                assert!(b.len() >= n, "bias of {} values for {n} channels", b.len());
                b.as_ptr()
            }
            Self::Zero | Self::Accumulate => std::ptr::null(),
        }
    }
}
