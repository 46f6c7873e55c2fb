//! Softmax, log-softmax and log-sum-exp.

use candle_core::{Result as TensorResult, Tensor};
use degu_core::{Ctx, Result};

use super::{
    custom::with_gradient,
    pair::{Pair, over_zeros, rescales, secant, upper},
};

/// Softmax over an axis.
///
/// # Shapes
///
/// * `x` - any; `[2 N, ..]` in rescale mode, with `axis` at least 1
/// * returns the shape of `x`
///
/// # Errors
///
/// If the axis does not exist, or [`Shape`](degu_core::Error::Shape) for an odd number of rows in
/// rescale mode.
pub fn softmax(x: &Tensor, axis: usize, ctx: &Ctx<'_>) -> Result<Tensor> {
    let z = x.detach();
    if rescales(ctx) {
        return rescaled_softmax(x, &z, axis);
    }
    let a = z.broadcast_sub(&z.max_keepdim(axis)?)?.exp()?;
    let y = a.broadcast_div(&a.sum_keepdim(axis)?)?;
    Ok(with_gradient("softmax", &[x], y.clone(), move |g| {
        let along = (g * &y)?.sum_keepdim(axis)?;
        Ok(vec![Some((g.broadcast_sub(&along)? * &y)?)])
    })?)
}

/// Exponentials with one shift per pair, their sums, and the secants of both.
struct Parts {
    a: Pair,
    sum: Pair,
    shift: Tensor,
    /// Secant of the exponential.
    slope: Tensor,
    dz: Tensor,
}

impl Parts {
    fn new(operation: &'static str, z: &Tensor, axis: usize) -> Result<Self> {
        let z = Pair::of(operation, z)?;
        let shift = z.x.max_keepdim(axis)?.maximum(&z.r.max_keepdim(axis)?)?;
        let exponential = |z: &Tensor| z.broadcast_sub(&shift)?.exp();
        let a = Pair {
            x: exponential(&z.x)?,
            r: exponential(&z.r)?,
        };
        let sum = Pair {
            x: a.x.sum_keepdim(axis)?,
            r: a.r.sum_keepdim(axis)?,
        };
        let dz = z.delta()?.contiguous()?;
        let slope = secant(&a.delta()?, &dz, &a.r)?;
        Ok(Self {
            a,
            sum,
            shift,
            slope,
            dz,
        })
    }
}

fn rescaled_softmax(x: &Tensor, z: &Tensor, axis: usize) -> Result<Tensor> {
    let parts = Parts::new("softmax", z, axis)?;
    let y = Pair {
        x: parts.a.x.broadcast_div(&parts.sum.x)?,
        r: parts.a.r.broadcast_div(&parts.sum.r)?,
    };
    // v = 1 / s, so log v - log v_r = log s_r - log s.
    let log_change = (parts.sum.r.log()? - parts.sum.x.log()?)?;
    let inverse = Pair {
        x: parts.sum.x.recip()?,
        r: parts.sum.r.recip()?,
    };
    let p = secant(&y.delta()?, &parts.dz.broadcast_add(&log_change)?, &y.r)?;
    let q = secant(&log_change, &inverse.delta()?, &parts.sum.r)?;
    let factor = ((&inverse.x * &inverse.r)? * q)?;
    let slope = parts.slope;
    let value = Tensor::cat(&[&y.x, &y.r], 0)?;
    Ok(with_gradient("softmax", &[x], value, move |g| {
        let direct = (upper(g)? * &p)?;
        let along = (direct.sum_keepdim(axis)? * &factor)?;
        let gradient = (&direct - slope.broadcast_mul(&along)?)?;
        Ok(vec![Some(over_zeros(&gradient)?)])
    })?)
}

/// `ln(sum(exp(x)))` over an axis, which is removed.
///
/// # Errors
///
/// As [`softmax`].
pub fn logsumexp(x: &Tensor, axis: usize, ctx: &Ctx<'_>) -> Result<Tensor> {
    let z = x.detach();
    if rescales(ctx) {
        let parts = Parts::new("logsumexp", &z, axis)?;
        let logs = Pair {
            x: parts.sum.x.log()?,
            r: parts.sum.r.log()?,
        };
        let k = secant(&logs.delta()?, &parts.sum.delta()?, &parts.sum.r.recip()?)?;
        let slope = parts.slope.broadcast_mul(&k)?;
        let value =
            Tensor::cat(&[(logs.x + &parts.shift)?, (logs.r + &parts.shift)?], 0)?.squeeze(axis)?;
        return Ok(with_gradient("logsumexp", &[x], value, move |g| {
            let g = upper(g)?.unsqueeze(axis)?;
            Ok(vec![Some(over_zeros(&slope.broadcast_mul(&g)?)?)])
        })?);
    }
    let (value, weights) = log_sum(&z, axis)?;
    Ok(with_gradient("logsumexp", &[x], value, move |g| {
        Ok(vec![Some(weights.broadcast_mul(&g.unsqueeze(axis)?)?)])
    })?)
}

fn log_sum(z: &Tensor, axis: usize) -> TensorResult<(Tensor, Tensor)> {
    let shift = z.max_keepdim(axis)?;
    let a = z.broadcast_sub(&shift)?.exp()?;
    let sum = a.sum_keepdim(axis)?;
    Ok(((sum.log()? + shift)?.squeeze(axis)?, a.broadcast_div(&sum)?))
}

/// `x - logsumexp(x)` over an axis, which stays.
///
/// # Errors
///
/// As [`softmax`].
pub fn log_softmax(x: &Tensor, axis: usize, ctx: &Ctx<'_>) -> Result<Tensor> {
    Ok(x.broadcast_sub(&logsumexp(x, axis, ctx)?.unsqueeze(axis)?)?)
}
