//! Intervals from the calibration state of a model's card.

use degu_apply::Sequences;
use degu_core::{Calibration, Calibrator, Forecast, Intervals, calibration::Covariate, registry};
use degu_stats::Alpha;
use degu_train::{HostForecast, ModelCard};

use crate::{CliError, Result, args::PredictArgs};

/// A fitted calibrator and the level asked for.
pub(super) struct Interval {
    name: String,
    alpha: Alpha,
    fitted: Box<dyn Calibration>,
    covariates: Vec<Covariate>,
    length: usize,
}

impl Interval {
    /// The calibrator that `--calibration` names, or the default of the card; `None` without
    /// `--interval`.
    pub(super) fn of(card: &ModelCard, args: &PredictArgs) -> Result<Option<Self>> {
        let Some(level) = args.interval else {
            return Ok(None);
        };
        let problem = |problem: String| CliError::Model {
            path: args.model.clone(),
            problem,
        };
        let names: Vec<&String> = card.calibration.keys().collect();
        let listed = || {
            let names: Vec<&str> = names.iter().map(|n| n.as_str()).collect();
            names.join(", ")
        };
        let name = match (&args.calibration, names.as_slice()) {
            (_, []) => {
                return Err(problem(
                    "the model has no calibration, so there are no intervals: add `[calibration.main]` to its study and run it again"
                        .to_owned(),
                ));
            }
            (Some(name), _) => name.clone(),
            (None, [first, ..]) => match &card.default_calibration {
                Some(default) if card.calibration.contains_key(default) => default.clone(),
                // Cards of older versions name no default.
                _ => (*first).clone(),
            },
        };
        let saved = card.calibration.get(&name).ok_or_else(|| {
            problem(format!(
                "no calibration is named `{name}`; the model has {}",
                listed()
            ))
        })?;
        let alpha = Alpha::from_level(level).map_err(degu_core::Error::from)?;
        let calibrator = registry::find::<dyn Calibrator>(&saved.calibrator.plugin)?;
        if calibrator.revision != saved.calibrator.revision {
            return Err(problem(format!(
                "calibration `{name}` was fitted by revision {} of `{}`, and this program has revision {}: use the program that fitted it, or calibrate again",
                saved.calibrator.revision, saved.calibrator.plugin, calibrator.revision
            )));
        }
        let calibrator = calibrator.resolve_json(&saved.calibrator.params)?.build()?;
        if calibrator.needs().category && args.category_column.is_none() {
            return Err(problem(format!(
                "calibration `{name}` has intervals by category: name the column of the table with `--category-column NAME`"
            )));
        }
        Ok(Some(Self {
            name,
            alpha,
            fitted: calibrator.restore(&saved.state)?,
            covariates: calibrator.covariates(),
            length: card.length,
        }))
    }

    /// Guarantee of the intervals, and the number of rows they were fitted on.
    pub(super) fn promise(&self) -> String {
        let units = self.fitted.units();
        let fewest = units.iter().min().copied().unwrap_or(0);
        format!(
            "{} of calibration `{}`, fitted on {fewest} units; {}",
            percent(self.alpha.level()),
            self.name,
            self.fitted.guarantee(self.alpha)
        )
    }

    /// Bounds, in the layout of the means.
    pub(super) fn of_forecast(
        &self,
        forecast: &HostForecast,
        batch: &Sequences,
    ) -> Result<Intervals> {
        let features = degu_apply::covariates(&batch.codes, self.length, &self.covariates);
        let wide = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
        let mean = wide(&forecast.mean);
        let epistemic = forecast.epistemic.as_deref().map(wide);
        let aleatoric = forecast.aleatoric.as_deref().map(wide);
        let quantiles = forecast
            .wide_quantiles()
            .map(|(levels, values)| (values, levels));
        let forecast = Forecast {
            epistemic: epistemic.as_deref(),
            aleatoric: aleatoric.as_deref(),
            quantiles: quantiles
                .as_ref()
                .map(|(v, l)| (v.as_slice(), l.as_slice())),
            category: (!batch.categories.is_empty()).then_some(batch.categories.as_slice()),
            features: (features.1 > 0).then_some((features.0.as_slice(), features.1)),
            ..Forecast::new(forecast.rows, forecast.width, &mean)
        };
        Ok(self.fitted.intervals(&forecast, self.alpha)?)
    }
}

fn percent(level: f64) -> String {
    let text = format!("{:.4}", 100.0 * level);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn levels_are_percentages() {
        assert_eq!(percent(0.9), "90 %");
        assert_eq!(percent(0.975), "97.5 %");
    }
}
