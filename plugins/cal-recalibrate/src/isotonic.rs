//! A map from predicted to observed quantile levels.

use degu_core::{
    Calibration, CalibrationSet, Calibrator, Error, Forecast, Intervals, PluginConfig, Result,
    calibration::{CalibratorNeeds, OutputRows, SpreadSource, column, gather},
};
use degu_stats::{
    Alpha, Guarantee, conformal,
    recalibrate::{QuantileMap, quantile_map::gaussian_transforms},
    special::{normal_cdf, normal_quantile},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::floor::{floor, raised};

/// Intervals between recalibrated quantiles.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IsotonicConfig {
    /// The spread of the predicted normal distributions.
    pub spread: SpreadSource,
}

impl PluginConfig for IsotonicConfig {}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fitted {
    outputs: Vec<Output>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    rows: usize,
    spread: SpreadSource,
    floor: f64,
    /// Share of calibration rows whose level is 0 or 1: so far away that the predicted distribution
    /// cannot express it.
    beyond: f64,
    /// What is said of raised spreads.
    raised: Option<String>,
    map: QuantileMap,
}

impl Output {
    fn sd(&self, forecast: &Forecast<'_>, output: usize) -> Result<Vec<f64>> {
        let sd = self.spread.of_output(forecast, output)?;
        Ok(sd.iter().map(|s| s.max(self.floor)).collect())
    }

    /// Deviates of the recalibrated quantiles `p` and 1 - `p`, in units of the predicted sd.
    ///
    /// Where most measured values lie beyond what the predicted distribution can express, both
    /// quantiles may be at the same infinity: nothing is known of the end that should be finite, so
    /// the interval is unbounded on both sides.
    fn ends(&self, p: f64) -> (f64, f64) {
        let below = normal_quantile(self.map.predicted(p));
        let above = normal_quantile(self.map.predicted(1.0 - p));
        if below == f64::INFINITY || above == f64::NEG_INFINITY {
            (f64::NEG_INFINITY, f64::INFINITY)
        } else {
            (below, above)
        }
    }
}

impl Calibrator for IsotonicConfig {
    fn needs(&self) -> CalibratorNeeds {
        self.spread.needs()
    }

