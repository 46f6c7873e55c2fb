//! LSTM as one operation per direction: a graph of `L` steps would be deep enough to overflow the
//! stack in the backward pass.

use candle_core::{Result as TensorResult, Tensor};
use degu_core::{Ctx, Error, Result};

use super::{
    activation::logistic,
    custom::with_gradient,
    linear::linear,
    pair::{Pair, over_zeros, rescales, secant, upper},
    rounding::multiply,
};

/// Parameters of one direction, gates in the order i, f, g, o.
#[derive(Debug, Clone)]
pub struct LstmTensors {
    /// `[C, 4 H]`.
    pub weight: Tensor,
    /// `[H, 4 H]`.
    pub recurrent: Tensor,
    /// `[4 H]`.
    pub bias: Tensor,
}

/// One direction: `c_t = f c_{t-1} + i g`, `h_t = o tanh(c_t)`, with i, f, o the logistic and g the
/// tanh of `x_t weight + h_{t-1} recurrent + bias`, from a state of zeros.
///
/// # Shapes
///
/// * `x` - `[N, L, C]`
/// * returns `h`, `[N, L, H]`
///
/// # Errors
///
/// [`Shape`](Error::Shape) if the shapes do not fit each other.
pub fn lstm(x: &Tensor, tensors: &LstmTensors, ctx: &Ctx<'_>) -> Result<Tensor> {
    x.dims3()?;
    let (hidden, gates) = tensors.recurrent.dims2()?;
    if gates != 4 * hidden {
        return Err(Error::Shape {
            name: "recurrent of lstm",
            expected: "[H, 4 H]",
            got: tensors.recurrent.dims().to_vec(),
        });
    }
    let z = linear(x, &tensors.weight, Some(&tensors.bias))?;
    recur(&z, &tensors.recurrent, hidden, ctx)
}

/// Both directions, concatenated along channels, forward then backward, in the original order of
/// positions.
///
/// # Shapes
///
/// * `x` - `[N, L, C]`
/// * returns `[N, L, 2 H]`
///
/// # Errors
///
/// As [`lstm`].
pub fn bi_lstm(
    x: &Tensor,
    forward: &LstmTensors,
    backward: &LstmTensors,
    ctx: &Ctx<'_>,
) -> Result<Tensor> {
    let there = lstm(x, forward, ctx)?;
    let back = lstm(&x.flip(&[1])?, backward, ctx)?.flip(&[1])?;
    Ok(Tensor::cat(&[there, back], 2)?)
}

/// What the backward pass needs of one step: slopes of the nonlinearities and the other factor of
/// each product.
///
/// In the ordinary modes slopes are derivatives and factors the values themselves; in rescale mode
/// they are secants and means of example and reference, and the same sweep gives DeepLIFT
/// multipliers.
struct Step {
    /// Of the four gates, `[N, 4 H]`.
    slope: Tensor,
    /// Of tanh(c), `[N, H]`.
    cell_slope: Tensor,
    /// i, f, g, o, `[N, 4 H]`.
    gates: Tensor,
    /// c of the step before.
    cell_before: Tensor,
    /// tanh(c).
    squashed: Tensor,
    /// h of the step before, for the gradient of the recurrent weights.
    hidden_before: Tensor,
}

