//! Which predicted standard deviation a method takes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CalibratorNeeds, Forecast, column};
use crate::{Error, Result};

/// A predicted standard deviation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpreadSource {
    /// Spread between members, or a student's estimate of it.
    Epistemic,
    /// Spread between replicates.
    Aleatoric,
    /// Root of the sum of both squares; the part that there is, if a model predicts one.
    #[default]
    Total,
}

impl SpreadSource {
    /// The parts without which there is none.
    pub fn needs(self) -> CalibratorNeeds {
        CalibratorNeeds {
            epistemic: self == Self::Epistemic,
            aleatoric: self == Self::Aleatoric,
            ..CalibratorNeeds::default()
        }
    }

    /// Spreads of rows, negative ones as 0.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if the parts that are given do not include it.
    pub fn of(self, epistemic: Option<&[f64]>, aleatoric: Option<&[f64]>) -> Result<Vec<f64>> {
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
            by: "the calibrator",
            help: "use a head that predicts one: `distilled`, `gaussian`, or an ensemble of at least 2 members",
        })
    }

    /// Spreads of all rows of one output of a forecast.
    ///
    /// # Errors
    ///
    /// As [`SpreadSource::of`].
    pub fn of_output(self, forecast: &Forecast<'_>, output: usize) -> Result<Vec<f64>> {
        let pick = |values: &[f64]| column(values, output, forecast.outputs);
        let (epistemic, aleatoric) = (forecast.epistemic.map(pick), forecast.aleatoric.map(pick));
        self.of(epistemic.as_deref(), aleatoric.as_deref())
    }
}
