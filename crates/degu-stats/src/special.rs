//! Special functions: the normal, Student and Beta distributions, lnΓ, ψ, softplus.
//!
//! Φ is taken from `erfc` of libm, because the normal distribution function of statrs is off by up
//! to 5e-11 relative.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use statrs::distribution::{Beta, ContinuousCDF, Normal, StudentsT};

use crate::check;
use crate::error::{Result, StatsError};

/// 1/√(2π).
const INV_SQRT_TAU: f64 = 0.398_942_280_401_432_7;

/// Density of the standard normal at `z`.
pub fn normal_pdf(z: f64) -> f64 {
    INV_SQRT_TAU * (-0.5 * z * z).exp()
}

/// Distribution function of the standard normal at `z`.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// Quantile of the standard normal; `p` = 0 and 1 give the infinities, anything outside [0, 1] NaN.
pub fn normal_quantile(p: f64) -> f64 {
    if p.is_nan() || !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    Normal::standard().inverse_cdf(p)
}

/// ln Γ(x) for x > 0.
pub fn ln_gamma(x: f64) -> f64 {
    statrs::function::gamma::ln_gamma(x)
}

/// ψ(x), the derivative of ln Γ, for x > 0.
pub fn digamma(x: f64) -> f64 {
    statrs::function::gamma::digamma(x)
}

/// ln B(a, b) for positive arguments.
pub fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// ln(1 + eˣ), without overflow.
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// 1/(1 + e⁻ˣ), without overflow.
pub fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

fn student(degrees: f64) -> Result<StudentsT> {
    StudentsT::new(0.0, 1.0, degrees).map_err(|_| StatsError::Parameter {
        name: "degrees",
        expected: "positive",
        found: degrees,
    })
}

/// Density of Student's t with `degrees` of freedom.
pub fn student_pdf(x: f64, degrees: f64) -> f64 {
    let half = 0.5 * (degrees + 1.0);
    (ln_gamma(half)
        - ln_gamma(0.5 * degrees)
        - 0.5 * (degrees * PI).ln()
        - half * (x * x / degrees).ln_1p())
    .exp()
}

/// Distribution function of Student's t with `degrees` of freedom.
///
/// # Errors
///
/// [`StatsError::Parameter`] unless `degrees` is positive.
pub fn student_cdf(x: f64, degrees: f64) -> Result<f64> {
    Ok(student(degrees)?.cdf(x))
}

/// Quantile of Student's t with `degrees` of freedom at `p` in (0, 1).
///
/// # Errors
///
/// [`StatsError::Parameter`] unless `degrees` is positive and `p` inside (0, 1).
pub fn student_quantile(p: f64, degrees: f64) -> Result<f64> {
    check::open_unit("p", p)?;
    Ok(student(degrees)?.inverse_cdf(p))
}

/// Quantile of Beta(a, b) at `p` in (0, 1).
///
/// # Errors
///
/// [`StatsError::Parameter`] unless `a` and `b` are positive and `p` inside (0, 1).
pub fn beta_quantile(p: f64, a: f64, b: f64) -> Result<f64> {
    check::open_unit("p", p)?;
    let beta = Beta::new(a, b).map_err(|_| StatsError::Parameter {
        name: "a, b",
        expected: "positive",
        found: a.min(b),
    })?;
    Ok(beta.inverse_cdf(p))
}
