//! The predicted spread that the width of an interval follows.

use degu_stats::{
    Alpha,
    order::median,
    recalibrate::{MixRatio, MixedScale, TwoFactor, variance_factor},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CalibratorNeeds, OutputRows};
use crate::{Error, Result};

/// Level at which the ratio of a mix is chosen.
const MIX_ALPHA: (u64, u64) = (1, 10);

/// The smallest share of cut-off spreads that is told.
const TOLD: f64 = 0.01;

/// The predicted spread that scales an interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Spread between members, or a student's estimate of it.
    #[default]
    Epistemic,
    /// Spread between replicates.
    Aleatoric,
    /// Root of the sum of both squares.
    Total,
    /// aleatoric + ratio * epistemic, with the ratio of the smallest Winkler score on rows of their
    /// own.
    Mix,
}

/// What is done to the spreads first, on rows of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recalibrate {
    /// Nothing.
    #[default]
    None,
    /// One factor for the spread in use. It cancels from an interval of one task.
    OneFactor,
    /// One factor each for the epistemic and the aleatoric variance, by likelihood: their ratio is
    /// repaired.
    TwoFactor,
}

/// How a spread becomes a scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScaleConfig {
    /// The spread.
    pub scale: Scale,
    /// What is done to it first.
    pub recalibrate: Recalibrate,
    /// Added, as a fraction of the median spread.
    pub epsilon: f64,
}

impl ScaleConfig {
    /// Whether rows of their own are needed.
    pub fn tunes(&self) -> bool {
        self.scale == Scale::Mix || self.recalibrate != Recalibrate::None
    }

    /// The spreads it needs.
    pub fn needs(&self) -> CalibratorNeeds {
        let both = self.recalibrate == Recalibrate::TwoFactor;
        CalibratorNeeds {
            epistemic: both || self.scale != Scale::Aleatoric,
            aleatoric: both || self.scale != Scale::Epistemic,
            ..CalibratorNeeds::default()
        }
    }
}

/// A scale with everything that was chosen on tuning rows; part of a calibrator's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedScale {
    scale: Scale,
    /// Factors of the epistemic and the aleatoric variance.
    factors: (f64, f64),
    ratio: Option<MixRatio>,
    epsilon: f64,
    notes: Vec<String>,
}

impl FittedScale {
    /// Chooses factors and ratio on `tune` (none are chosen without it), and the epsilon on `tune`
    /// or else on the spreads of `rows`.
    ///
    /// # Errors
    ///
    /// A missing spread; tuning rows that are missing or too few; a fit that does not converge.
    pub fn fit(config: &ScaleConfig, tune: Option<&OutputRows>, rows: &OutputRows) -> Result<Self> {
        let mut fitted = Self {
            scale: config.scale,
            factors: (1.0, 1.0),
            ratio: None,
            epsilon: 0.0,
            notes: Vec::new(),
        };
        if config.tunes() {
            let tune = tune.ok_or(Error::Missing {
                what: "rows to choose the scale on",
                by: "`scale = \"mix\"` and `recalibrate`",
                help: "raise `split.calibration`: a third of the calibration rows tunes",
            })?;
            fitted.tune(config, tune)?;
        }
        let outside = tune.unwrap_or(rows);
        let (base, cut) =
            fitted.base(outside.epistemic.as_deref(), outside.aleatoric.as_deref())?;
        let share = cut as f64 / base.len() as f64;
        if share > TOLD {
            fitted.notes.push(format!(
                "{:.1} % of the predicted spreads are negative and count as 0",
                100.0 * share
            ));
        }
        let typical = median(&base)?;
        fitted.epsilon = if typical > 0.0 {
            config.epsilon * typical
        } else {
            // Nothing to scale by: an absolute score in disguise, which has to be said.
            fitted.notes.push(
                "the predicted spread is 0 in half of the rows or more: intervals have nearly one width"
                    .to_owned(),
            );
            1.0
        };
        Ok(fitted)
    }

