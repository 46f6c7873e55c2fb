//! One factor for the spread, or one each for its parts.

use degu_core::{
    Calibration, CalibrationSet, Calibrator, Error, Forecast, Intervals, PluginConfig, Result,
    calibration::{CalibratorNeeds, OutputRows, SpreadSource, column, gather},
};
use degu_stats::{
    Alpha, Guarantee, conformal,
    recalibrate::{TwoFactor, variance_factor},
    special::normal_quantile,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::floor::{floor, raised};

/// Normal intervals with a repaired standard deviation.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VarianceScalingConfig {
    /// One factor, or one for each part.
    pub factors: Factors,
    /// The spread that one factor repairs.
    pub spread: SpreadSource,
}

/// How many factors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Factors {
    /// One for the standard deviation.
    #[default]
    One,
    /// One for the epistemic and one for the aleatoric variance.
    Two,
}

impl PluginConfig for VarianceScalingConfig {}

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
    /// Factors of the standard deviations (epistemic, aleatoric); equal for one factor.
    factors: (f64, f64),
    words: String,
}

impl Output {
    fn fit(config: &VarianceScalingConfig, rows: &OutputRows) -> Result<Self> {
        let (epistemic, aleatoric) = (rows.epistemic.as_deref(), rows.aleatoric.as_deref());
        let spread = match config.factors {
            Factors::One => config.spread,
            Factors::Two => SpreadSource::Total,
        };
        let raw = spread.of(epistemic, aleatoric)?;
        let floor = floor(&raw)?;
        let n = rows.rows.len();
        let told = raised(&raw, floor).map_or_else(String::new, |t| format!("; {t}"));
        match config.factors {
            Factors::One => {
                let sd: Vec<f64> = raw.iter().map(|s| s.max(floor)).collect();
                let factor = variance_factor(&rows.y, &rows.mean, &sd)?;
                Ok(Self {
                    rows: n,
                    spread,
                    floor,
                    factors: (factor, factor),
                    words: format!("sd times {factor:.3}{told}"),
                })
            }
            Factors::Two => {
                let (Some(e), Some(a)) = (epistemic, aleatoric) else {
                    return Err(Error::Missing {
                        what: "an epistemic and an aleatoric spread",
                        by: "variance-scaling with `factors = \"two\"`",
                        help: "use a head that predicts both, or `factors = \"one\"`",
                    });
                };
                let at_least = |v: &[f64]| -> Vec<f64> { v.iter().map(|v| v.max(floor)).collect() };
                let two = TwoFactor::fit(&rows.y, &rows.mean, &at_least(e), &at_least(a))?;
                let (of_e, of_a) = (two.epistemic.sqrt(), two.aleatoric.sqrt());
                let mut words =
                    format!("epistemic sd times {of_e:.3}, aleatoric sd times {of_a:.3}");
                for (flag, name) in [
                    (two.epistemic_uninformative, "epistemic"),
                    (two.aleatoric_uninformative, "aleatoric"),
                ] {
                    if flag {
                        words.push_str(&format!(
                            "; the {name} spread carries no information about the errors"
                        ));
                    }
                }
                words.push_str(&told);
                Ok(Self {
                    rows: n,
                    spread,
                    floor,
                    factors: (of_e, of_a),
                    words,
                })
            }
        }
    }

    fn sd(&self, forecast: &Forecast<'_>, output: usize) -> Result<Vec<f64>> {
        let scaled = |values: Option<&[f64]>, factor: f64| -> Option<Vec<f64>> {
            let own = column(values?, output, forecast.outputs);
            Some(own.iter().map(|v| factor * v).collect())
        };
        let epistemic = scaled(forecast.epistemic, self.factors.0);
        let aleatoric = scaled(forecast.aleatoric, self.factors.1);
        let sd = self.spread.of(epistemic.as_deref(), aleatoric.as_deref())?;
        let least = self.floor * self.factors.0.max(self.factors.1);
        Ok(sd.iter().map(|s| s.max(least)).collect())
    }
}

impl Calibrator for VarianceScalingConfig {
    fn needs(&self) -> CalibratorNeeds {
        match self.factors {
            Factors::One => self.spread.needs(),
            Factors::Two => CalibratorNeeds {
                epistemic: true,
                aleatoric: true,
                ..CalibratorNeeds::default()
            },
        }
    }

    fn fit(
        &self,
        _tune: Option<&CalibrationSet<'_>>,
        set: &CalibrationSet<'_>,
        _target: Option<&Forecast<'_>>,
    ) -> Result<Box<dyn Calibration>> {
        let outputs = (0..set.forecast.outputs)
            .map(|output| Output::fit(self, &OutputRows::of(set, output)?))
            .collect::<Result<Vec<_>>>()?;
        Ok(Box::new(Fitted { outputs }))
    }

