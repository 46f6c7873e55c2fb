//! CV+ and jackknife+ after bootstrap: intervals of the ensemble from its own training rows.
//!
//! Use it where there are too few rows to hold some out: it calibrates on training rows that
//! members left out. It needs an ensemble of bootstrapped members, promises only coverage of 1 - 2
//! alpha in the worst case, and keeps the residuals of all members for every prediction.
//!
//! # Model
//!
//! A training row is new to the members that did not train on it. Its residual is taken from their
//! mean; the interval of a new sequence is built from `mean of the same members - residual` and `+
//! residual` over all training rows. Nothing is held out for calibration. With `ensemble.vary =
//! [.., "folds"]` member k leaves out fold k (CV+); with `"bootstrap"` each member leaves out what
//! its draw missed (jackknife+ after bootstrap), and rows that every member drew are not used.
//!
//! The intervals are those of the ensemble. A student distilled from all members has seen every
//! row: calibrate it by a split.
//!
//! # Parameters
//!
//! See [`CvPlusConfig`].
//!
//! # Citation
//!
//! Barber, Candes, Ramdas, Tibshirani, Annals of Statistics 49:486 (2021), doi:10.1214/20-AOS1965;
//! Kim, Xu, Barber, NeurIPS (2020), arXiv:2002.09025.
//!
//! # Differs from the original in
//!
//! - one row of each group counts, and groups are left out whole;
//! - the number of members is fixed, not drawn at random, which the proof for bags asks for.
//!
//! # Source of golden numbers
//!
//! MAPIE, through the fixtures of `degu-stats`.

use std::collections::BTreeSet;

use degu_core::{
    Calibration, CalibrationSet, Calibrator, Error, Forecast, Intervals, PluginConfig, Result,
    calibration::{CalibratorNeeds, OutputRows, TooFew, gather},
};
use degu_stats::{
    Alpha, Guarantee,
    conformal::cross::{CrossVariant, LeftOut, OutOfBag},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Intervals of the ensemble from members that left rows out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CvPlusConfig {
    /// Which centre a residual is put around.
    pub variant: Variant,
    /// What to do when alpha needs more rows than there are.
    pub too_few: TooFew,
}

/// Which centre a residual is put around.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// The mean of the members that left the row out: at least 1 - 2 alpha, usually near 1 - alpha.
    #[default]
    Plus,
    /// The smallest and the largest of those means: wider.
    MinMax,
}

impl PluginConfig for CvPlusConfig {}

const NEEDS: Error = Error::Missing {
    what: "members that left training rows out",
    by: "cv-plus",
    help: "write ensemble.vary = [\"init\", \"order\", \"folds\"] (or \"bootstrap\"); models that are no ensemble are calibrated by a split",
};

impl Calibrator for CvPlusConfig {
    fn needs(&self) -> CalibratorNeeds {
        CalibratorNeeds {
            members: true,
            ..CalibratorNeeds::default()
        }
    }

    fn fit(
        &self,
        _tune: Option<&CalibrationSet<'_>>,
        set: &CalibrationSet<'_>,
        _target: Option<&Forecast<'_>>,
    ) -> Result<Box<dyn Calibration>> {
        let (Some((means, members)), Some(drawn)) = (set.forecast.members, set.drawn) else {
            return Err(NEEDS);
        };
        let (n, outputs) = (set.forecast.rows, set.forecast.outputs);
        let fitted = (0..outputs)
            .map(|output| {
                let rows = OutputRows::of(set, output)?;
                let picked = |m: usize| rows.rows.iter().map(move |r| (m * n + r, *r));
                let mean: Vec<f64> = (0..members)
                    .flat_map(picked)
                    .map(|(at, _)| means[at * outputs + output])
                    .collect();
                let drawn: Vec<bool> = (0..members)
                    .flat_map(picked)
                    .map(|(at, _)| drawn[at])
                    .collect();
                Ok(LeftOut::fit(OutOfBag {
                    measured: &rows.y,
                    mean: &mean,
                    drawn: &drawn,
                    members,
                })?)
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Box::new(Fitted {
            too_few: self.too_few,
            variant: self.variant,
            outputs: fitted,
        }))
    }

    fn restore(&self, state: &serde_json::Value) -> Result<Box<dyn Calibration>> {
        let fitted = Fitted::deserialize(state).map_err(|e| Error::State {
            of: "cv-plus",
            problem: e.to_string(),
        })?;
        Ok(Box::new(fitted))
    }
}

/// Residuals by the members that left a row out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fitted {
    too_few: TooFew,
    variant: Variant,
    outputs: Vec<LeftOut>,
}

