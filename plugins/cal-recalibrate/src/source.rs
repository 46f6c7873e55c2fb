//! The predicted standard deviation that is repaired.

use degu_core::{Error, Result, calibration::CalibratorNeeds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A predicted standard deviation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Spread between members, or a student's estimate of it.
    Epistemic,
    /// Spread between replicates.
    Aleatoric,
    /// Root of the sum of both squares; the part that there is, if a model predicts one.
    #[default]
    Total,
}

impl Source {
    pub(crate) fn needs(self) -> CalibratorNeeds {
        CalibratorNeeds {
            epistemic: self == Self::Epistemic,
            aleatoric: self == Self::Aleatoric,
            ..CalibratorNeeds::default()
        }
    }

    /// Spreads of rows, negative ones as 0.
    pub(crate) fn of(
        self,
        epistemic: Option<&[f64]>,
        aleatoric: Option<&[f64]>,
    ) -> Result<Vec<f64>> {
        let cut = |v: &[f64]| -> Vec<f64> { v.iter().map(|v| v.max(0.0)).collect() };
        let found = match self {
            Self::Epistemic => epistemic.map(cut),
            Self::Aleatoric => aleatoric.map(cut),
            Self::Total => match (epistemic, aleatoric) {
                (Some(e), Some(a)) => {
                    Some(cut(e).iter().zip(cut(a)).map(|(e, a)| e.hypot(a)).collect())
                }
                (one, other) => one.or(other).map(cut),
            },
        };
        found.ok_or(Error::Missing {
            what: "a predicted spread",
            by: "recalibration",
            help: "use a head that predicts one: `distilled`, `gaussian`, or an ensemble of at least 2 members",
        })
    }
}

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
