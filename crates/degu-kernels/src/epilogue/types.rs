//! The operations of an epilogue.

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
pub struct Epilogue<'a> {
    /// Scale and shift per channel.
    pub affine: Option<(&'a [f32], &'a [f32])>,
    /// The nonlinearity.
    pub activation: Activation,
    /// Dropout of the rows that enter the pool.
    pub before: Option<DropoutMask>,
    /// Pooling.
    pub pool: Pool,
    /// Dropout of the pooled rows.
    pub after: Option<DropoutMask>,
}

/// Batch-norm terms of the gradient per channel: `dy = scale * g + constant + slope * (y - mean)`.
#[derive(Clone, Copy, Debug)]
pub struct NormGradient<'a> {
    /// Batch mean.
    pub mean: &'a [f32],
    /// `-scale * sum(g) / n`
    pub constant: &'a [f32],
    /// `-scale * sum(g * (y - mean)) * inv_std^2 / n`
    pub slope: &'a [f32],
}
