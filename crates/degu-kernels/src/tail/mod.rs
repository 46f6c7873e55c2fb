//! What follows a linear layer, in one pass: batch norm as scale and shift, a skip connection,
//! activation, dropout, pooling and a second dropout; the two backward passes of the same; and that
//! of the rescale rule.
//!
//! Nothing between the linear layer's output and the pooled result is stored: the backward passes
//! compute it again. The winner of a maximum is decided by the same arithmetic each time, and the
//! first of tied rows gets the gradient.

mod backward;
mod common;
mod forward;
mod rescale;
mod sums;

pub(crate) use backward::tail_backward;
pub(crate) use common::by_channels;
pub(crate) use forward::tail_forward;
pub(crate) use rescale::tail_rescale;
pub(crate) use sums::tail_sums;

use crate::activation::Activation;
use crate::dropout::DropoutMask;

/// Pooling over adjacent windows; rows that fill no window are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// Largest value of a window.
    Max(usize),
    /// Mean of a window; `Mean(1)` is no pooling.
    Mean(usize),
}

impl Pool {
    /// No pooling.
    pub const NONE: Self = Self::Mean(1);

    /// Rows of a window.
    pub fn size(self) -> usize {
        match self {
            Self::Max(n) | Self::Mean(n) => n,
        }
    }
}

/// The operations after a linear layer, in this order: `y * scale + shift`, plus skip, activation,
/// dropout, pool, dropout.
#[derive(Clone, Copy, Debug)]
pub struct Tail<'a, T> {
    /// Scale and shift per channel.
    pub affine: Option<(&'a [T], &'a [T])>,
    /// The nonlinearity.
    pub activation: Activation,
    /// Dropout of the rows that enter the pool.
    pub before: Option<DropoutMask>,
    /// Pooling.
    pub pool: Pool,
    /// Dropout of the pooled rows.
    pub after: Option<DropoutMask>,
}

/// A stretch of rows of one sample's matrix.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T> {
    /// The values from the first row on.
    pub values: &'a [T],
    /// Values from one row to the next.
    pub pitch: usize,
}

/// A stretch of rows that is written.
#[derive(Debug)]
pub struct RowsMut<'a, T> {
    /// The values from the first row on.
    pub values: &'a mut [T],
    /// Values from one row to the next.
    pub pitch: usize,
    /// Whether to add to the old values.
    pub accumulate: bool,
}

/// Batch-norm terms of the gradient per channel: `dy = scale * g + constant + slope * (y - mean)`.
#[derive(Clone, Copy, Debug)]
pub struct NormGradient<'a, T> {
    /// Batch mean.
    pub mean: &'a [T],
    /// `-scale * sum(g) / n`
    pub constant: &'a [T],
    /// `-scale * sum(g * (y - mean)) * inv_std^2 / n`
    pub slope: &'a [T],
}
