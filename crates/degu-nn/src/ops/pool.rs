//! Pooling over positions.

use candle_core::{DType, Result as TensorResult, Tensor};
use degu_core::{Ctx, Error, Result, graph::Pool};

use super::{
    custom::with_gradient,
    pair::{Pair, over_zeros, rescales, upper},
};

/// Maximum of each window; the first of tied values gets the gradient.
///
/// # Shapes
///
/// * `x` - `[N, L, C]`
/// * returns `[N, floor((L - size) / stride) + 1, C]`; the tail that does not fill a window is
///   dropped
///
/// In rescale mode the change of the maximum is shared between the winner in the example and the
/// winner in the reference (scatter-add, so windows may overlap). A value within rounding of the
/// maximum counts as tied.
///
/// # Errors
///
/// [`Shape`](Error::Shape) if no window fits.
pub fn max_pool(x: &Tensor, pool: Pool, ctx: &Ctx<'_>) -> Result<Tensor> {
    let windows = Windows::new("x of max_pool", x, pool)?;
    let z = x.detach().contiguous()?;
    if !rescales(ctx) {
        let (y, winner) = windows.maximum(&z, None)?;
        return Ok(with_gradient("max_pool", &[x], y, move |g| {
            Ok(vec![Some(windows.scatter(&winner, g)?)])
        })?);
    }
    let tolerance = if z.dtype() == DType::F64 { 1e-12 } else { 1e-6 };
    let (y, winner) = windows.maximum(&z, Some(tolerance))?;
    let (zs, ys, i) = (
        Pair::of("max_pool", &z)?,
        Pair::of("max_pool", &y)?,
        Pair::of("max_pool", &winner)?,
    );
    let top = ys.x.maximum(&ys.r)?;
    let change = zs.delta()?.contiguous()?;
    let share = |at: &Tensor, dy: Tensor, if_zero: f64| -> TensorResult<Tensor> {
        let dz = change.gather(at, 1)?;
        let zero = dz.eq(0.0)?;
        let ones = dz.ones_like()?;
        zero.where_cond(&(&ones * if_zero)?, &(dy / zero.where_cond(&ones, &dz)?)?)
    };
    let (at, at_reference) = (i.x.contiguous()?, i.r.contiguous()?);
    let own = share(&at, (&top - &ys.r)?, 1.0)?;
    let others = share(&at_reference, (&ys.x - &top)?, 0.0)?;
    Ok(with_gradient("max_pool", &[x], y, move |g| {
        let g = upper(g)?;
        let gradient = (windows.scatter(&at, &(&g * &own)?)?
            + windows.scatter(&at_reference, &(&g * &others)?)?)?;
        Ok(vec![Some(over_zeros(&gradient)?)])
    })?)
}

/// Mean of each window. Shapes and errors as [`max_pool`]; linear, so every mode has the same
/// gradient.
pub fn avg_pool(x: &Tensor, pool: Pool) -> Result<Tensor> {
    let windows = Windows::new("x of avg_pool", x, pool)?;
    let z = x.detach().contiguous()?;
    let mut sum = windows.tap(&z, 0)?;
    for t in 1..pool.size {
        sum = (sum + windows.tap(&z, t)?)?;
    }
    let y = (sum / pool.size as f64)?;
    Ok(with_gradient("avg_pool", &[x], y, move |g| {
        let g = (g / pool.size as f64)?;
        let mut sum = Tensor::zeros(
            (g.dim(0)?, windows.length, windows.channels),
            g.dtype(),
            g.device(),
        )?;
        for t in 0..pool.size {
            let rows: Vec<u32> = (0..windows.out)
                .map(|j| (j * pool.stride + t) as u32)
                .collect();
            sum = sum.index_add(&Tensor::from_vec(rows, windows.out, g.device())?, &g, 1)?;
        }
        Ok(vec![Some(sum)])
    })?)
}

/// Mean over positions, `[N, L, C]` to `[N, C]`.
///
/// # Errors
///
/// If `x` has another rank.
pub fn global_mean(x: &Tensor) -> Result<Tensor> {
    let (_, length, _) = x.dims3()?;
    Ok(avg_pool(
        x,
        Pool {
            size: length,
            stride: length,
        },
    )?
    .squeeze(1)?)
}

/// Maximum over positions, `[N, L, C]` to `[N, C]`.
///
/// # Errors
///
/// If `x` has another rank.
pub fn global_max(x: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
    let (_, length, _) = x.dims3()?;
    Ok(max_pool(
        x,
        Pool {
            size: length,
            stride: length,
        },
        ctx,
    )?
    .squeeze(1)?)
}

#[derive(Debug, Clone, Copy)]
struct Windows {
    length: usize,
    channels: usize,
    out: usize,
    pool: Pool,
}

impl Windows {
    fn new(name: &'static str, x: &Tensor, pool: Pool) -> Result<Self> {
        let (_, length, channels) = x.dims3()?;
        let out = if pool.size == 0 || pool.stride == 0 {
            0
        } else {
            pool.output_length(length)
        };
        if out == 0 {
            return Err(Error::Shape {
                name,
                expected: "[N, L, C] with at least one window of at least 1 position",
                got: x.dims().to_vec(),
            });
        }
        Ok(Self {
            length,
            channels,
            out,
            pool,
        })
    }

    /// The value at offset `t` of every window, `[N, out, C]`.
    fn tap(&self, z: &Tensor, t: usize) -> TensorResult<Tensor> {
        if self.out == 1 {
            return z.narrow(1, t, 1)?.contiguous();
        }
        let rows: Vec<u32> = (0..self.out)
            .map(|j| (j * self.pool.stride + t) as u32)
            .collect();
        z.index_select(&Tensor::from_vec(rows, self.out, z.device())?, 1)
    }

    /// Maximum and position of the first value within `tolerance` (relative) of it, both `[N, out,
    /// C]`.
    fn maximum(&self, z: &Tensor, tolerance: Option<f64>) -> TensorResult<(Tensor, Tensor)> {
        let mut best = self.tap(z, 0)?;
        let mut offset = best.zeros_like()?.to_dtype(DType::U32)?;
        let at = |t: usize, like: &Tensor| Tensor::full(t as u32, like.shape(), like.device());
        for t in 1..self.pool.size {
            let value = self.tap(z, t)?;
            let better = value.gt(&best)?;
            best = better.where_cond(&value, &best)?;
            offset = better.where_cond(&at(t, &offset)?, &offset)?;
        }
        if let Some(tolerance) = tolerance {
            let limit = (&best - (best.abs()? * tolerance)?)?;
            for t in (0..self.pool.size).rev() {
                let near = self.tap(z, t)?.ge(&limit)?;
                offset = near.where_cond(&at(t, &offset)?, &offset)?;
            }
        }
        let starts: Vec<u32> = (0..self.out)
            .map(|j| (j * self.pool.stride) as u32)
            .collect();
        let starts = Tensor::from_vec(starts, (1, self.out, 1), z.device())?;
        Ok((best, offset.broadcast_add(&starts)?))
    }

    fn scatter(&self, positions: &Tensor, g: &Tensor) -> TensorResult<Tensor> {
        Tensor::zeros(
            (g.dim(0)?, self.length, self.channels),
            g.dtype(),
            g.device(),
        )?
        .scatter_add(positions, g, 1)
    }
}
