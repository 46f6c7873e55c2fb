//! Finite differences and descents, for tests of layers, losses and plugins.

use candle_core::{DType, Device, Tensor, Var};
use degu_core::{Result, Seed};
use rand::RngExt as _;

/// Irregular values in `[-1, 1)`, the same for the same name and shape, f64 on the CPU.
///
/// # Errors
///
/// If the tensor cannot be made.
pub fn irregular(name: &str, shape: &[usize]) -> Result<Tensor> {
    let mut rng = Seed::root(7).child(name).rng();
    let values: Vec<f64> = (0..shape.iter().product::<usize>())
        .map(|_| rng.random::<f64>() * 2.0 - 1.0)
        .collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

/// Compares the gradient of `f` with central differences.
///
/// The loss is `sum(f(inputs) w)` with irregular weights `w`: a plain sum would hide errors that
/// cancel. Use batches of at least three, more than one output channel and irregular lengths, and
/// stay away from kinks.
///
/// # Shapes
///
/// * `inputs` - any, f64, all on one device
/// * returns, per input, the largest difference relative to the largest gradient (at least 1)
///
/// # Errors
///
/// If `f` fails, or an input takes no part in the graph.
pub fn gradient_errors(
    f: &dyn Fn(&[Var]) -> Result<Tensor>,
    inputs: &[Tensor],
) -> Result<Vec<f64>> {
    let vars = inputs
        .iter()
        .map(Var::from_tensor)
        .collect::<candle_core::Result<Vec<_>>>()?;
    let y = f(&vars)?;
    let weights = irregular("gradient weights", y.dims())?.to_device(y.device())?;
    let loss = |vars: &[Var]| -> Result<Tensor> { Ok((f(vars)? * &weights)?.sum_all()?) };
    let gradients = (y * &weights)?.sum_all()?.backward()?;
    let mut errors = Vec::with_capacity(vars.len());
    for (i, var) in vars.iter().enumerate() {
        let Some(gradient) = gradients.get(var) else {
            return Err(degu_core::Error::Layer {
                layer: format!("input {i}"),
                rule: "takes part in the graph",
                found: "no gradient".to_owned(),
            });
        };
        let analytic = gradient.flatten_all()?.to_vec1::<f64>()?;
        let start = var.flatten_all()?.to_vec1::<f64>()?;
        let shape = var.shape().clone();
        let (mut worst, mut size) = (0f64, 1f64);
        for (k, expected) in analytic.iter().enumerate() {
            let at = |delta: f64| -> Result<f64> {
                let mut values = start.clone();
                values[k] += delta;
                var.set(&Tensor::from_vec(values, &shape, var.device())?)?;
                Ok(loss(&vars)?.to_dtype(DType::F64)?.to_scalar::<f64>()?)
            };
            // Richardson's extrapolation of two central differences: the error is of order h^4.
            let h = 1e-3;
            let coarse = (at(h)? - at(-h)?) / (2.0 * h);
            let fine = (at(h / 2.0)? - at(-h / 2.0)?) / h;
            let numeric = (4.0 * fine - coarse) / 3.0;
            worst = worst.max((numeric - expected).abs());
            size = size.max(numeric.abs());
        }
        var.set(&Tensor::from_vec(start, &shape, var.device())?)?;
        errors.push(worst / size);
    }
    Ok(errors)
}

/// Fits a linear map from features to raw outputs by gradient descent (Adam, a rate that falls to 0
/// by a cosine) and returns the raw outputs: what a loss makes of a network that is flexible
/// enough, in a second and without one.
///
/// # Shapes
///
/// * `features` - `[N, F]`, f64
/// * returns `[N, outputs]`
///
/// # Errors
///
/// If `loss` fails, or has no gradient.
pub fn descend(
    features: &Tensor,
    outputs: usize,
    loss: &dyn Fn(&Tensor) -> Result<Tensor>,
    steps: usize,
    rate: f64,
) -> Result<Tensor> {
    let (_, width) = features.dims2()?;
    let weights = Var::zeros((width, outputs), DType::F64, features.device())?;
    let (mut first, mut second) = (weights.zeros_like()?, weights.zeros_like()?);
    for step in 1..=steps {
        let raw = crate::ops::linear(features, weights.as_tensor(), None)?;
        let gradients = loss(&raw)?.backward()?;
        let Some(g) = gradients.get(weights.as_tensor()) else {
            return Err(degu_core::Error::Layer {
                layer: "loss".to_owned(),
                rule: "depends on the raw outputs",
                found: "no gradient".to_owned(),
            });
        };
        first = ((&first * 0.9)? + (g * 0.1)?)?.detach();
        second = ((&second * 0.999)? + (g.sqr()? * 0.001)?)?.detach();
        let t = step as f64;
        let m = (&first / (1.0 - 0.9f64.powf(t)))?;
        let v = (&second / (1.0 - 0.999f64.powf(t)))?;
        let now = rate * 0.5 * (1.0 + (std::f64::consts::PI * t / steps as f64).cos());
        let move_by = ((m * now)? / (v.sqrt()? + 1e-12)?)?;
        weights.set(&(weights.as_tensor() - move_by)?.detach())?;
    }
    crate::ops::linear(features, weights.as_tensor(), None)
}
