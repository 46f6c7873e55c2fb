//! Student t predictives, as a normal-inverse-gamma (evidential) head gives them.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::check;
use crate::error::{Result, StatsError};
use crate::special::{ln_beta, ln_gamma, student_cdf, student_pdf};

/// Parameters of a normal-inverse-gamma distribution for one row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NormalInverseGamma {
    /// Location γ.
    pub gamma: f64,
    /// Virtual observations of the mean, ν > 0.
    pub v: f64,
    /// Shape α > 1.
    pub alpha: f64,
    /// Scale β > 0.
    pub beta: f64,
}

/// A located and scaled Student t law.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StudentT {
    /// Degrees of freedom.
    pub degrees: f64,
    /// Location.
    pub location: f64,
    /// Scale (not the standard deviation).
    pub scale: f64,
}

impl NormalInverseGamma {
    fn check(&self) -> Result<()> {
        check::finite("gamma", &[self.gamma])?;
        check::positive("v", &[self.v])?;
        check::positive("beta", &[self.beta])?;
        if !(self.alpha.is_finite() && self.alpha > 1.0) {
            return Err(StatsError::Parameter {
                name: "alpha",
                expected: "above 1",
                found: self.alpha,
            });
        }
        Ok(())
    }

    /// Aleatoric variance β/(α − 1).
    ///
    /// # Errors
    ///
    /// [`StatsError`] unless ν, β > 0 and α > 1.
    pub fn aleatoric_var(&self) -> Result<f64> {
        self.check()?;
        Ok(self.beta / (self.alpha - 1.0))
    }

    /// Epistemic variance β/(ν(α − 1)).
    ///
    /// # Errors
    ///
    /// As [`aleatoric_var`](Self::aleatoric_var).
    pub fn epistemic_var(&self) -> Result<f64> {
        Ok(self.aleatoric_var()? / self.v)
    }

    /// The predictive: Student t with 2α degrees of freedom and scale √(β(1 + ν)/(να)).
    ///
    /// # Errors
    ///
    /// As [`aleatoric_var`](Self::aleatoric_var).
    pub fn predictive(&self) -> Result<StudentT> {
        self.check()?;
        let scale = (self.beta * (1.0 + self.v) / (self.v * self.alpha)).sqrt();
        Ok(StudentT {
            degrees: 2.0 * self.alpha,
            location: self.gamma,
            scale,
        })
    }

    /// Negative log likelihood of `measured`, in nats, without the evidence penalty.
    ///
    /// # Errors
    ///
    /// As [`aleatoric_var`](Self::aleatoric_var).
    pub fn nll(&self, measured: f64) -> Result<f64> {
        self.check()?;
        check::finite("measured", &[measured])?;
        let omega = 2.0 * self.beta * (1.0 + self.v);
        let spread = self.v * (measured - self.gamma).powi(2) + omega;
        Ok(0.5 * (PI / self.v).ln() - self.alpha * omega.ln()
            + (self.alpha + 0.5) * spread.ln()
            + ln_gamma(self.alpha)
            - ln_gamma(self.alpha + 0.5))
    }

    /// The evidence penalty |y − γ|(2ν + α), to be multiplied by its weight.
    pub fn penalty(&self, measured: f64) -> f64 {
        (measured - self.gamma).abs() * (2.0 * self.v + self.alpha)
    }
}

impl StudentT {
    /// CRPS of `measured`, in its units.
    ///
    /// # Errors
    ///
    /// [`StatsError`] unless `degrees` exceeds 1 (the mean must exist) and `scale` is positive.
    pub fn crps(&self, measured: f64) -> Result<f64> {
        check::positive("scale", &[self.scale])?;
        check::finite("measured", &[measured])?;
        let nu = self.degrees;
        if !(nu.is_finite() && nu > 1.0) {
            return Err(StatsError::Parameter {
                name: "degrees",
                expected: "above 1",
                found: nu,
            });
        }
        let z = (measured - self.location) / self.scale;
        let spread = 2.0 * nu.sqrt() / (nu - 1.0)
            * (ln_beta(0.5, nu - 0.5) - 2.0 * ln_beta(0.5, 0.5 * nu)).exp();
        let cdf = student_cdf(z, nu)?;
        let body = z * (2.0 * cdf - 1.0) + 2.0 * student_pdf(z, nu) * (nu + z * z) / (nu - 1.0);
        Ok(self.scale * (body - spread))
    }
}
