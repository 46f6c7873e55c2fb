//! Weighted scores of every output, and the classifier that weighs new rows.

use degu_core::{
    Calibration, CalibrationSet, Error, Forecast, Intervals, Result,
    calibration::{FittedScale, OutputRows, TooFew, column, gather},
};
use degu_stats::{
    Alpha, Guarantee, conformal,
    conformal::{
        density_ratio::{RatioModel, RatioOptions, density_ratio_model},
        weighted::{EffectiveSize, WeightedScores},
    },
};
use serde::{Deserialize, Serialize};

use crate::{Feature, WeightedConfig, config::Weight};

/// Folds of the cross-fit.
const FOLDS: usize = 5;

/// Below this effective size no alpha has finite intervals.
const FEWEST: f64 = 50.0;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fitted {
    features: Vec<Feature>,
    test_weight: Weight,
    force: bool,
    too_few: TooFew,
    outputs: Vec<Output>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    rows: usize,
    scale: Option<FittedScale>,
    scores: WeightedScores,
    ratio: RatioModel,
    auroc: f64,
    clipped: usize,
}

impl Fitted {
    pub(crate) fn fit(
        config: &WeightedConfig,
        tune: Option<&CalibrationSet<'_>>,
        set: &CalibrationSet<'_>,
        target: &Forecast<'_>,
    ) -> Result<Self> {
        let options = RatioOptions {
            folds: FOLDS,
            clip: config.clip,
            ..RatioOptions::default()
        };
        let (own, width) = features(&config.features, &set.forecast)?;
        let (new, _) = features(&config.features, target)?;
        let outputs = (0..set.forecast.outputs)
            .map(|output| {
                let rows = OutputRows::of(set, output)?;
                let tune = tune.map(|t| OutputRows::of(t, output)).transpose()?;
                let scale = config
                    .scaled()
                    .map(|s| FittedScale::fit(&s, tune.as_ref(), &rows))
                    .transpose()?;
                let mut scores = rows.residuals();
                if let Some(scale) = &scale {
                    let spread =
                        scale.apply(rows.epistemic.as_deref(), rows.aleatoric.as_deref())?;
                    for (score, s) in scores.iter_mut().zip(spread) {
                        *score /= s;
                    }
                }
                // Folds must not follow the order of rows: a fixed order of the values themselves
                // decides.
                let mut order: Vec<usize> = (0..rows.rows.len()).collect();
                order.sort_by(|a, b| {
                    let row = |i: &usize| &own[rows.rows[*i] * width..(rows.rows[*i] + 1) * width];
                    let by_features = row(a)
                        .iter()
                        .zip(row(b))
                        .map(|(x, y)| x.total_cmp(y))
                        .find(|o| o.is_ne());
                    by_features.unwrap_or_else(|| scores[*a].total_cmp(&scores[*b]))
                });
                let picked: Vec<f64> = order
                    .iter()
                    .flat_map(|i| own[rows.rows[*i] * width..(rows.rows[*i] + 1) * width].to_vec())
                    .collect();
                let scores: Vec<f64> = order.iter().map(|i| scores[*i]).collect();
                let (found, ratio) = density_ratio_model(&picked, &new, width, options)?;
                Ok(Output {
                    rows: scores.len(),
                    scale,
                    scores: WeightedScores::fit(&scores, &found.calibration)?,
                    ratio,
                    auroc: found.auroc,
                    clipped: found.clipped,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            features: config.features.clone(),
            test_weight: config.test_weight,
            force: config.force,
            too_few: config.too_few,
            outputs,
        })
    }

    fn smallest_effective_n(&self) -> f64 {
        let all = self.outputs.iter().map(|o| o.scores.effective_n());
        all.fold(f64::INFINITY, f64::min)
    }
}

/// Features of all rows, row-major, and their number.
fn features(wanted: &[Feature], forecast: &Forecast<'_>) -> Result<(Vec<f64>, usize)> {
    let sequence = wanted.iter().any(|f| *f != Feature::Prediction);
    let given = match (sequence, forecast.features) {
        (false, _) => (&[][..], 0),
        (true, Some(given)) => given,
        (true, None) => {
            return Err(Error::Missing {
                what: "features of the sequences",
                by: "weighted-conformal",
                help: "the framework computes them from the sequences; this is a defect",
            });
        }
    };
    let outputs = forecast.outputs;
    let mut parts: Vec<(&[f64], usize)> = Vec::new();
    if sequence {
        parts.push(given);
    }
    if wanted.contains(&Feature::Prediction) {
        parts.push((forecast.mean, outputs));
        for spread in [forecast.epistemic, forecast.aleatoric]
            .into_iter()
            .flatten()
        {
            parts.push((spread, outputs));
        }
    }
    let width = parts.iter().map(|p| p.1).sum();
    let all = (0..forecast.rows)
        .flat_map(|row| {
            parts
                .iter()
                .flat_map(move |(v, w)| v[row * w..(row + 1) * w].iter().copied())
        })
        .collect();
    Ok((all, width))
}

impl Calibration for Fitted {
    fn intervals(&self, forecast: &Forecast<'_>, alpha: Alpha) -> Result<Intervals> {
        let (rows, width) = features(&self.features, forecast)?;
        gather(forecast, self.outputs.len(), |output| {
            let fitted = &self.outputs[output];
            let pick = |values: &[f64]| column(values, output, forecast.outputs);
            let mean = pick(forecast.mean);
            if !self.force
                && let Err(few) = fitted.scores.require_effective_n(alpha)
            {
                return match self.too_few {
                    TooFew::Error => Err(few.into()),
                    TooFew::Infinite => Ok(conformal::Intervals::around(
                        &mean,
                        &vec![f64::INFINITY; mean.len()],
                    )?),
                };
            }
            let spread = fitted
                .scale
                .as_ref()
                .map(|s| {
                    s.apply(
                        forecast.epistemic.map(pick).as_deref(),
                        forecast.aleatoric.map(pick).as_deref(),
                    )
                })
                .transpose()?;
            let weights = fitted.ratio.weights(&rows, width)?;
            Ok(fitted.scores.intervals(
                &mean,
                spread.as_deref(),
                &weights,
                self.test_weight.into(),
                alpha,
                EffectiveSize::Force,
            )?)
        })
    }

    fn guarantee(&self, _alpha: Alpha) -> Guarantee {
        Guarantee::Weighted {
            effective_n: self.smallest_effective_n(),
        }
    }

    fn units(&self) -> Vec<usize> {
        self.outputs.iter().map(|o| o.rows).collect()
    }

    fn notes(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (i, o) in self.outputs.iter().enumerate() {
            let name = if self.outputs.len() > 1 {
                format!("output {i}: ")
            } else {
                String::new()
            };
            let effective = o.scores.effective_n();
            let mut text = format!(
                "{name}{effective:.0} effective of {} calibration groups; the classifier tells target from calibration with AUROC {:.3}; {} weights were clipped",
                o.rows, o.auroc, o.clipped
            );
            if effective < FEWEST && !self.force {
                text.push_str("; the two sets hardly overlap, so there are no finite intervals");
            }
            all.push(text);
            all.extend(o.scale.iter().flat_map(|s| s.notes().to_vec()));
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
    use crate::WeightedScore;
    use degu_core::Calibrator;

    fn wave(i: usize, step: usize) -> f64 {
        ((i * step) % 10_007) as f64 / 10_007.0
    }

    struct Data {
        x: Vec<f64>,
        mean: Vec<f64>,
        y: Vec<f64>,
        unit: Vec<u64>,
    }

    /// Errors grow with the feature x, which is skewed to small values by `power`.
    fn data(n: usize, power: f64, step: usize) -> Data {
        let x: Vec<f64> = (0..n).map(|i| wave(i + 1, step).powf(power)).collect();
        Data {
            y: (0..n)
                .map(|i| (0.1 + 2.0 * x[i]) * (2.0 * wave(i + 1, 7919) - 1.0))
                .collect(),
            mean: vec![0.0; n],
            unit: (0..n as u64).collect(),
            x,
        }
    }

    impl Data {
        fn forecast(&self) -> Forecast<'_> {
            Forecast {
                features: Some((&self.x, 1)),
                ..Forecast::new(self.x.len(), 1, &self.mean)
            }
        }

        fn share(&self, at: &Intervals) -> f64 {
            let inside = (0..self.y.len())
                .filter(|i| at.lower[*i] <= self.y[*i] && self.y[*i] <= at.upper[*i]);
            inside.count() as f64 / self.y.len() as f64
        }
    }

    fn config() -> WeightedConfig {
        WeightedConfig {
            features: vec![Feature::Gc],
            score: WeightedScore::Absolute,
            clip: 1.0,
            ..WeightedConfig::default()
        }
    }

    #[test]
    fn weights_restore_the_coverage_that_a_shift_takes() {
        let (old, new) = (data(3000, 1.0, 31), data(2000, 0.4, 57));
        let alpha: Alpha = "0.1".parse().unwrap();
        let set = CalibrationSet::new(old.forecast(), &old.y, &old.unit);
        let target = new.forecast();
        let fitted = config().fit(None, &set, Some(&target)).unwrap();
        let weighted = new.share(&fitted.intervals(&target, alpha).unwrap());
        let residuals: Vec<f64> = old.y.iter().map(|y| y.abs()).collect();
        let q = degu_stats::conformal::conformal_quantile(&residuals, alpha).unwrap();
        let plain = new.y.iter().filter(|y| y.abs() <= q).count() as f64 / 2000.0;
        assert!(plain < 0.86, "{plain}");
        assert!((0.88..0.93).contains(&weighted), "{weighted}");
        let Guarantee::Weighted { effective_n } = fitted.guarantee(alpha) else {
            panic!("{:?}", fitted.guarantee(alpha));
        };
        assert!((200.0..3000.0).contains(&effective_n), "{effective_n}");
        let again = config().restore(&fitted.state()).unwrap();
        assert_eq!(
            again.intervals(&target, alpha).unwrap(),
            fitted.intervals(&target, alpha).unwrap()
        );
    }

    #[test]
    fn sets_that_do_not_overlap_have_no_finite_intervals() {
        let (mut old, new) = (data(400, 1.0, 31), data(300, 1.0, 57));
        for x in &mut old.x {
            *x -= 5.0;
        }
        // One calibration row stands among the target rows: it has all the weight.
        old.x[7] = 0.5;
        let alpha: Alpha = "0.1".parse().unwrap();
        let set = CalibrationSet::new(old.forecast(), &old.y, &old.unit);
        let target = new.forecast();
        let fitted = config().fit(None, &set, Some(&target)).unwrap();
        let at = fitted.intervals(&target, alpha).unwrap();
        assert!(at.upper.iter().all(|u| u.is_infinite()));
        assert!(
            fitted.notes()[0].contains("hardly overlap"),
            "{:?}",
            fitted.notes()
        );
        let strict = WeightedConfig {
            too_few: TooFew::Error,
            ..config()
        };
        let fitted = strict.fit(None, &set, Some(&target)).unwrap();
        assert!(
            fitted
                .intervals(&target, alpha)
                .unwrap_err()
                .to_string()
                .contains("effective")
        );
    }

    #[test]
    fn without_a_target_nothing_can_be_weighed() {
        let old = data(50, 1.0, 31);
        let set = CalibrationSet::new(old.forecast(), &old.y, &old.unit);
        assert!(config().fit(None, &set, None).is_err());
    }
}
