//! Whether spreads notice changed sequences, and whether intervals still hold.
//!
//! Nothing was measured on changed sequences. An interval is held against the ensemble's mean
//! there: what a student promises of the model that it stands for.

use std::collections::BTreeMap;

use degu_config::Study;
use degu_core::{Calibration, Forecast, ModelId, calibration::Covariate};
use degu_report::{Uncertainty, UncertaintyRow, UncertaintySource};
use degu_stats::Alpha;
use degu_train::HostForecast;
use degu_workflow::execute::TaskContext;

use super::curves::{Forecasts, Found, found};
use crate::{
    error::Result,
    results::{CalibrationResult, PreparedData, calibration, kind},
    stages::calibrate::{alphas, block, label},
    uncertainty,
};
use degu_apply::covariates;

/// A fitted calibrator of a model.
struct Fitted {
    /// Name of the block.
    name: String,
    label: String,
    model: ModelId,
    calibration: Box<dyn Calibration>,
    covariates: Vec<Covariate>,
    category: bool,
    alphas: Vec<Alpha>,
}

/// A forecast of changed sequences in f64.
struct Changed<'a> {
    codes: &'a [u8],
    /// Rows of the sequences in the data.
    rows: &'a [usize],
    forecast: &'a HostForecast,
    mean: Vec<f64>,
    /// The ensemble's mean.
    target: Vec<f64>,
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

/// Watches one shift over its severities.
pub(super) struct ShiftWatch<'a> {
    name: &'a str,
    data: &'a PreparedData,
    fitted: Vec<Fitted>,
    /// Spreads on unchanged sequences: (model, task, part).
    clean: BTreeMap<(ModelId, usize, &'static str), Vec<f64>>,
    pub(super) found: Uncertainty,
}

impl<'a> ShiftWatch<'a> {
    /// Restores the calibrators among the inputs; those that weigh by a target or need members have
    /// no say on other sequences.
    pub(super) fn new(
        study: &Study,
        name: &'a str,
        data: &'a PreparedData,
        context: &TaskContext<'_>,
    ) -> Result<Self> {
        let mut fitted = Vec::new();
        for artifact in context.inputs_of("calibrate") {
            let result: CalibrationResult = artifact.json(calibration::FILE)?;
            let block = block(study, &result.name)?;
            let calibrator = block.plugin.build()?;
            let needs = calibrator.needs();
            if needs.target || needs.members {
                continue;
            }
            for (model, card) in &result.fitted {
                fitted.push(Fitted {
                    name: result.name.clone(),
                    label: label(&result.name, block.plugin.name, calibrator.as_ref()),
                    model: *model,
                    calibration: calibrator.restore(&card.state)?,
                    covariates: calibrator.covariates(),
                    category: needs.category,
                    alphas: alphas(&block.keys.alpha)?,
                });
            }
        }
        Ok(Self {
            name,
            data,
            fitted,
            clean: BTreeMap::new(),
            found: Uncertainty::default(),
        })
    }

    /// Looks at the forecasts of one severity; severity 0 comes first.
    pub(super) fn look(
        &mut self,
        severity: f64,
        codes: &[u8],
        rows: &[usize],
        forecasts: &Forecasts,
    ) -> Result<Vec<Found>> {
        let mut all = Vec::new();
        for (model, forecast) in forecasts.final_models() {
            self.notice(severity, model, forecast, &mut all)?;
            // The ensemble's mean is in the middle of its own intervals: nothing to learn.
            if model == ModelId::Ensemble {
                continue;
            }
            let changed = Changed {
                codes,
                rows,
                forecast,
                mean: wide(&forecast.mean),
                target: wide(&forecasts.teacher.mean),
            };
            let split = self.split(severity);
            for own in self.fitted.iter().filter(|f| f.model == model) {
                let more = own.hold(self.data, &changed, &split, &mut self.found.rows)?;
                all.extend(more);
            }
        }
        Ok(all)
    }

    fn split(&self, severity: f64) -> String {
        format!("shift {} {severity}", self.name)
    }

