//! Batch and layer normalisation.

use candle_core::{D, Tensor};
use degu_core::{BatchStatistics, Ctx, Error, Result, graph::BatchNorm};

use super::{
    custom::with_gradient,
    linear::{column_sums, matrix},
    pair::{Pair, over_zeros, rescales, upper},
};

/// Constants of a batch normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormOptions {
    /// Added to the variance.
    pub epsilon: f64,
    /// Weight of a batch in the running statistics.
    pub momentum: f64,
    /// Whether the running variance is divided by n - 1.
    pub unbiased: bool,
}

impl BatchNormOptions {
    /// The constants of a layer of a graph.
    pub fn of(layer: &BatchNorm) -> Self {
        Self {
            epsilon: layer.epsilon,
            momentum: layer.momentum,
            unbiased: layer.unbiased,
        }
    }
}

/// Tensors of a batch normalisation, `[C]` each.
#[derive(Debug, Clone)]
pub struct BatchNormTensors {
    /// gamma.
    pub weight: Tensor,
    /// beta.
    pub bias: Tensor,
    /// Running mean.
    pub running_mean: Tensor,
    /// Running variance.
    pub running_var: Tensor,
}

/// Normalises each channel over examples and positions.
///
/// In training by the statistics of the batch (biased variance), which are reported to `ctx` under
/// `path`; in the other modes by the running statistics, which is a linear map.
///
/// # Shapes
///
/// * `x` - `[.., C]`
/// * returns the shape of `x`
///
/// # Errors
///
/// [`Shape`](Error::Shape) if the width is not that of the tensors.
pub fn batch_norm(
    x: &Tensor,
    tensors: &BatchNormTensors,
    options: BatchNormOptions,
    path: &str,
    ctx: &mut Ctx<'_>,
) -> Result<Tensor> {
    let channels = width("x of batch_norm", x, &tensors.weight)?;
    let rows = matrix(&x.detach(), channels)?;
    let count = rows.dim(0)?;
    let training = ctx.is_training();
    let (mean, centred, variance) = if training {
        let mean = (column_sums(&rows)? / count as f64)?;
        let centred = rows.broadcast_sub(&mean)?;
        let variance = (column_sums(&centred.sqr()?)? / count as f64)?;
        let correction = if options.unbiased {
            count as f64 / (count.max(2) - 1) as f64
        } else {
            1.0
        };
        ctx.record_statistics(
            path,
            BatchStatistics {
                mean: mean.clone(),
                variance: (&variance * correction)?,
                momentum: options.momentum,
            },
        );
        (mean, centred, variance)
    } else {
        let mean = tensors.running_mean.detach();
        let centred = rows.broadcast_sub(&mean)?;
        (mean, centred, tensors.running_var.detach())
    };
    drop(mean);
    let inverse = (variance + options.epsilon)?.sqrt()?.recip()?;
    let normal = centred.broadcast_mul(&inverse)?;
    let gamma = tensors.weight.detach();
    let y = normal
        .broadcast_mul(&gamma)?
        .broadcast_add(&tensors.bias.detach())?
        .reshape(x.shape())?;
    let shape = x.shape().clone();
    let scale = (inverse * gamma)?;
    let inputs = [x, &tensors.weight, &tensors.bias];
    let tracked = x.track_op();
    Ok(with_gradient("batch_norm", &inputs, y, move |g| {
        let g = g.reshape(((), channels))?;
        let bias = column_sums(&g)?;
        let weight = column_sums(&(&g * &normal)?)?;
        let input = if !tracked {
            None
        } else if training {
            let count = count as f64;
            let common = g.broadcast_sub(&(&bias / count)?)?;
            let along = normal.broadcast_mul(&(&weight / count)?)?;
            Some((common - along)?.broadcast_mul(&scale)?.reshape(&shape)?)
        } else {
            Some(g.broadcast_mul(&scale)?.reshape(&shape)?)
        };
        Ok(vec![input, Some(weight), Some(bias)])
    })?)
}

/// Normalises the last axis of each row, then scales and shifts it.
///
/// # Shapes
///
/// * `x` - `[.., C]`; `weight`, `bias` - `[C]`
/// * returns the shape of `x`
///
/// # Errors
///
/// [`Shape`](Error::Shape) if the widths differ.
pub fn layer_norm(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f64,
    ctx: &Ctx<'_>,
) -> Result<Tensor> {
    let size = width("x of layer_norm", x, weight)? as f64;
    let z = x.detach();
    let centred = z.broadcast_sub(&z.mean_keepdim(D::Minus1)?)?;
    let inverse = (centred.sqr()?.mean_keepdim(D::Minus1)? + epsilon)?
        .sqrt()?
        .recip()?;
    let normal = centred.broadcast_mul(&inverse)?;
    let value = normal.clone();
    let normalized = if rescales(ctx) {
        let (a, v) = (
            Pair::of("layer_norm", &centred)?,
            Pair::of("layer_norm", &inverse)?,
        );
        let sum = v.sum()?;
        let slope = ((&v.x.sqr()? * &v.r.sqr()?)? / &sum)?.neg()?;
        let (half, factor, t) = ((sum * 0.5)?, (slope / (2.0 * size))?, a.sum()?);
        with_gradient("layer_norm", &[x], value, move |g| {
            let g = upper(g)?;
            let direct = g
                .broadcast_sub(&g.mean_keepdim(D::Minus1)?)?
                .broadcast_mul(&half)?;
            let scale = (&g * &t)?.sum_keepdim(D::Minus1)?.mul(&factor)?;
            Ok(vec![Some(over_zeros(
                &(direct + t.broadcast_mul(&scale)?)?,
            )?)])
        })?
    } else {
        with_gradient("layer_norm", &[x], value, move |g| {
            let along = (g * &normal)?.mean_keepdim(D::Minus1)?;
            let rest = g.broadcast_sub(&g.mean_keepdim(D::Minus1)?)?;
            let gradient = (rest - normal.broadcast_mul(&along)?)?.broadcast_mul(&inverse)?;
            Ok(vec![Some(gradient)])
        })?
    };
    Ok(normalized.broadcast_mul(weight)?.broadcast_add(bias)?)
}

fn width(name: &'static str, x: &Tensor, weight: &Tensor) -> Result<usize> {
    let channels = weight.dims1()?;
    if x.dims().last() == Some(&channels) {
        Ok(channels)
    } else {
        Err(Error::Shape {
            name,
            expected: "[.., C] for parameters [C]",
            got: x.dims().to_vec(),
        })
    }
}
