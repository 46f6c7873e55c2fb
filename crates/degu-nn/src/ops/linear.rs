//! Affine maps.

use candle_core::{Result as TensorResult, Tensor};
use degu_core::{Error, Result};

use super::{custom::with_gradient, rounding::multiply};

/// Affine map of the last axis, by one product of contiguous matrices whatever the strides of `x`.
///
/// # Shapes
///
/// * `x` - `[.., I]`, any strides
/// * `weight` - `[I, O]`; `bias` - `[O]`
/// * returns `[.., O]`
///
/// # Errors
///
/// [`Shape`](Error::Shape) if the shapes do not fit each other.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let mut dims = x.dims().to_vec();
    let (i, o) = weight.dims2()?;
    match dims.last_mut() {
        Some(last) if *last == i => *last = o,
        _ => {
            return Err(Error::Shape {
                name: "x of linear",
                expected: "[.., I] for a weight [I, O]",
                got: x.dims().to_vec(),
            });
        }
    }
    check_bias("bias of linear", bias, o)?;
    let rows = matrix(&x.detach(), i)?;
    let w = weight.detach().contiguous()?;
    let y = plus(multiply(&rows, &w)?, bias)?.reshape(dims)?;
    let x_dims = x.dims().to_vec();
    let inputs: Vec<&Tensor> = [x, weight].into_iter().chain(bias).collect();
    let tracked: Vec<bool> = inputs.iter().map(|t| t.track_op()).collect();
    Ok(with_gradient("linear", &inputs, y, move |g| {
        let g = g.reshape(((), o))?;
        let mut all = vec![None; tracked.len()];
        if tracked[0] {
            all[0] = Some(multiply(&g, &w.t()?.contiguous()?)?.reshape(x_dims.as_slice())?);
        }
        if tracked[1] {
            all[1] = Some(multiply(&rows.t()?, &g)?);
        }
        if let Some(slot) = all.get_mut(2) {
            *slot = Some(column_sums(&g)?);
        }
        Ok(all)
    })?)
}

pub(crate) fn check_bias(name: &'static str, bias: Option<&Tensor>, width: usize) -> Result<()> {
    match bias {
        Some(b) if b.dims() != [width] => Err(Error::Shape {
            name,
            expected: "[O], the width of the output",
            got: b.dims().to_vec(),
        }),
        _ => Ok(()),
    }
}

pub(crate) fn plus(y: Tensor, bias: Option<&Tensor>) -> TensorResult<Tensor> {
    match bias {
        Some(b) => y.broadcast_add(&b.detach()),
        None => Ok(y),
    }
}

/// `[.., C]` as a contiguous `[R, C]`.
pub(crate) fn matrix(x: &Tensor, columns: usize) -> TensorResult<Tensor> {
    let rows = x.elem_count() / columns.max(1);
    x.contiguous()?.reshape((rows, columns))
}

/// Sum over the rows of `[R, C]`: a product with ones, whose blocked summation is faster and more
/// exact than a plain sum.
pub(crate) fn column_sums(x: &Tensor) -> TensorResult<Tensor> {
    let (rows, columns) = x.dims2()?;
    Tensor::ones((1, rows), x.dtype(), x.device())?
        .matmul(&x.contiguous()?)?
        .reshape(columns)
}
