//! Spreads of 0, which nothing can be multiplied from.

use degu_core::{Error, Result};

/// The smallest share of raised spreads that is told.
const TOLD: f64 = 0.01;

/// What is said of spreads that count as the floor, if they are more than a few.
pub(crate) fn raised(sd: &[f64], floor: f64) -> Option<String> {
    let share = sd.iter().filter(|s| **s < floor).count() as f64 / sd.len() as f64;
    (share > TOLD).then(|| {
        format!(
            "{:.1} % of the predicted spreads are 0 or nearly so and count as a thousandth of the typical one: they dominate what is fitted",
            100.0 * share
        )
    })
}

/// A thousandth of the typical spread: what a spread of 0 counts as.
pub(crate) fn floor(sd: &[f64]) -> Result<f64> {
    let typical = degu_stats::order::median(sd)?;
    let mean = sd.iter().sum::<f64>() / sd.len() as f64;
    let floor = 1e-3 * if typical > 0.0 { typical } else { mean };
    if floor > 0.0 {
        Ok(floor)
    } else {
        Err(Error::Missing {
            what: "a predicted spread above 0 in at least one calibration row",
            by: "recalibration",
            help: "a spread that is 0 everywhere cannot be repaired; use `split-conformal` with `score = \"absolute\"`",
        })
    }
}