    fn restore(&self, state: &serde_json::Value) -> Result<Box<dyn Calibration>> {
        let fitted = Fitted::deserialize(state).map_err(|e| Error::State {
            of: "variance-scaling",
            problem: e.to_string(),
        })?;
        Ok(Box::new(fitted))
    }
}

impl Calibration for Fitted {
    fn intervals(&self, forecast: &Forecast<'_>, alpha: Alpha) -> Result<Intervals> {
        let z = normal_quantile(1.0 - alpha.value() / 2.0);
        gather(forecast, self.outputs.len(), |output| {
            let sd = self.outputs[output].sd(forecast, output)?;
            let radius: Vec<f64> = sd.iter().map(|s| z * s).collect();
            let mean = column(forecast.mean, output, forecast.outputs);
            Ok(conformal::Intervals::around(&mean, &radius)?)
        })
    }

    fn guarantee(&self, _alpha: Alpha) -> Guarantee {
        Guarantee::None
    }

    fn units(&self) -> Vec<usize> {
        self.outputs.iter().map(|o| o.rows).collect()
    }

    fn spread(&self, forecast: &Forecast<'_>) -> Result<Option<Vec<f64>>> {
        let mut all = vec![0.0; forecast.mean.len()];
        for (output, fitted) in self.outputs.iter().enumerate() {
            for (row, sd) in fitted.sd(forecast, output)?.into_iter().enumerate() {
                all[row * forecast.outputs + output] = sd;
            }
        }
        Ok(Some(all))
    }

    fn notes(&self) -> Vec<String> {
        let many = self.outputs.len() > 1;
        let all = self.outputs.iter().enumerate();
        all.map(|(i, o)| {
            if many {
                format!("output {i}: {}", o.words)
            } else {
                o.words.clone()
            }
        })
        .collect()
    }

    fn state(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or(serde_json::Value::Null)
    }
}

degu_core::register!(Calibrator "variance-scaling", VarianceScalingConfig, revision = 1,
    "normal intervals with the predicted spread multiplied by one or two fitted factors; no guarantee",
    cite = "arXiv:1807.00263");

#[cfg(test)]
mod tests {
    use super::*;

    /// Normal-like errors of sd 2 * epistemic; the aleatoric part is 0.1 everywhere.
    fn data(n: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let epistemic: Vec<f64> = (0..n).map(|i| 0.5 + (i % 7) as f64 / 7.0).collect();
        let p = |i: usize| (((i * 7919) % 1009) as f64 + 0.5) / 1009.0;
        let y = (0..n)
            .map(|i| 2.0 * epistemic[i] * normal_quantile(p(i)))
            .collect();
        (y, epistemic, vec![0.1; n])
    }

    #[test]
    fn the_factor_is_found_and_the_intervals_hold() {
        let n = 1009;
        let (y, epistemic, aleatoric) = data(n);
        let (mean, unit) = (vec![0.0; n], (0..n as u64).collect::<Vec<_>>());
        let forecast = Forecast {
            epistemic: Some(&epistemic),
            aleatoric: Some(&aleatoric),
            ..Forecast::new(n, 1, &mean)
        };
        let set = CalibrationSet::new(forecast, &y, &unit);
        for (factors, spread) in [
            (Factors::One, SpreadSource::Epistemic),
            (Factors::Two, SpreadSource::Total),
        ] {
            let config = VarianceScalingConfig { factors, spread };
            let fitted = config.fit(None, &set, None).unwrap();
            let sd = fitted.spread(&forecast).unwrap().unwrap();
            let worst = (0..n)
                .map(|i| (sd[i] / (2.0 * epistemic[i]) - 1.0).abs())
                .fold(0.0, f64::max);
            assert!(worst < 0.05, "{factors:?}: {worst}");
            let at = fitted.intervals(&forecast, "0.1".parse().unwrap()).unwrap();
            let inside = (0..n).filter(|i| at.lower[*i] <= y[*i] && y[*i] <= at.upper[*i]);
            assert!((0.88..0.92).contains(&(inside.count() as f64 / n as f64)));
            assert_eq!(fitted.guarantee("0.1".parse().unwrap()), Guarantee::None);
        }
    }

    #[test]
    fn spreads_of_zero_and_missing_ones_are_named() {
        let (mean, zero) = ([0.0; 4], [0.0; 4]);
        let y = [1.0, -1.0, 2.0, -2.0];
        let fit = |forecast| {
            let set = CalibrationSet::new(forecast, &y, &[1, 2, 3, 4]);
            let config = VarianceScalingConfig::default();
            config.fit(None, &set, None).err().unwrap().to_string()
        };
        let forecast = Forecast::new(4, 1, &mean);
        assert!(fit(forecast).contains("a predicted spread"));
        let flat = Forecast {
            epistemic: Some(&zero),
            ..forecast
        };
        assert!(fit(flat).contains("above 0"));
    }
}