fn recur(z: &Tensor, recurrent: &Tensor, hidden: usize, ctx: &Ctx<'_>) -> Result<Tensor> {
    let (n, length, gates) = z.dims3()?;
    let rescale = rescales(ctx);
    if rescale {
        Pair::of("lstm", z)?;
    }
    let u = recurrent.detach().contiguous()?;
    let steps = z.detach().transpose(0, 1)?.contiguous()?;
    let mut h = Tensor::zeros((n, hidden), z.dtype(), z.device())?;
    let mut c = h.clone();
    let keep = z.track_op() || recurrent.track_op();
    let (mut saved, mut outputs) = (Vec::with_capacity(length), Vec::with_capacity(length));
    for t in 0..length {
        let a = (steps.get(t)? + multiply(&h, &u)?)?;
        let parts = [
            logistic(&a.narrow(1, 0, 2 * hidden)?)?,
            a.narrow(1, 2 * hidden, hidden)?.tanh()?,
            logistic(&a.narrow(1, 3 * hidden, hidden)?)?,
        ];
        let y = Tensor::cat(&parts, 1)?;
        let gate = |k: usize| y.narrow(1, k * hidden, hidden);
        let cell = ((gate(1)? * &c)? + (gate(0)? * gate(2)?)?)?;
        let squashed = cell.tanh()?;
        let output = (gate(3)? * &squashed)?;
        if keep {
            saved.push(Step::new(
                rescale, hidden, &a, &y, &cell, &squashed, &c, &h,
            )?);
        }
        outputs.push(output.clone());
        (h, c) = (output, cell);
    }
    let value = Tensor::stack(&outputs, 1)?;
    let ut = u.t()?.contiguous()?;
    let tracked = recurrent.track_op() && !rescale;
    Ok(with_gradient("lstm", &[z, recurrent], value, move |g| {
        let g = if rescale { upper(g)? } else { g.clone() };
        let dz = sweep(&saved, &g, &ut, hidden)?;
        let du = if tracked {
            let before: Vec<_> = saved.iter().map(|s| &s.hidden_before).collect();
            let before = Tensor::stack(&before, 1)?.reshape(((), hidden))?;
            Some(multiply(
                &before.t()?.contiguous()?,
                &dz.reshape(((), gates))?,
            )?)
        } else {
            None
        };
        let dz = if rescale { over_zeros(&dz)? } else { dz };
        Ok(vec![Some(dz), du])
    })?)
}

impl Step {
    fn new(
        rescale: bool,
        hidden: usize,
        a: &Tensor,
        y: &Tensor,
        cell: &Tensor,
        squashed: &Tensor,
        cell_before: &Tensor,
        hidden_before: &Tensor,
    ) -> TensorResult<Self> {
        let slope = gate_slope(y, hidden)?;
        let cell_slope = squashed.sqr()?.affine(-1.0, 1.0)?;
        if !rescale {
            return Ok(Self {
                slope,
                cell_slope,
                gates: y.clone(),
                cell_before: cell_before.clone(),
                squashed: squashed.clone(),
                hidden_before: hidden_before.clone(),
            });
        }
        let secant_of = |y: &Tensor, z: &Tensor, derivative: &Tensor| {
            secant(
                &Pair::cut(y)?.delta()?,
                &Pair::cut(z)?.delta()?,
                &Pair::cut(derivative)?.x,
            )
        };
        Ok(Self {
            slope: secant_of(y, a, &slope)?,
            cell_slope: secant_of(squashed, cell, &cell_slope)?,
            gates: Pair::cut(y)?.middle()?,
            cell_before: Pair::cut(cell_before)?.middle()?,
            squashed: Pair::cut(squashed)?.middle()?,
            hidden_before: Pair::cut(hidden_before)?.x,
        })
    }
}

/// Derivatives of the gates by their values.
fn gate_slope(y: &Tensor, hidden: usize) -> TensorResult<Tensor> {
    let logistic = |y: Tensor| &y * y.affine(-1.0, 1.0)?;
    Tensor::cat(
        &[
            logistic(y.narrow(1, 0, 2 * hidden)?)?,
            y.narrow(1, 2 * hidden, hidden)?.sqr()?.affine(-1.0, 1.0)?,
            logistic(y.narrow(1, 3 * hidden, hidden)?)?,
        ],
        1,
    )
}

/// Gradient of the gates' arguments, `[N, L, 4 H]`.
fn sweep(steps: &[Step], g: &Tensor, ut: &Tensor, hidden: usize) -> TensorResult<Tensor> {
    let n = g.dim(0)?;
    let mut dh = Tensor::zeros((n, hidden), g.dtype(), g.device())?;
    let mut dc = dh.clone();
    let mut all = Vec::with_capacity(steps.len());
    for (t, step) in steps.iter().enumerate().rev() {
        let gate = |k: usize| step.gates.narrow(1, k * hidden, hidden);
        let total = (g.narrow(1, t, 1)?.squeeze(1)? + dh)?;
        let through = ((&total * gate(3)?)? * &step.cell_slope)?;
        let cell = (through + dc)?;
        let dy = Tensor::cat(
            &[
                (&cell * gate(2)?)?,
                (&cell * &step.cell_before)?,
                (&cell * gate(0)?)?,
                (&total * &step.squashed)?,
            ],
            1,
        )?;
        let da = (dy * &step.slope)?;
        dh = multiply(&da, ut)?;
        dc = (cell * gate(1)?)?;
        all.push(da);
    }
    all.reverse();
    Tensor::stack(&all, 1)
}