    fn tune(&mut self, config: &ScaleConfig, tune: &OutputRows) -> Result<()> {
        match config.recalibrate {
            Recalibrate::None => {}
            Recalibrate::OneFactor => {
                let (base, _) = self.base(tune.epistemic.as_deref(), tune.aleatoric.as_deref())?;
                let sd = above_zero(&base)?;
                let factor = variance_factor(&tune.y, &tune.mean, &sd)?;
                self.factors = (factor * factor, factor * factor);
                self.notes
                    .push(format!("spreads were multiplied by {factor:.3}"));
            }
            Recalibrate::TwoFactor => {
                let epistemic = above_zero(part(tune.epistemic.as_deref(), "epistemic")?)?;
                let aleatoric = above_zero(part(tune.aleatoric.as_deref(), "aleatoric")?)?;
                let two = TwoFactor::fit(&tune.y, &tune.mean, &epistemic, &aleatoric)?;
                self.factors = (two.epistemic, two.aleatoric);
                self.notes.push(factor_words(&two));
            }
        }
        if config.scale == Scale::Mix {
            let alpha = Alpha::new(MIX_ALPHA.0, MIX_ALPHA.1)?;
            let (a, b) = (self.factors.0.sqrt(), self.factors.1.sqrt());
            let scaled = |values: &[f64], factor: f64| -> Vec<f64> {
                values.iter().map(|v| factor * v.max(0.0)).collect()
            };
            let epistemic = above_zero(&scaled(part(tune.epistemic.as_deref(), "epistemic")?, a))?;
            let aleatoric = above_zero(&scaled(part(tune.aleatoric.as_deref(), "aleatoric")?, b))?;
            let grid = MixRatio::default_grid();
            let chosen =
                MixedScale::choose(&tune.y, &tune.mean, &epistemic, &aleatoric, &grid, alpha)?;
            self.ratio = Some(chosen.ratio);
            self.notes.push(match chosen.ratio {
                MixRatio::Linear(ratio) => {
                    format!("the width follows aleatoric + {ratio} * epistemic")
                }
                MixRatio::EpistemicOnly => {
                    "the width follows the epistemic spread alone".to_owned()
                }
            });
        }
        Ok(())
    }

    /// Scales before epsilon, and how many spreads were cut off at 0.
    fn base(
        &self,
        epistemic: Option<&[f64]>,
        aleatoric: Option<&[f64]>,
    ) -> Result<(Vec<f64>, usize)> {
        let (a, b) = (self.factors.0.sqrt(), self.factors.1.sqrt());
        let mut cut = 0;
        let mut up = |v: f64, factor: f64| {
            cut += usize::from(v < 0.0);
            factor * v.max(0.0)
        };
        let epistemic = || part(epistemic, "epistemic");
        let aleatoric = || part(aleatoric, "aleatoric");
        let scale = match self.scale {
            Scale::Epistemic => epistemic()?.iter().map(|e| up(*e, a)).collect(),
            Scale::Aleatoric => aleatoric()?.iter().map(|v| up(*v, b)).collect(),
            Scale::Total | Scale::Mix => epistemic()?
                .iter()
                .zip(aleatoric()?)
                .map(|(e, v)| {
                    let (e, v) = (up(*e, a), up(*v, b));
                    match self.ratio {
                        None => e.hypot(v),
                        Some(MixRatio::Linear(ratio)) => v + ratio * e,
                        Some(MixRatio::EpistemicOnly) => e,
                    }
                })
                .collect(),
        };
        Ok((scale, cut))
    }

    /// Scales of new rows, above 0.
    ///
    /// # Errors
    ///
    /// A missing spread, one that is not finite.
    pub fn apply(&self, epistemic: Option<&[f64]>, aleatoric: Option<&[f64]>) -> Result<Vec<f64>> {
        let (mut scale, _) = self.base(epistemic, aleatoric)?;
        for (row, s) in scale.iter_mut().enumerate() {
            *s += self.epsilon;
            if !(s.is_finite() && *s > 0.0) {
                return Err(degu_stats::StatsError::Scale {
                    name: "scale",
                    row,
                    value: *s,
                }
                .into());
            }
        }
        Ok(scale)
    }