impl Calibration for Fitted {
    fn intervals(&self, forecast: &Forecast<'_>, alpha: Alpha) -> Result<Intervals> {
        let Some((means, members)) = forecast.members else {
            return Err(NEEDS);
        };
        gather(forecast, self.outputs.len(), |output| {
            let fitted = &self.outputs[output];
            if members != fitted.members() {
                return Err(Error::Shape {
                    name: "members",
                    expected: "predictions of the members that were calibrated",
                    got: vec![members, fitted.members()],
                });
            }
            self.too_few.accept(alpha, fitted.used(), "cv-plus")?;
            let own: Vec<f64> = means
                .iter()
                .skip(output)
                .step_by(forecast.outputs)
                .copied()
                .collect();
            let variant = match self.variant {
                Variant::Plus => CrossVariant::Plus,
                Variant::MinMax => CrossVariant::MinMax,
            };
            Ok(fitted.intervals(&own, variant, alpha)?)
        })
    }

    fn guarantee(&self, _alpha: Alpha) -> Guarantee {
        let folds: BTreeSet<usize> = self
            .outputs
            .iter()
            .map(|o| o.folds().unwrap_or(0))
            .collect();
        Guarantee::Cross {
            folds: folds.first().copied().unwrap_or(0),
        }
    }

    fn units(&self) -> Vec<usize> {
        self.outputs.iter().map(LeftOut::used).collect()
    }

    fn notes(&self) -> Vec<String> {
        let excluded = self.outputs.iter().map(LeftOut::excluded).max();
        match excluded {
            Some(rows) if rows > 0 => vec![format!(
                "{rows} training groups were drawn by every member and are not used"
            )],
            _ => Vec::new(),
        }
    }

    fn state(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or(serde_json::Value::Null)
    }
}

degu_core::register!(Calibrator "cv-plus", CvPlusConfig, revision = 1,
    "intervals of an ensemble from training rows that its members left out (CV+, jackknife+)",
    cite = "doi:10.1214/20-AOS1965");

degu_core::document!("lib.rs");

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(i: usize, step: usize) -> f64 {
        ((i * step) % 1009) as f64 / 504.5 - 1.0
    }

    #[test]
    fn two_outputs_of_a_cross_fitted_ensemble() {
        let (members, n) = (3, 90);
        let y: Vec<f64> = (0..2 * n)
            .map(|i| if i % 2 == 0 { 1.0 } else { 5.0 } * wave(i, 7919))
            .collect();
        let means: Vec<f64> = (0..members * 2 * n).map(|i| 0.1 * wave(i, 31)).collect();
        let drawn: Vec<bool> = (0..members * n).map(|i| i % n % members != i / n).collect();
        let mean = vec![0.0; 2 * n];
        let unit: Vec<u64> = (0..n as u64).collect();
        let forecast = Forecast {
            members: Some((&means, members)),
            ..Forecast::new(n, 2, &mean)
        };
        let set = CalibrationSet {
            drawn: Some(&drawn),
            ..CalibrationSet::new(forecast, &y, &unit)
        };
        let config = CvPlusConfig::default();
        let fitted = config.fit(None, &set, None).unwrap();
        let alpha: Alpha = "0.1".parse().unwrap();
        assert_eq!(fitted.guarantee(alpha), Guarantee::Cross { folds: 3 });
        assert_eq!(fitted.units(), [n, n]);
        let at = fitted.intervals(&forecast, alpha).unwrap();
        assert!(at.upper[1] > 3.0 * at.upper[0]);
        let wide = CvPlusConfig {
            variant: Variant::MinMax,
            ..config.clone()
        };
        let wide = wide.fit(None, &set, None).unwrap();
        let wide = wide.intervals(&forecast, alpha).unwrap();
        assert!((0..2 * n).all(|i| wide.lower[i] <= at.lower[i] && at.upper[i] <= wide.upper[i]));
        let again = config.restore(&fitted.state()).unwrap();
        assert_eq!(again.intervals(&forecast, alpha).unwrap(), at);
    }

    #[test]
    fn a_model_without_members_is_refused_in_words() {
        let mean = [0.0; 3];
        let set = CalibrationSet::new(Forecast::new(3, 1, &mean), &[1.0; 3], &[1, 2, 3]);
        let error = CvPlusConfig::default().fit(None, &set, None).err().unwrap();
        assert!(error.to_string().contains("folds"), "{error}");
    }
}
