//! Products of two activations; in rescale mode each factor sees the mean of the other.

use candle_core::Tensor;
use degu_core::{Ctx, Error, Result};

use super::{
    custom::with_gradient,
    pair::{Pair, over_zeros, rescales, upper},
    rounding::multiply,
};

/// Elementwise product: gates, squeeze-and-excite, squares.
///
/// # Shapes
///
/// * `a`, `b` - equal, or broadcast against each other beyond the first axis (`[N, 1, C]` with `[N,
///   L, C]`)
///
/// # Errors
///
/// If the shapes do not broadcast, or [`Shape`](Error::Shape) for an odd number of rows in rescale
/// mode.
pub fn product(a: &Tensor, b: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
    let shape = a.shape().broadcast_shape_binary_op(b.shape(), "product")?;
    let (a, b) = (a.broadcast_as(&shape)?, b.broadcast_as(&shape)?);
    let y = (a.detach().contiguous()? * b.detach().contiguous()?)?;
    if rescales(ctx) {
        let (to_a, to_b) = (
            Pair::of("product", &b)?.middle()?,
            Pair::of("product", &a)?.middle()?,
        );
        return Ok(with_gradient("product", &[&a, &b], y, move |g| {
            let g = upper(g)?;
            Ok(vec![
                Some(over_zeros(&(&g * &to_a)?)?),
                Some(over_zeros(&(&g * &to_b)?)?),
            ])
        })?);
    }
    let (za, zb) = (a.detach(), b.detach());
    Ok(with_gradient("product", &[&a, &b], y, move |g| {
        Ok(vec![Some((g * &zb)?), Some((g * &za)?)])
    })?)
}

/// Matrix product of activations, batched over the leading axes.
///
/// # Shapes
///
/// * `a` - `[.., I, J]`, `b` - `[.., J, K]`, with equal leading axes and any strides
/// * returns `[.., I, K]`
///
/// # Errors
///
/// [`Shape`](Error::Shape) if the shapes do not fit each other.
pub fn matmul(a: &Tensor, b: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
    let rank = a.rank();
    let fits = rank >= 2 && b.rank() == rank && a.dims()[..rank - 2] == b.dims()[..rank - 2];
    if !fits || a.dims()[rank - 1] != b.dims()[rank - 2] {
        return Err(Error::Shape {
            name: "b of matmul",
            expected: "[.., J, K] for a [.., I, J] with equal leading axes",
            got: b.dims().to_vec(),
        });
    }
    let (za, zb) = (a.detach().contiguous()?, b.detach().contiguous()?);
    let y = multiply(&za, &zb)?;
    let (i, j) = (rank - 2, rank - 1);
    if rescales(ctx) {
        let (ma, mb) = (
            Pair::of("matmul", &za)?.middle()?,
            Pair::of("matmul", &zb)?.middle()?,
        );
        let (at, bt) = (
            ma.transpose(i, j)?.contiguous()?,
            mb.transpose(i, j)?.contiguous()?,
        );
        return Ok(with_gradient("matmul", &[a, b], y, move |g| {
            let g = upper(g)?;
            Ok(vec![
                Some(over_zeros(&multiply(&g, &bt)?)?),
                Some(over_zeros(&multiply(&at, &g)?)?),
            ])
        })?);
    }
    Ok(with_gradient("matmul", &[a, b], y, move |g| {
        let (at, bt) = (
            za.transpose(i, j)?.contiguous()?,
            zb.transpose(i, j)?.contiguous()?,
        );
        Ok(vec![Some(multiply(g, &bt)?), Some(multiply(&at, g)?)])
    })?)
}
