//! Multi-head self-attention (Vaswani et al. 2017).

use candle_core::Tensor;
use degu_core::{Ctx, Error, Result};

use super::{linear, matmul, softmax};

/// Parameters of an attention layer with `A = heads * width` inner channels.
#[derive(Debug, Clone)]
pub struct AttentionTensors {
    /// Queries, keys and values, `[C, A]` each.
    pub project: [Tensor; 3],
    /// Their biases, `[A]` each.
    pub project_bias: Option<[Tensor; 3]>,
    /// `[A, O]`.
    pub output: Tensor,
    /// `[O]`.
    pub output_bias: Option<Tensor>,
    /// Number of heads; divides `A`.
    pub heads: usize,
}

/// Scaled dot-product attention of a sequence to itself, over all positions.
///
/// # Shapes
///
/// * `x` - `[N, L, C]`
/// * returns `[N, L, O]`
///
/// # Errors
///
/// [`Shape`](Error::Shape) if the heads do not divide the width or a shape does not fit.
pub fn attention(x: &Tensor, tensors: &AttentionTensors, ctx: &Ctx<'_>) -> Result<Tensor> {
    let (n, length, _) = x.dims3()?;
    let (inner, heads) = (tensors.project[0].dim(1)?, tensors.heads);
    if heads == 0 || inner % heads != 0 {
        return Err(Error::Shape {
            name: "projection of attention",
            expected: "[C, A] with heads dividing A",
            got: tensors.project[0].dims().to_vec(),
        });
    }
    let width = inner / heads;
    let part = |k: usize| -> Result<Tensor> {
        let bias = tensors.project_bias.as_ref().map(|b| &b[k]);
        let y = linear(x, &tensors.project[k], bias)?;
        Ok(y.reshape((n, length, heads, width))?
            .transpose(1, 2)?
            .contiguous()?)
    };
    let keys = part(1)?.transpose(2, 3)?.contiguous()?;
    let scores = (matmul(&part(0)?, &keys, ctx)? * (1.0 / (width as f64).sqrt()))?;
    let mixed = matmul(&softmax(&scores, 3, ctx)?, &part(2)?, ctx)?;
    let joined = mixed
        .transpose(1, 2)?
        .contiguous()?
        .reshape((n, length, inner))?;
    linear(&joined, &tensors.output, tensors.output_bias.as_ref())
}
