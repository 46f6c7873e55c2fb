//! Adaptive conformal inference for streams: long-run average coverage under drift.

use serde::{Deserialize, Serialize};

use crate::error::{Result, StatsError};

/// The error rate to use at each step of a stream, αₜ₊₁ = αₜ + rate·(α − missₜ).
///
/// αₜ is *not* clipped: the bound on the long-run average needs it. At or below 0 the interval is
/// infinite, at or above 1 it is empty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveAlpha {
    target: f64,
    rate: f64,
    current: f64,
}

impl AdaptiveAlpha {
    /// Starts at the target rate `alpha`; 0.005 is the usual `rate`.
    ///
    /// # Errors
    ///
    /// [`StatsError::Parameter`] unless `alpha` is in (0, 1) and `rate` positive.
    pub fn new(alpha: f64, rate: f64) -> Result<Self> {
        crate::check::open_unit("alpha", alpha)?;
        if !(rate.is_finite() && rate > 0.0) {
            return Err(StatsError::Parameter {
                name: "rate",
                expected: "positive",
                found: rate,
            });
        }
        Ok(Self {
            target: alpha,
            rate,
            current: alpha,
        })
    }

    /// The error rate of the next step; may lie outside (0, 1).
    pub const fn current(&self) -> f64 {
        self.current
    }

    /// Takes in whether the last interval missed and returns the next error rate.
    pub fn update(&mut self, missed: bool) -> f64 {
        self.current += self.rate * (self.target - f64::from(u8::from(missed)));
        self.current
    }
}
