//! Fitted split conformal intervals, one per output.

use degu_core::{
    Calibration, CalibrationSet, Forecast, Intervals, Result,
    calibration::{FittedScale, OutputRows, TooFew, column, gather},
};
use degu_stats::{
    Alpha, Guarantee,
    conformal::{Score, SplitConformal},
};
use serde::{Deserialize, Serialize};

use crate::{Joint, ScoreKind, SplitConformalConfig};

/// The calibration scores of every output.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fitted {
    too_few: TooFew,
    /// Every output gets this part of alpha.
    parts: u64,
    outputs: Vec<Output>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    scale: Option<FittedScale>,
    scores: SplitConformal,
}

impl Fitted {
    /// Scores the calibration rows, one row of each group.
    ///
    /// # Errors
    ///
    /// A missing spread, an output without a measured row, predictions that are not finite.
    pub fn fit(
        config: &SplitConformalConfig,
        tune: Option<&CalibrationSet<'_>>,
        set: &CalibrationSet<'_>,
    ) -> Result<Self> {
        let outputs = (0..set.forecast.outputs)
            .map(|output| {
                let rows = OutputRows::of(set, output)?;
                let tune = tune.map(|t| OutputRows::of(t, output)).transpose()?;
                let scale = config
                    .scaled()
                    .map(|s| FittedScale::fit(&s, tune.as_ref(), &rows))
                    .transpose()?;
                let spread = scale
                    .as_ref()
                    .map(|s| s.apply(rows.epistemic.as_deref(), rows.aleatoric.as_deref()))
                    .transpose()?;
                let score = match config.score {
                    ScoreKind::Absolute => Score::Absolute,
                    ScoreKind::Signed => Score::Signed,
                    ScoreKind::Upper => Score::Upper,
                    ScoreKind::Lower => Score::Lower,
                    ScoreKind::Normalized => Score::normalized(),
                };
                let scores = SplitConformal::fit(score, &rows.y, &rows.mean, spread.as_deref())?;
                Ok(Output { scale, scores })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            too_few: config.too_few,
            parts: match config.joint {
                Joint::Bonferroni => outputs.len() as u64,
                _ => 1,
            },
            outputs,
        })
    }
}

/// Predicted parts of one output of new rows.
pub(crate) fn parts(
    forecast: &Forecast<'_>,
    output: usize,
) -> (Vec<f64>, Option<Vec<f64>>, Option<Vec<f64>>) {
    let pick = |values: &[f64]| column(values, output, forecast.outputs);
    (
        pick(forecast.mean),
        forecast.epistemic.map(pick),
        forecast.aleatoric.map(pick),
    )
}

impl Calibration for Fitted {
    fn intervals(&self, forecast: &Forecast<'_>, alpha: Alpha) -> Result<Intervals> {
        let alpha = alpha.divided_by(self.parts)?;
        gather(forecast, self.outputs.len(), |output| {
            let fitted = &self.outputs[output];
            let sides = match fitted.scores.score() {
                Score::Signed => alpha.divided_by(2)?,
                _ => alpha,
            };
            let n = fitted.scores.calibration_rows();
            self.too_few.accept(sides, n, "split-conformal")?;
            let (mean, epistemic, aleatoric) = parts(forecast, output);
            let spread = fitted
                .scale
                .as_ref()
                .map(|s| s.apply(epistemic.as_deref(), aleatoric.as_deref()))
                .transpose()?;
            Ok(fitted.scores.intervals(&mean, spread.as_deref(), alpha)?)
        })
    }

    fn guarantee(&self, _alpha: Alpha) -> Guarantee {
        if self.parts > 1 {
            Guarantee::Joint
        } else {
            Guarantee::Marginal
        }
    }

    fn units(&self) -> Vec<usize> {
        self.outputs
            .iter()
            .map(|o| o.scores.calibration_rows())
            .collect()
    }

    fn notes(&self) -> Vec<String> {
        let of = |o: &Output| o.scale.as_ref().map(|s| s.notes().to_vec());
        let many = self.outputs.len() > 1;
        let all = self.outputs.iter().enumerate();
        all.flat_map(|(i, o)| {
            let told = of(o).unwrap_or_default().into_iter();
            told.map(move |n| if many { format!("output {i}: {n}") } else { n })
        })
        .collect()
    }