    /// What was chosen, in words.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// Spreads that a likelihood or a ratio can take: at least a thousandth of their mean.
fn above_zero(values: &[f64]) -> Result<Vec<f64>> {
    let cut: Vec<f64> = values.iter().map(|v| v.max(0.0)).collect();
    let floor = 1e-3 * cut.iter().sum::<f64>() / cut.len().max(1) as f64;
    if !(floor.is_finite() && floor > 0.0) {
        return Err(Error::Missing {
            what: "a predicted spread above 0 in at least one tuning row",
            by: "`recalibrate` or `scale = \"mix\"`",
            help: "a spread that is 0 everywhere cannot be repaired; use `recalibrate = \"none\"` or `score = \"absolute\"`",
        });
    }
    Ok(cut.iter().map(|v| v.max(floor)).collect())
}

/// Both factors in words.
fn factor_words(two: &TwoFactor) -> String {
    let mut text = format!(
        "epistemic sd times {:.3}, aleatoric sd times {:.3} (NLL {:.3} to {:.3})",
        two.epistemic.sqrt(),
        two.aleatoric.sqrt(),
        two.nll_unscaled,
        two.nll
    );
    for (flag, name) in [
        (two.epistemic_uninformative, "epistemic"),
        (two.aleatoric_uninformative, "aleatoric"),
    ] {
        if flag {
            text.push_str(&format!(
                "; the {name} spread carries no information about the errors"
            ));
        }
    }
    text
}

fn part<'a>(values: Option<&'a [f64]>, name: &str) -> Result<&'a [f64]> {
    values.ok_or(if name == "epistemic" {
        Error::Missing {
            what: "an epistemic spread",
            by: "a scaled interval",
            help: "use a head that predicts one, or `score = \"absolute\"`",
        }
    } else {
        Error::Missing {
            what: "an aleatoric spread",
            by: "a scaled interval",
            help: "use a head that predicts one, or `scale = \"epistemic\"`",
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: usize) -> OutputRows {
        // Errors follow 2 * epistemic exactly; the aleatoric spread says nothing.
        let epistemic: Vec<f64> = (0..n).map(|i| 0.2 + (i % 10) as f64 / 10.0).collect();
        let sign = |i: usize| if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        OutputRows {
            rows: (0..n).collect(),
            y: (0..n).map(|i| 2.0 * epistemic[i] * sign(i)).collect(),
            mean: vec![0.0; n],
            aleatoric: Some((0..n).map(|i| 0.1 + (i % 7) as f64 / 50.0).collect()),
            epistemic: Some(epistemic),
        }
    }

    fn config(scale: Scale, recalibrate: Recalibrate) -> ScaleConfig {
        ScaleConfig {
            scale,
            recalibrate,
            epsilon: 0.0,
        }
    }

    #[test]
    fn two_factors_find_the_part_that_matters() {
        let rows = rows(400);
        let two = config(Scale::Total, Recalibrate::TwoFactor);
        let fitted = FittedScale::fit(&two, Some(&rows), &rows).unwrap();
        assert!((fitted.factors.0 - 4.0).abs() < 0.2, "{:?}", fitted.factors);
        assert!(
            fitted.notes[0].contains("no information"),
            "{:?}",
            fitted.notes
        );
        let again: FittedScale =
            serde_json::from_str(&serde_json::to_string(&fitted).unwrap()).unwrap();
        let new = |f: &FittedScale| f.apply(Some(&[0.3]), Some(&[0.1])).unwrap();
        assert_eq!(new(&fitted), new(&again));
    }

    #[test]
    fn a_mix_is_chosen_on_tuning_rows_only() {
        let rows = rows(100);
        let mix = config(Scale::Mix, Recalibrate::None);
        let fitted = FittedScale::fit(&mix, Some(&rows), &rows).unwrap();
        assert_eq!(fitted.ratio, Some(MixRatio::EpistemicOnly));
        assert!(FittedScale::fit(&mix, None, &rows).is_err());
    }

    #[test]
    fn negative_spreads_are_cut_off_and_told() {
        let mut bad = rows(50);
        bad.epistemic.as_mut().unwrap()[3] = -0.5;
        bad.epistemic.as_mut().unwrap()[4] = -0.5;
        let plain = ScaleConfig {
            epsilon: 0.1,
            ..config(Scale::Epistemic, Recalibrate::None)
        };
        let fitted = FittedScale::fit(&plain, None, &bad).unwrap();
        assert!(fitted.notes[0].contains("4.0 %"), "{:?}", fitted.notes);
        assert!(fitted.apply(Some(&[-1.0]), None).unwrap()[0] > 0.0);
        let exact = FittedScale::fit(&config(Scale::Epistemic, Recalibrate::None), None, &bad);
        let error = exact.unwrap().apply(Some(&[0.5, 0.0]), None).unwrap_err();
        assert!(error.to_string().contains("row 1"), "{error}");
    }

    #[test]
    fn a_spread_of_zero_everywhere_is_told() {
        let mut flat = rows(20);
        flat.epistemic = Some(vec![0.0; 20]);
        let plain = config(Scale::Epistemic, Recalibrate::None);
        let fitted = FittedScale::fit(&plain, None, &flat).unwrap();
        assert!(fitted.notes()[0].contains("one width"));
        assert_eq!(fitted.apply(Some(&[0.0]), None).unwrap(), [1.0]);
    }

    #[test]
    fn spreads_that_are_mostly_zero_can_be_repaired_and_all_zero_ones_cannot() {
        let mut rows = rows(60);
        let one = config(Scale::Epistemic, Recalibrate::OneFactor);
        let spread = rows.epistemic.as_mut().unwrap();
        for s in spread.iter_mut().skip(10) {
            *s = -0.1;
        }
        assert!(FittedScale::fit(&one, Some(&rows), &rows).is_ok());
        rows.epistemic = Some(vec![0.0; 60]);
        let error = FittedScale::fit(&one, Some(&rows), &rows).unwrap_err();
        assert!(error.to_string().contains("cannot be repaired"), "{error}");
    }

    #[test]
    fn a_missing_spread_says_which() {
        let mut none = rows(20);
        none.aleatoric = None;
        let total = config(Scale::Total, Recalibrate::None);
        let error = FittedScale::fit(&total, None, &none)
            .unwrap_err()
            .to_string();
        assert!(error.contains("aleatoric"), "{error}");
    }
}