    /// Remembers spreads of unchanged sequences, and compares those of changed ones with them.
    fn notice(
        &mut self,
        severity: f64,
        model: ModelId,
        forecast: &HostForecast,
        all: &mut Vec<Found>,
    ) -> Result<()> {
        for (task, name) in self.data.info.tasks.iter().enumerate() {
            let column = |v: &Vec<f32>| -> Vec<f64> {
                let own = v.iter().skip(task).step_by(self.data.tasks());
                own.map(|v| f64::from(*v)).collect()
            };
            let (epistemic, aleatoric) = (
                forecast.epistemic.as_ref().map(column),
                forecast.aleatoric.as_ref().map(column),
            );
            for (part, values) in uncertainty::parts(epistemic.as_deref(), aleatoric.as_deref()) {
                let key = (model, task, part);
                if severity <= 0.0 {
                    self.clean.insert(key, values);
                    continue;
                }
                let Some(clean) = self.clean.get(&key) else {
                    continue;
                };
                let source = UncertaintySource {
                    kind: kind(model),
                    model: model.to_string(),
                    spread: part.to_owned(),
                    split: self.split(severity),
                    task: name.clone(),
                    ..UncertaintySource::default()
                };
                let rows = uncertainty::of_detection(&source, clean, &values)?;
                if let Some(auroc) = rows.iter().find(|r| r.metric == "ood_auroc") {
                    let metric = format!("AUROC of {part} sd");
                    all.push(found(name, model, metric, auroc.value));
                }
                self.found.rows.extend(rows);
            }
        }
        Ok(())
    }
}

impl Fitted {
    /// How often the intervals of changed sequences hold the ensemble's mean, and how wide they
    /// are.
    fn hold(
        &self,
        data: &PreparedData,
        changed: &Changed<'_>,
        split: &str,
        rows: &mut Vec<UncertaintyRow>,
    ) -> Result<Vec<Found>> {
        let forecast = changed.forecast;
        let epistemic = forecast.epistemic.as_deref().map(wide);
        let aleatoric = forecast.aleatoric.as_deref().map(wide);
        let quantiles = forecast.quantiles.as_ref();
        let quantiles = quantiles.map(|(levels, values)| (wide(values), wide(levels)));
        let features = covariates(changed.codes, data.info.length, &self.covariates);
        let category = data.category.as_ref().filter(|_| self.category);
        let category: Option<Vec<String>> =
            category.map(|c| changed.rows.iter().map(|r| c[*r].clone()).collect());
        let given = Forecast {
            epistemic: epistemic.as_deref(),
            aleatoric: aleatoric.as_deref(),
            quantiles: quantiles
                .as_ref()
                .map(|(values, levels)| (values.as_slice(), levels.as_slice())),
            category: category.as_deref(),
            features: (features.1 > 0).then_some((features.0.as_slice(), features.1)),
            ..Forecast::new(forecast.rows, forecast.width, &changed.mean)
        };
        let mut all = Vec::new();
        for alpha in &self.alphas {
            let intervals = self.calibration.intervals(&given, *alpha)?;
            for (task, name) in data.info.tasks.iter().enumerate() {
                let places = (task..changed.mean.len()).step_by(data.tasks());
                let (share, width) = shares(&intervals, &changed.target, places);
                for (metric, value) in [
                    ("interval_coverage_of_ensemble", share),
                    ("interval_width", width),
                ] {
                    rows.push(UncertaintyRow {
                        source: UncertaintySource {
                            kind: kind(self.model),
                            model: self.model.to_string(),
                            calibrator: self.label.clone(),
                            spread: String::new(),
                            split: split.to_owned(),
                            task: name.clone(),
                        },
                        metric: format!("{metric}@{}", alpha.value()),
                        value,
                        unit: String::new(),
                        note: String::new(),
                    });
                }
                if alpha == self.alphas.first().unwrap_or(alpha) {
                    let level = 100.0 * alpha.level();
                    let metric = format!("in {level:.0} % intervals, {}", self.name);
                    all.push(found(name, self.model, metric, share));
                }
            }
        }
        Ok(all)
    }
}

/// Share of the places whose intervals hold the target, and their mean finite width.
fn shares(
    intervals: &degu_core::Intervals,
    target: &[f64],
    places: impl Iterator<Item = usize> + Clone,
) -> (f64, f64) {
    let inside = |i: &usize| intervals.lower[*i] <= target[*i] && target[*i] <= intervals.upper[*i];
    let count = places.clone().count();
    let share = places.clone().filter(inside).count() as f64 / count.max(1) as f64;
    let finite: Vec<f64> = places
        .map(|i| intervals.upper[i] - intervals.lower[i])
        .filter(|w| w.is_finite())
        .collect();
    if finite.is_empty() {
        return (share, f64::INFINITY);
    }
    (share, finite.iter().sum::<f64>() / finite.len() as f64)
}