    fn state(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or(serde_json::Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use degu_core::{
        Calibrator,
        calibration::{Recalibrate, Scale},
    };

    fn alpha(text: &str) -> Alpha {
        text.parse().unwrap()
    }

    fn config(score: ScoreKind) -> SplitConformalConfig {
        SplitConformalConfig {
            score,
            ..SplitConformalConfig::default()
        }
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
            epistemic: Some(&epistemic),
            ..Forecast::new(n, 2, &mean)
        };
        let set = CalibrationSet::new(forecast, &y, &unit);
        let config = SplitConformalConfig::default();
        let fitted = config.fit(None, &set, None).unwrap();
        let intervals = fitted.intervals(&forecast, alpha("0.1")).unwrap();
        assert!(intervals.upper[1] > 5.0 * intervals.upper[0]);
        let again = config.restore(&fitted.state()).unwrap();
        assert_eq!(again.intervals(&forecast, alpha("0.1")).unwrap(), intervals);
        assert_eq!(fitted.units(), [n, n]);
        // Each of two tasks at half of alpha is the box of Bonferroni.
        let joint = SplitConformalConfig {
            joint: Joint::Bonferroni,
            ..config
        };
        let joint = joint.fit(None, &set, None).unwrap();
        assert_eq!(joint.guarantee(alpha("0.2")), Guarantee::Joint);
        assert_eq!(joint.intervals(&forecast, alpha("0.2")).unwrap(), intervals);
    }

    #[test]
    fn too_few_rows_are_infinite_or_an_error() {
        let mean = [0.0; 5];
        let forecast = Forecast::new(5, 1, &mean);
        let set = CalibrationSet::new(forecast, &[1.0, 2.0, 3.0, 4.0, 5.0], &[1, 2, 3, 4, 5]);
        let mut config = config(ScoreKind::Absolute);
        let fitted = config.fit(None, &set, None).unwrap();
        let at = fitted.intervals(&forecast, alpha("0.05")).unwrap();
        assert!(at.upper.iter().all(|u| u.is_infinite()));
        config.too_few = TooFew::Error;
        let fitted = config.fit(None, &set, None).unwrap();
        assert!(fitted.intervals(&forecast, alpha("0.05")).is_err());
        assert!(fitted.intervals(&forecast, alpha("0.2")).is_ok());
        // Two sides need twice the rows.
        config.score = ScoreKind::Signed;
        let fitted = config.fit(None, &set, None).unwrap();
        assert!(fitted.intervals(&forecast, alpha("0.2")).is_err());
    }

    #[test]
    fn one_side_is_open_and_sides_may_differ() {
        let n = 99;
        let mean = vec![0.0; n];
        let y: Vec<f64> = (0..n)
            .map(|i| if i % 2 == 0 { 3.0 } else { -1.0 })
            .collect();
        let unit: Vec<u64> = (0..n as u64).collect();
        let forecast = Forecast::new(n, 1, &mean);
        let set = CalibrationSet::new(forecast, &y, &unit);
        let ends = |score| {
            let fitted = config(score).fit(None, &set, None).unwrap();
            let at = fitted.intervals(&forecast, alpha("0.1")).unwrap();
            (at.lower[0], at.upper[0])
        };
        assert_eq!(ends(ScoreKind::Absolute), (-3.0, 3.0));
        assert_eq!(ends(ScoreKind::Signed), (-1.0, 3.0));
        assert_eq!(ends(ScoreKind::Upper), (f64::NEG_INFINITY, 3.0));
        assert_eq!(ends(ScoreKind::Lower), (-1.0, f64::INFINITY));
    }

    #[test]
    fn a_normalized_score_says_which_spread_is_missing() {
        let mean = [0.0];
        let set = CalibrationSet::new(Forecast::new(1, 1, &mean), &[1.0], &[1]);
        let error = SplitConformalConfig::default()
            .fit(None, &set, None)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("epistemic"), "{error}");
    }

    #[test]
    fn constant_predictions_have_one_width_and_say_so() {
        let n = 50;
        let (mean, epistemic) = (vec![1.0; n], vec![0.0; n]);
        let y: Vec<f64> = (0..n).map(|i| 1.0 + (i % 5) as f64).collect();
        let unit: Vec<u64> = (0..n as u64).collect();
        let forecast = Forecast {
            epistemic: Some(&epistemic),
            ..Forecast::new(n, 1, &mean)
        };
        let set = CalibrationSet::new(forecast, &y, &unit);
        let fitted = SplitConformalConfig::default()
            .fit(None, &set, None)
            .unwrap();
        let at = fitted.intervals(&forecast, alpha("0.1")).unwrap();
        assert!((at.upper[0] - at.upper[n - 1]).abs() < 1e-12 && at.upper[0].is_finite());
        assert!(
            fitted.notes()[0].contains("one width"),
            "{:?}",
            fitted.notes()
        );
    }

    #[test]
    fn a_recalibrated_total_spread_feeds_the_interval() {
        // The error follows the epistemic part alone; the raw total is misled by the aleatoric one.
        let n = 600;
        let epistemic: Vec<f64> = (0..n).map(|i| 0.1 + (i % 13) as f64 / 13.0).collect();
        let aleatoric: Vec<f64> = (0..n).map(|i| 0.2 + (i % 7) as f64).collect();
        let mean = vec![0.0; n];
        let wave = |i: usize| ((i * 7919) % 1009) as f64 / 504.5 - 1.0;
        let y: Vec<f64> = (0..n).map(|i| epistemic[i] * wave(i)).collect();
        let unit: Vec<u64> = (0..n as u64).collect();
        let forecast = Forecast {
            epistemic: Some(&epistemic),
            aleatoric: Some(&aleatoric),
            ..Forecast::new(n, 1, &mean)
        };
        let set = CalibrationSet::new(forecast, &y, &unit);
        let width = |recalibrate, scale| {
            let config = SplitConformalConfig {
                scale,
                recalibrate,
                ..SplitConformalConfig::default()
            };
            assert_eq!(
                config.tuning_fraction() > 0.0,
                config.scaled().unwrap().tunes()
            );
            let fitted = config.fit(Some(&set), &set, None).unwrap();
            let at = fitted.intervals(&forecast, alpha("0.1")).unwrap();
            (0..n).map(|i| at.upper[i] - at.lower[i]).sum::<f64>() / n as f64
        };
        let raw = width(Recalibrate::None, Scale::Total);
        let repaired = width(Recalibrate::TwoFactor, Scale::Total);
        let mix = width(Recalibrate::None, Scale::Mix);
        assert!(repaired < 0.8 * raw, "{repaired} {raw}");
        assert!(mix < 0.8 * raw, "{mix} {raw}");
    }
}
