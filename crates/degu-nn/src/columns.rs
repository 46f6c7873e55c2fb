//! Raw outputs as blocks of columns, one column per task, and numbers of tasks beside them: what
//! heads are made of.

use candle_core::{D, Tensor};
use degu_core::{LabelInfo, Masked, Result};

/// Block `k` of `tasks` columns.
///
/// # Shapes
///
/// * `raw` - `[.., O]`
/// * returns `[.., T]`
///
/// # Errors
///
/// If there are fewer columns.
pub fn block(raw: &Tensor, k: usize, tasks: usize) -> Result<Tensor> {
    Ok(raw.narrow(D::Minus1, k * tasks, tasks)?)
}

/// One number per task as a row that broadcasts over `like`.
///
/// # Errors
///
/// If the tensor cannot be made.
pub fn per_task(like: &Tensor, values: &[f64]) -> Result<Tensor> {
    Ok(Tensor::new(values, like.device())?.to_dtype(like.dtype())?)
}

/// The scale of each task, its standard deviation in the training rows; 1 for a constant task,
/// which has none.
pub fn scales(info: &LabelInfo) -> Vec<f64> {
    let scale = |s: &f64| if s.is_finite() && *s > 0.0 { *s } else { 1.0 };
    info.std.iter().map(scale).collect()
}

/// A target in units of `scales`.
///
/// # Errors
///
/// If a tensor operation fails.
pub fn in_units(target: &Masked, scales: &[f64]) -> Result<Masked> {
    Ok(Masked {
        value: target
            .value
            .broadcast_div(&per_task(&target.value, scales)?)?,
        mask: target.mask.clone(),
    })
}