    fn fit(
        &self,
        _tune: Option<&CalibrationSet<'_>>,
        set: &CalibrationSet<'_>,
        _target: Option<&Forecast<'_>>,
    ) -> Result<Box<dyn Calibration>> {
        let outputs = (0..set.forecast.outputs)
            .map(|output| {
                let rows = OutputRows::of(set, output)?;
                let raw = self
                    .spread
                    .of(rows.epistemic.as_deref(), rows.aleatoric.as_deref())?;
                let floor = floor(&raw)?;
                let sd: Vec<f64> = raw.iter().map(|s| s.max(floor)).collect();
                let transforms = gaussian_transforms(&rows.y, &rows.mean, &sd)?;
                let lost = transforms.iter().filter(|p| **p <= 0.0 || **p >= 1.0);
                Ok(Output {
                    rows: rows.rows.len(),
                    spread: self.spread,
                    floor,
                    beyond: lost.count() as f64 / transforms.len() as f64,
                    raised: raised(&raw, floor),
                    map: QuantileMap::anchored(&transforms)?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Box::new(Fitted { outputs }))
    }

    fn restore(&self, state: &serde_json::Value) -> Result<Box<dyn Calibration>> {
        let fitted = Fitted::deserialize(state).map_err(|e| Error::State {
            of: "isotonic",
            problem: e.to_string(),
        })?;
        Ok(Box::new(fitted))
    }
}

impl Calibration for Fitted {
    fn intervals(&self, forecast: &Forecast<'_>, alpha: Alpha) -> Result<Intervals> {
        gather(forecast, self.outputs.len(), |output| {
            let fitted = &self.outputs[output];
            let sd = fitted.sd(forecast, output)?;
            let (below, above) = fitted.ends(alpha.value() / 2.0);
            let mean = column(forecast.mean, output, forecast.outputs);
            let rows = mean.iter().zip(&sd);
            Ok(conformal::Intervals::from_ends(
                rows.map(|(m, s)| (m + below * s, m + above * s)),
            ))
        })
    }

    fn guarantee(&self, _alpha: Alpha) -> Guarantee {
        Guarantee::None
    }

    fn units(&self) -> Vec<usize> {
        self.outputs.iter().map(|o| o.rows).collect()
    }

    /// Half the width of the central 68.3 %: one sd, if the repaired distribution were normal.
    fn spread(&self, forecast: &Forecast<'_>) -> Result<Option<Vec<f64>>> {
        let mut all = vec![0.0; forecast.mean.len()];
        for (output, fitted) in self.outputs.iter().enumerate() {
            let (below, above) = fitted.ends(normal_cdf(-1.0));
            let factor = 0.5 * (above - below);
            if !(factor.is_finite() && factor > 0.0) {
                return Ok(None);
            }
            for (row, sd) in fitted.sd(forecast, output)?.into_iter().enumerate() {
                all[row * forecast.outputs + output] = factor * sd;
            }
        }
        Ok(Some(all))
    }

    fn notes(&self) -> Vec<String> {
        let mut all = vec!["the map has no knots beyond the calibration rows: at small alpha it follows their extremes".to_owned()];
        for output in &self.outputs {
            if output.beyond > 0.0 {
                all.push(format!(
                    "{:.1} % of the measured values lie further from the prediction than its distribution can express: intervals that need them are unbounded",
                    100.0 * output.beyond
                ));
            }
            all.extend(output.raised.clone());
        }
        all
    }

    fn state(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or(serde_json::Value::Null)
    }
}

degu_core::register!(Calibrator "isotonic", IsotonicConfig, revision = 1,
    "normal intervals whose quantile levels are mapped to the observed ones (Kuleshov); no guarantee",
    cite = "arXiv:1807.00263");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_that_is_far_too_small_gives_unbounded_intervals_that_are_explained() {
        let n = 50;
        let sign = |i: usize| if i.is_multiple_of(5) { -1.0 } else { 1.0 };
        let y: Vec<f64> = (0..n).map(|i| 10.0 * sign(i)).collect();
        let (mean, sd) = (vec![0.0; n], vec![1e-3; n]);
        let unit: Vec<u64> = (0..n as u64).collect();
        let forecast = Forecast {
            epistemic: Some(&sd),
            ..Forecast::new(n, 1, &mean)
        };
        let set = CalibrationSet::new(forecast, &y, &unit);
        let fitted = IsotonicConfig::default().fit(None, &set, None).unwrap();
        for text in ["0.1", "0.5", "0.9"] {
            let at = fitted.intervals(&forecast, text.parse().unwrap()).unwrap();
            assert!(at.lower.iter().all(|l| *l == f64::NEG_INFINITY), "{text}");
            assert!(at.upper.iter().all(|u| *u == f64::INFINITY), "{text}");
        }
        assert!(
            fitted.notes()[1].contains("100.0 %"),
            "{:?}",
            fitted.notes()
        );
        assert!(fitted.spread(&forecast).unwrap().is_none());
    }

    #[test]
    fn skewed_errors_of_a_wrong_spread_are_covered_at_every_level() {
        let n = 2000;
        let p = |i: usize| (((i * 7919) % 2003) as f64 + 0.5) / 2003.0;
        // Exponential errors, predicted as normal ones of a third of their size.
        let y: Vec<f64> = (0..n).map(|i| -(1.0 - p(i)).ln()).collect();
        let (mean, sd) = (vec![1.0; n], vec![0.33; n]);
        let unit: Vec<u64> = (0..n as u64).collect();
        let forecast = Forecast {
            epistemic: Some(&sd),
            ..Forecast::new(n, 1, &mean)
        };
        let half = Forecast {
            rows: n / 2,
            ..forecast
        };
        let set = CalibrationSet::new(half, &y, &unit);
        let config = IsotonicConfig::default();
        let fitted = config.fit(None, &set, None).unwrap();
        for text in ["0.05", "0.2", "0.5"] {
            let alpha: Alpha = text.parse().unwrap();
            let at = fitted.intervals(&forecast, alpha).unwrap();
            let inside = (n / 2..n).filter(|i| at.lower[*i] <= y[*i] && y[*i] <= at.upper[*i]);
            let share = inside.count() as f64 / (n / 2) as f64;
            assert!((share - alpha.level()).abs() < 0.04, "{text}: {share}");
        }
        let again = config.restore(&fitted.state()).unwrap();
        let alpha: Alpha = "0.1".parse().unwrap();
        assert_eq!(
            again.intervals(&forecast, alpha).unwrap(),
            fitted.intervals(&forecast, alpha).unwrap()
        );
        let repaired = fitted.spread(&forecast).unwrap().unwrap()[0];
        assert!((0.7..1.1).contains(&repaired), "{repaired}");
    }
}
