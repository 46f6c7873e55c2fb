//! Fitted split conformal intervals, one per output.

use std::collections::BTreeMap;

use degu_core::{Calibration, CalibrationSet, Error, Forecast, Intervals, Result};
use degu_stats::{
    Alpha, Guarantee,
    conformal::{Score, SplitConformal},
};
use serde::{Deserialize, Serialize};

use crate::{Scale, ScoreKind, SplitConformalConfig, TooFew};

/// The calibration scores of every output.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fitted {
    scale: Option<Scale>,
    too_few: TooFew,
    outputs: Vec<SplitConformal>,
}

impl Fitted {
    /// Scores the calibration rows, one row of each group.
    ///
    /// # Errors
    ///
    /// A missing spread, a calibration set without a measured row, a spread that is negative or not finite.
    pub fn fit(config: &SplitConformalConfig, set: &CalibrationSet<'_>) -> Result<Self> {
        let forecast = &set.forecast;
        let scale = (config.score == ScoreKind::Normalized).then_some(config.scale);
        let spread = scale.map(|s| spread(s, forecast)).transpose()?;
        let outputs = (0..forecast.outputs)
            .map(|output| {
                let rows = one_per_unit(set, output);
                let pick = |values: &[f64]| -> Vec<f64> {
                    rows.iter()
                        .map(|row| values[row * forecast.outputs + output])
                        .collect()
                };
                let measured = pick(set.y);
                let mean = pick(forecast.mean);
                let spread = spread.as_deref().map(pick);
                let score = match config.score {
                    ScoreKind::Absolute => Score::Absolute,
                    ScoreKind::Signed => Score::Signed,
                    ScoreKind::Upper => Score::Upper,
                    ScoreKind::Lower => Score::Lower,
                    ScoreKind::Normalized => {
                        let spread = spread.as_deref().unwrap_or_default();
                        let typical = spread.iter().sum::<f64>() / spread.len().max(1) as f64;
                        // A spread that is 0 everywhere leaves nothing to scale by: an absolute score in disguise.
                        let epsilon = if typical > 0.0 {
                            config.epsilon * typical
                        } else {
                            1.0
                        };
                        Score::Normalized {
                            epsilon,
                            power: 1.0,
                        }
                    }
                };
                Ok(SplitConformal::fit(
                    score,
                    &measured,
                    &mean,
                    spread.as_deref(),
                )?)
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            scale,
            too_few: config.too_few,
            outputs,
        })
    }
}

impl Calibration for Fitted {
    fn intervals(&self, forecast: &Forecast<'_>, alpha: Alpha) -> Result<Intervals> {
        if forecast.outputs != self.outputs.len() {
            return Err(Error::Shape {
                name: "forecast",
                expected: "as many outputs as were calibrated",
                got: vec![forecast.outputs, self.outputs.len()],
            });
        }
        let spread = self.scale.map(|s| spread(s, forecast)).transpose()?;
        let size = forecast.rows * forecast.outputs;
        let mut all = Intervals {
            lower: vec![0.0; size],
            upper: vec![0.0; size],
        };
        for (output, fitted) in self.outputs.iter().enumerate() {
            let n = fitted.calibration_rows();
            if self.too_few == TooFew::Error && alpha.rank(n) > n {
                return Err(Error::Missing {
                    what: "a larger calibration set (ceil(1 / alpha) - 1 groups at least)",
                    by: "split-conformal with `too_few = \"error\"`",
                    help: "raise `split.calibration`, raise alpha, or use `too_few = \"infinite\"`",
                });
            }
            let pick = |values: &[f64]| -> Vec<f64> {
                (0..forecast.rows)
                    .map(|row| values[row * forecast.outputs + output])
                    .collect()
            };
            let mean = pick(forecast.mean);
            let intervals =
                fitted.intervals(&mean, spread.as_deref().map(pick).as_deref(), alpha)?;
            for row in 0..forecast.rows {
                all.lower[row * forecast.outputs + output] = intervals.lower[row];
                all.upper[row * forecast.outputs + output] = intervals.upper[row];
            }
        }
        Ok(all)
    }

    fn guarantee(&self, _alpha: Alpha) -> Guarantee {
        Guarantee::Marginal
    }

    fn units(&self) -> Vec<usize> {
        self.outputs
            .iter()
            .map(SplitConformal::calibration_rows)
            .collect()
    }

    fn state(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or(serde_json::Value::Null)
    }
}

