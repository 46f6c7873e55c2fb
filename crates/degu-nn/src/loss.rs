//! Losses with masks.
//!
//! A mask is 1 where a value is known, 0 where it is missing, times the weight of the row; a loss
//! is `sum(mask l) / sum(mask)`, and 0 with gradient 0 where nothing is known. Prediction, target
//! and mask have one shape: `[N]` against `[N, 1]` would broadcast to `[N, N]` and train on
//! nonsense, so it is an error. Constants are kept unless a function says otherwise.

use std::f64::consts::{LN_2, PI};

use candle_core::Tensor;
use degu_core::{Ctx, Error, Masked, Result};

use crate::ops;

/// Mean squared error.
///
/// # Shapes
///
/// * `prediction`, `target` - equal, `[N, T]` or `[N, B, T]`
/// * returns a scalar
///
/// # Errors
///
/// [`Error::Layer`] if the shapes differ; the same holds for every loss here.
pub fn mse(prediction: &Tensor, target: &Masked) -> Result<Tensor> {
    guard("mse", &[prediction], target)?;
    masked_mean(&(prediction - &target.value)?.sqr()?, &target.mask)
}

/// Huber's loss: `e^2 / 2` up to `delta`, `delta (|e| - delta / 2)` beyond.
pub fn huber(prediction: &Tensor, target: &Masked, delta: f64) -> Result<Tensor> {
    guard("huber", &[prediction], target)?;
    let e = (prediction - &target.value)?;
    // With a = clamp(e, -delta, delta): a e - a^2 / 2, whose gradient in a vanishes inside and in e
    // is a.
    let a = e.detach().clamp(-delta, delta)?;
    masked_mean(&((&a * e)? - (a.sqr()? * 0.5)?)?, &target.mask)
}

/// Negative log-likelihood of a normal distribution, `(ln 2 pi + ln v + (y - mu)^2 / v) / 2`;
/// `variance` is positive.
pub fn gaussian_nll(mean: &Tensor, variance: &Tensor, target: &Masked) -> Result<Tensor> {
    guard("gaussian_nll", &[mean, variance], target)?;
    masked_mean(&gaussian_terms(mean, variance, target)?, &target.mask)
}

fn gaussian_terms(mean: &Tensor, variance: &Tensor, target: &Masked) -> Result<Tensor> {
    let squared = (mean - &target.value)?.sqr()?;
    Ok((((variance.log()? + (squared / variance)?)? + (2.0 * PI).ln())? * 0.5)?)
}

/// Seitzer et al. 2022: each term of [`gaussian_nll`] times `variance^beta`, through which no
/// gradient flows.
///
/// `beta = 0` is the likelihood; with `beta = 1` the gradient of the mean is that of a squared
/// error.
pub fn beta_nll(mean: &Tensor, variance: &Tensor, target: &Masked, beta: f64) -> Result<Tensor> {
    guard("beta_nll", &[mean, variance], target)?;
    let weight = variance.detach().powf(beta)?;
    masked_mean(
        &(gaussian_terms(mean, variance, target)? * weight)?,
        &target.mask,
    )
}

/// Parameters of a normal-inverse-gamma distribution, each of the shape of the target.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Mean.
    pub gamma: Tensor,
    /// Virtual observations of the mean, positive.
    pub nu: Tensor,
    /// Half the virtual observations of the variance, above 1.
    pub alpha: Tensor,
    /// Scale, positive.
    pub beta: Tensor,
}

/// Amini et al. 2020: negative log of the Student t evidence plus `penalty |y - gamma| (2 nu +
/// alpha)`.
pub fn evidential(evidence: &Evidence, target: &Masked, penalty: f64) -> Result<Tensor> {
    let Evidence {
        gamma,
        nu,
        alpha,
        beta,
    } = evidence;
    guard("evidential", &[gamma, nu, alpha, beta], target)?;
    let e = (&target.value - gamma)?;
    let half = (alpha + 0.5)?;
    let ln_omega = ((beta.log()? + (nu + 1.0)?.log()?)? + LN_2)?;
    let omega = ((beta * (nu + 1.0)?)? * 2.0)?;
    let inner = ((nu * e.sqr()?)? + omega)?.log()?;
    let nll = ((nu.log()? * -0.5)? + 0.5 * PI.ln())?;
    let nll = ((nll - (alpha * ln_omega)?)? + (&half * inner)?)?;
    let nll = ((nll + ops::ln_gamma(alpha)?)? - ops::ln_gamma(&half)?)?;
    let wrong = (e.abs()? * ((nu * 2.0)? + alpha)?)?;
    masked_mean(&(nll + (wrong * penalty)?)?, &target.mask)
}

