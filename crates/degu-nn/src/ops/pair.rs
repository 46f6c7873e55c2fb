//! Helpers of the rescale rules: a batch `[x; reference]` and its halves.

use candle_core::{Result as TensorResult, Tensor};
use degu_core::{Ctx, Error, Mode, Result};

/// Below this difference of the two inputs the rescale rule uses the ordinary derivative.
pub(crate) const MIN_DELTA: f64 = 1e-6;

pub(crate) fn rescales(ctx: &Ctx<'_>) -> bool {
    matches!(ctx.mode(), Mode::Rescale)
}

/// One tensor of an operation, for the examples and for their references.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) x: Tensor,
    pub(crate) r: Tensor,
}

impl Pair {
    /// Cuts a detached batch of `2 N` rows.
    pub(crate) fn of(operation: &'static str, batch: &Tensor) -> Result<Self> {
        let rows = batch.dims().first().copied().unwrap_or(0);
        if rows % 2 != 0 {
            return Err(Error::Shape {
                name: operation,
                expected: "[2 N, ..] in rescale mode: examples, then their references",
                got: batch.dims().to_vec(),
            });
        }
        Ok(Self::cut(&batch.detach())?)
    }

    pub(crate) fn cut(batch: &Tensor) -> TensorResult<Self> {
        let n = batch.dim(0)? / 2;
        Ok(Self {
            x: batch.narrow(0, 0, n)?,
            r: batch.narrow(0, n, n)?,
        })
    }

    /// x - r.
    pub(crate) fn delta(&self) -> TensorResult<Tensor> {
        &self.x - &self.r
    }

    /// x + r.
    pub(crate) fn sum(&self) -> TensorResult<Tensor> {
        &self.x + &self.r
    }

    /// (x + r) / 2.
    pub(crate) fn middle(&self) -> TensorResult<Tensor> {
        self.sum()? * 0.5
    }
}

/// `dy / dz`, or `derivative` where `|dz|` is tiny.
///
/// The divisor is replaced before the division: a 0 / 0 would survive the selection as NaN.
pub(crate) fn secant(dy: &Tensor, dz: &Tensor, derivative: &Tensor) -> TensorResult<Tensor> {
    let tiny = dz.abs()?.lt(MIN_DELTA)?;
    let divisor = tiny.where_cond(&dz.ones_like()?, dz)?;
    tiny.where_cond(&derivative.contiguous()?, &(dy / divisor)?)
}

/// The half of a gradient that belongs to the examples; nothing is differentiated through the
/// references.
pub(crate) fn upper(gradient: &Tensor) -> TensorResult<Tensor> {
    gradient.narrow(0, 0, gradient.dim(0)? / 2)?.contiguous()
}

/// A gradient of the examples, with zeros for the references.
pub(crate) fn over_zeros(gradient: &Tensor) -> TensorResult<Tensor> {
    Tensor::cat(&[gradient, &gradient.zeros_like()?], 0)
}