/// The spread of every prediction, layout of the means.
fn spread(scale: Scale, forecast: &Forecast<'_>) -> Result<Vec<f64>> {
    let missing = |what, help| Error::Missing {
        what,
        by: "the normalized score of split-conformal",
        help,
    };
    let epistemic = || {
        forecast.epistemic.ok_or_else(|| {
            missing(
                "an epistemic spread",
                "use a head that predicts one, or `score = \"absolute\"`",
            )
        })
    };
    let aleatoric = || {
        forecast.aleatoric.ok_or_else(|| {
            missing(
                "an aleatoric spread",
                "use a head that predicts one, or `scale = \"epistemic\"`",
            )
        })
    };
    Ok(match scale {
        Scale::Epistemic => epistemic()?.to_vec(),
        Scale::Aleatoric => aleatoric()?.to_vec(),
        Scale::Total => epistemic()?
            .iter()
            .zip(aleatoric()?)
            .map(|(e, a)| e.hypot(*a))
            .collect(),
    })
}

/// One row of each group with a measured `output`, in the order of rows; which one is a fixed hash of the group.
fn one_per_unit(set: &CalibrationSet<'_>, output: usize) -> Vec<usize> {
    let mut groups: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for row in 0..set.forecast.rows {
        if !set.y[row * set.forecast.outputs + output].is_nan() {
            groups.entry(set.unit[row]).or_default().push(row);
        }
    }
    let mut rows: Vec<usize> = groups
        .into_iter()
        .map(|(unit, rows)| rows[(mix(unit) % rows.len() as u64) as usize])
        .collect();
    rows.sort_unstable();
    rows
}

/// The finalizer of SplitMix64.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use degu_core::Calibrator;

    fn alpha(text: &str) -> Alpha {
        text.parse().unwrap()
    }

    #[test]
    fn two_outputs_are_calibrated_apart_and_survive_their_state() {
        let n = 40;
        let mean = vec![0.0; 2 * n];
        let epistemic: Vec<f64> = (0..2 * n).map(|i| 0.5 + (i % 7) as f64 / 7.0).collect();
        let y: Vec<f64> = (0..2 * n)
            .map(|i| {
                if i % 2 == 0 {
                    (i as f64).sin()
                } else {
                    10.0 * (i as f64).cos()
                }
            })
            .collect();
        let unit: Vec<u64> = (0..n as u64).collect();
        let forecast = Forecast {
            rows: n,
            outputs: 2,
            mean: &mean,
            epistemic: Some(&epistemic),
            aleatoric: None,
            quantiles: None,
            bin: None,
            features: None,
        };
        let set = CalibrationSet {
            forecast,
            y: &y,
            unit: &unit,
        };
        let config = SplitConformalConfig::default();
        let fitted = config.fit(None, &set, None).unwrap();
        let intervals = fitted.intervals(&forecast, alpha("0.1")).unwrap();
        assert!(intervals.upper[1] > 5.0 * intervals.upper[0]);
        let again = config.restore(&fitted.state()).unwrap();
        assert_eq!(again.intervals(&forecast, alpha("0.1")).unwrap(), intervals);
        assert_eq!(fitted.units(), [n, n]);
    }

    #[test]
    fn a_group_counts_once_and_missing_rows_not_at_all() {
        let y = [1.0, 2.0, f64::NAN, 4.0, 5.0];
        let mean = [0.0; 5];
        let forecast = Forecast {
            rows: 5,
            outputs: 1,
            mean: &mean,
            epistemic: None,
            aleatoric: None,
            quantiles: None,
            bin: None,
            features: None,
        };
        let set = CalibrationSet {
            forecast,
            y: &y,
            unit: &[1, 1, 2, 3, 3],
        };
        let config = SplitConformalConfig {
            score: ScoreKind::Absolute,
            ..SplitConformalConfig::default()
        };
        assert_eq!(Fitted::fit(&config, &set).unwrap().units(), [2]);
    }

    #[test]
    fn too_few_rows_are_infinite_or_an_error() {
        let forecast = Forecast {
            rows: 5,
            outputs: 1,
            mean: &[0.0; 5],
            epistemic: None,
            aleatoric: None,
            quantiles: None,
            bin: None,
            features: None,
        };
        let set = CalibrationSet {
            forecast,
            y: &[1.0, 2.0, 3.0, 4.0, 5.0],
            unit: &[1, 2, 3, 4, 5],
        };
        let mut config = SplitConformalConfig {
            score: ScoreKind::Absolute,
            ..SplitConformalConfig::default()
        };
        let fitted = config.fit(None, &set, None).unwrap();
        assert!(fitted.intervals(&forecast, alpha("0.05")).unwrap().upper[0].is_infinite());
        config.too_few = TooFew::Error;
        let fitted = config.fit(None, &set, None).unwrap();
        assert!(fitted.intervals(&forecast, alpha("0.05")).is_err());
    }

    #[test]
    fn a_normalized_score_says_which_spread_is_missing() {
        let forecast = Forecast {
            rows: 1,
            outputs: 1,
            mean: &[0.0],
            epistemic: None,
            aleatoric: None,
            quantiles: None,
            bin: None,
            features: None,
        };
        let set = CalibrationSet {
            forecast,
            y: &[1.0],
            unit: &[1],
        };
        let error = SplitConformalConfig::default()
            .fit(None, &set, None)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("epistemic"), "{error}");
    }
}