/// Pinball (quantile) loss, mean over the levels: `max(q e, (q - 1) e)` with `e = y - prediction`.
///
/// # Shapes
///
/// * `quantiles` - `[.., T, Q]` for a target `[.., T]` and `Q` levels in (0, 1)
pub fn pinball(quantiles: &Tensor, levels: &[f64], target: &Masked) -> Result<Tensor> {
    let mut expected = target.value.dims().to_vec();
    expected.push(levels.len());
    if quantiles.dims() != expected {
        return Err(mismatch("pinball", quantiles.dims(), &expected));
    }
    guard("pinball", &[], target)?;
    let axis = expected.len() - 1;
    let mut sum: Option<Tensor> = None;
    for (k, q) in levels.iter().enumerate() {
        let e = (&target.value - quantiles.narrow(axis, k, 1)?.squeeze(axis)?)?;
        // q - [e < 0] is the slope: exact, and constant between kinks.
        let slope = (e.detach().lt(0.0)?.to_dtype(e.dtype())?.neg()? + *q)?;
        let term = (e * slope)?;
        sum = Some(match sum {
            None => term,
            Some(s) => (s + term)?,
        });
    }
    match sum {
        Some(s) => masked_mean(&(s / levels.len() as f64)?, &target.mask),
        None => Err(mismatch("pinball", quantiles.dims(), &expected)),
    }
}

/// Binary cross-entropy of logits with targets in `[0, 1]`: `softplus(z) - y z`.
pub fn bce_with_logits(logits: &Tensor, target: &Masked) -> Result<Tensor> {
    guard("bce_with_logits", &[logits], target)?;
    let loss = (ops::softplus(logits, &Ctx::eval())? - (logits * &target.value)?)?;
    masked_mean(&loss, &target.mask)
}

/// Poisson likelihood of a positive rate, `rate - y ln(rate + 1e-7)` as in Keras; the term `ln y!`
/// is dropped.
pub fn poisson(rate: &Tensor, target: &Masked) -> Result<Tensor> {
    guard("poisson", &[rate], target)?;
    masked_mean(
        &(rate - (&target.value * (rate + 1e-7)?.log()?)?)?,
        &target.mask,
    )
}

/// Poisson likelihood of a log rate, `exp(z) - y z`; the term `ln y!` is dropped.
pub fn poisson_log_rate(log_rate: &Tensor, target: &Masked) -> Result<Tensor> {
    guard("poisson_log_rate", &[log_rate], target)?;
    masked_mean(
        &(log_rate.exp()? - (&target.value * log_rate)?)?,
        &target.mask,
    )
}

/// Negative log-likelihood of counts under a multinomial over all bins and tracks of a sequence
/// together (BPNet): `-ln Gamma(n + 1) + sum ln Gamma(n_j + 1) - sum n_j ln p_j`; the mean over
/// sequences.
///
/// # Shapes
///
/// * `logits`, `target` - `[N, B, T]`; counts of a masked bin are left out, and the weight of a
///   sequence is its largest mask
pub fn multinomial_nll(logits: &Tensor, target: &Masked) -> Result<Tensor> {
    guard("multinomial_nll", &[logits], target)?;
    let known = target.mask.detach().gt(0.0)?.to_dtype(logits.dtype())?;
    let counts = (&target.value * known)?.flatten_from(1)?;
    let log_p = ops::log_softmax(&logits.flatten_from(1)?, 1, &Ctx::eval())?;
    let total = counts.sum(1)?;
    let constant = (ops::ln_gamma(&(&counts + 1.0)?)?.sum(1)? - ops::ln_gamma(&(total + 1.0)?)?)?;
    let weights = target.mask.flatten_from(1)?.max(1)?;
    masked_mean(&(constant - (counts * log_p)?.sum(1)?)?, &weights)
}

/// Squared error of the logarithm of a total count: `(ln(1 + n) - prediction)^2`.
///
/// # Shapes
///
/// * `log_count`, `total` - equal; `total` holds counts `n`
pub fn log_count(log_count: &Tensor, total: &Masked) -> Result<Tensor> {
    guard("log_count", &[log_count], total)?;
    let target = (&total.value + 1.0)?.log()?;
    masked_mean(&(log_count - target)?.sqr()?, &total.mask)
}

/// `sum(mask values) / sum(mask)`, 0 if the mask is.
///
/// # Errors
///
/// [`Error::Layer`] if the shapes differ.
pub fn masked_mean(values: &Tensor, mask: &Tensor) -> Result<Tensor> {
    if values.dims() != mask.dims() {
        return Err(mismatch("masked mean", values.dims(), mask.dims()));
    }
    let mask = mask.detach();
    let total = mask.sum_all()?;
    let empty = total.eq(0.0)?;
    let divisor = empty.where_cond(&total.ones_like()?, &total)?;
    Ok(((values * mask)?.sum_all()? / divisor)?)
}

fn guard(loss: &'static str, predictions: &[&Tensor], target: &Masked) -> Result<()> {
    let expected = target.value.dims();
    let given = predictions
        .iter()
        .map(|p| p.dims())
        .chain([target.mask.dims()]);
    match given.into_iter().find(|d| *d != expected) {
        Some(found) => Err(mismatch(loss, found, expected)),
        None => Ok(()),
    }
}

fn mismatch(loss: &'static str, found: &[usize], expected: &[usize]) -> Error {
    Error::Layer {
        layer: loss.to_owned(),
        rule: "prediction, target and mask have the same shape (quantiles one axis more)",
        found: format!("{found:?} for {expected:?}"),
    }
}
