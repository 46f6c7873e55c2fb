//! Logarithm of the gamma function, for losses.

use candle_core::{DType, Result as TensorResult, Tensor};

use super::custom::with_gradient;

/// `ln Gamma(x)` of positive values, computed in f64 on the host; the gradient is the digamma
/// function.
///
/// # Errors
///
/// If a tensor operation fails.
pub fn ln_gamma(x: &Tensor) -> degu_core::Result<Tensor> {
    let z = x.detach();
    let value = map(&z, libm::lgamma)?;
    Ok(with_gradient("ln_gamma", &[x], value, move |g| {
        Ok(vec![Some((g * map(&z, digamma)?)?)])
    })?)
}

fn map(x: &Tensor, f: fn(f64) -> f64) -> TensorResult<Tensor> {
    let mut values = x.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
    for v in &mut values {
        *v = f(*v);
    }
    Tensor::from_vec(values, x.shape(), x.device())?.to_dtype(x.dtype())
}

/// Derivative of `ln Gamma` for positive x: recurrence up to 10, then the asymptotic series
/// (Abramowitz and Stegun 6.3.18).
fn digamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        if x <= 0.0 || x.is_nan() {
            return f64::NAN;
        }
        shift -= 1.0 / x;
        x += 1.0;
    }
    let w = 1.0 / (x * x);
    let series = w
        * (1.0 / 12.0
            - w * (1.0 / 120.0
                - w * (1.0 / 252.0
                    - w * (1.0 / 240.0 - w * (1.0 / 132.0 - w * (691.0 / 32760.0 - w / 12.0))))));
    shift + x.ln() - 0.5 / x - series
}

#[cfg(test)]
mod tests {
    use super::digamma;

    #[test]
    fn digamma_has_its_known_values() {
        let euler = 0.577_215_664_901_532_9;
        assert!((digamma(1.0) + euler).abs() < 1e-14);
        assert!((digamma(0.5) + euler + 2.0 * std::f64::consts::LN_2).abs() < 1e-14);
        let harmonic: f64 = (1..30).map(|k| 1.0 / f64::from(k)).sum();
        assert!((digamma(30.0) - (harmonic - euler)).abs() < 1e-14);
        assert!(digamma(0.0).is_nan());
    }
}
