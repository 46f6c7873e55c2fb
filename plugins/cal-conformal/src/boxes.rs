//! Boxes that hold all tasks of a row at once, by the largest score or by ranks.

use degu_core::{
    Calibration, CalibrationSet, Error, Forecast, Intervals, Result,
    calibration::{FittedScale, OutputRows, TooFew, gather},
};
use degu_stats::{
    Alpha, Guarantee, conformal,
    conformal::joint::{CopulaBox, MaxScore},
};
use serde::{Deserialize, Serialize};

use crate::{Joint, SplitConformalConfig, fitted::parts};

/// A box of all outputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boxes {
    too_few: TooFew,
    /// Rows that calibrate: measured in every output, one of each group.
    rows: usize,
    outputs: Vec<Unit>,
    shape: Shape,
}

/// The unit of an output's scores.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unit {
    scale: Option<FittedScale>,
    /// Root mean square of the scores on tuning rows: makes tasks comparable.
    size: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shape {
    MaxScore(MaxScore),
    Copula(CopulaBox),
}

impl Boxes {
    /// Shape from `tune`, level from `set`.
    ///
    /// # Errors
    ///
    /// No tuning rows, a missing spread, no row in which every output was measured.
    pub fn fit(
        config: &SplitConformalConfig,
        tune: Option<&CalibrationSet<'_>>,
        set: &CalibrationSet<'_>,
    ) -> Result<Self> {
        let tune = tune.ok_or(Error::Missing {
            what: "rows for the shape of the box",
            by: "`joint` of split-conformal",
            help: "raise `split.calibration`: a third to a half of the calibration rows sets the shape",
        })?;
        let outputs = set.forecast.outputs;
        let (mut units, mut shape, mut scores) = (Vec::new(), Vec::new(), Vec::new());
        for output in 0..outputs {
            let (a, b) = (
                OutputRows::complete(tune, output)?,
                OutputRows::complete(set, output)?,
            );
            let scale = config
                .scaled()
                .map(|s| FittedScale::fit(&s, Some(&a), &b))
                .transpose()?;
            let divided = |rows: &OutputRows| -> Result<Vec<f64>> {
                let residuals = rows.residuals();
                let Some(scale) = &scale else {
                    return Ok(residuals);
                };
                let spread = scale.apply(rows.epistemic.as_deref(), rows.aleatoric.as_deref())?;
                Ok(residuals.iter().zip(spread).map(|(r, s)| r / s).collect())
            };
            let (of_a, of_b) = (divided(&a)?, divided(&b)?);
            let size = (of_a.iter().map(|s| s * s).sum::<f64>() / of_a.len() as f64).sqrt();
            // Exact predictions of a task leave nothing to compare.
            let size = if size > 0.0 { size } else { 1.0 };
            shape.push(of_a.iter().map(|s| s / size).collect::<Vec<_>>());
            scores.push(of_b.iter().map(|s| s / size).collect::<Vec<_>>());
            units.push(Unit { scale, size });
        }
        let rows = scores.first().map_or(0, Vec::len);
        let scores = by_row(&scores);
        Ok(Self {
            too_few: config.too_few,
            rows,
            outputs: units,
            shape: match config.joint {
                Joint::Copula => Shape::Copula(CopulaBox::fit(&by_row(&shape), &scores, outputs)?),
                _ => Shape::MaxScore(MaxScore::fit(&scores, outputs)?),
            },
        })
    }
}

/// Columns of equal length as a row-major matrix.
fn by_row(columns: &[Vec<f64>]) -> Vec<f64> {
    let rows = columns.first().map_or(0, Vec::len);
    (0..rows)
        .flat_map(|row| columns.iter().map(move |c| c[row]))
        .collect()
}

impl Calibration for Boxes {
    fn intervals(&self, forecast: &Forecast<'_>, alpha: Alpha) -> Result<Intervals> {
        self.too_few.accept(alpha, self.rows, "split-conformal")?;
        let radii = match &self.shape {
            Shape::MaxScore(all) => vec![all.radius(alpha); self.outputs.len()],
            Shape::Copula(all) => all.radii(alpha),
        };
        gather(forecast, self.outputs.len(), |output| {
            let unit = &self.outputs[output];
            let (mean, epistemic, aleatoric) = parts(forecast, output);
            let radius = radii[output] * unit.size;
            let radius: Vec<f64> = match &unit.scale {
                None => vec![radius; mean.len()],
                Some(scale) => scale
                    .apply(epistemic.as_deref(), aleatoric.as_deref())?
                    .iter()
                    .map(|s| radius * s)
                    .collect(),
            };
            Ok(conformal::Intervals::around(&mean, &radius)?)
        })
    }

    fn guarantee(&self, _alpha: Alpha) -> Guarantee {
        Guarantee::Joint
    }

    fn units(&self) -> Vec<usize> {
        vec![self.rows; self.outputs.len()]
    }

    fn notes(&self) -> Vec<String> {
        let mut all = vec![format!(
            "the box rests on {} groups in which every task was measured",
            self.rows
        )];
        for (i, unit) in self.outputs.iter().enumerate() {
            let told = unit.scale.iter().flat_map(FittedScale::notes);
            all.extend(told.map(|n| format!("output {i}: {n}")));
        }
        all
    }

    fn state(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or(serde_json::Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScoreKind;
    use degu_core::Calibrator;

    /// Three tasks of different size that share half of their error.
    fn data(n: usize, step: usize) -> Vec<f64> {
        let wave = |i: usize, s: usize| ((i * s + step) % 1009) as f64 / 504.5 - 1.0;
        (0..n)
            .flat_map(|i| {
                let shared = wave(i, 7919);
                [(1.0, 31), (10.0, 57), (0.1, 83)]
                    .map(move |(size, own)| size * (shared + wave(i, own)))
            })
            .collect()
    }

    #[test]
    fn boxes_hold_all_tasks_of_a_row_together() {
        let n = 700;
        let (mean, unit) = (vec![0.0; 3 * n], (0..n as u64).collect::<Vec<_>>());
        let forecast = Forecast::new(n, 3, &mean);
        let (y, z, test) = (data(n, 0), data(n, 311), data(n, 619));
        let (set, tune) = (
            CalibrationSet::new(forecast, &y, &unit),
            CalibrationSet::new(forecast, &z, &unit),
        );
        let alpha: Alpha = "0.1".parse().unwrap();
        for joint in [Joint::MaxScore, Joint::Copula] {
            let config = SplitConformalConfig {
                score: ScoreKind::Absolute,
                joint,
                ..SplitConformalConfig::default()
            };
            let fitted = config.fit(Some(&tune), &set, None).unwrap();
            let at = fitted.intervals(&forecast, alpha).unwrap();
            let inside = |i: usize| at.lower[i] <= test[i] && test[i] <= at.upper[i];
            let whole = (0..n).filter(|r| (0..3).all(|t| inside(3 * r + t))).count();
            let share = whole as f64 / n as f64;
            assert!((0.85..0.95).contains(&share), "{joint:?}: {share}");
            // Radii follow the sizes of the tasks.
            assert!(at.upper[1] > 5.0 * at.upper[0] && at.upper[0] > 5.0 * at.upper[2]);
            let again = config.restore(&fitted.state()).unwrap();
            assert_eq!(again.intervals(&forecast, alpha).unwrap(), at);
            assert_eq!(fitted.guarantee(alpha), Guarantee::Joint);
            assert!(config.fit(None, &set, None).is_err());
        }
    }
}
