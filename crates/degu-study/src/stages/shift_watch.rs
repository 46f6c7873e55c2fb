//! Whether spreads notice changed sequences, and whether intervals still hold.
//!
//! Nothing was measured on changed sequences. An interval is held against the ensemble's mean
//! there: what a student promises of the model that it stands for.

use std::collections::BTreeMap;

use degu_core::{Calibration, Forecast, calibration::Covariate};
use degu_report::{ModelKind, Uncertainty, UncertaintyRow, UncertaintySource};
use degu_stats::Alpha;
use degu_train::HostForecast;

use super::{CalibrationResult, PreparedData, Result, StageError, calibrate, uncertainty};
use degu_apply::covariates;
use degu_config::Study;
use degu_workflow::execute::TaskContext;

/// A point of a curve: task, kind, model, metric; and its value.
type Found = ((String, ModelKind, String, String), f64);

/// A fitted calibrator of a model.
struct Fitted {
    /// Name of the block.
    name: String,
    label: String,
    model: String,
    calibration: Box<dyn Calibration>,
    covariates: Vec<Covariate>,
    category: bool,
    alphas: Vec<Alpha>,
}

/// Watches one shift over its severities.
pub(super) struct ShiftWatch<'a> {
    name: &'a str,
    data: &'a PreparedData,
    fitted: Vec<Fitted>,
    /// Spreads on unchanged sequences: (model, task, part).
    clean: BTreeMap<(String, usize, &'static str), Vec<f64>>,
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
            let result: CalibrationResult = artifact.json(calibrate::FILE)?;
            let Some(block) = study.calibration.get(&result.name) else {
                return Err(StageError::Study {
                    what: format!("no block `[calibration.{}]`", result.name),
                    help: "this is a defect of the planner",
                });
            };
            let calibrator = block.plugin.build()?;
            let needs = calibrator.needs();
            if needs.target || needs.members {
                continue;
            }
            let alphas = block
                .keys
                .alpha
                .iter()
                .map(|a| Alpha::from_f64(*a))
                .collect::<degu_stats::Result<Vec<_>>>()?;
            for (model, card) in &result.fitted {
                fitted.push(Fitted {
                    name: result.name.clone(),
                    label: calibrate::label(&result.name, block.plugin.name, calibrator.as_ref()),
                    model: model.clone(),
                    calibration: calibrator.restore(&card.state)?,
                    covariates: calibrator.covariates(),
                    category: needs.category,
                    alphas: alphas.clone(),
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
        forecasts: &[(ModelKind, &str, &HostForecast)],
        teacher: &HostForecast,
    ) -> Result<Vec<Found>> {
        let mut all = Vec::new();
        for (kind, model, forecast) in forecasts {
            self.notice(severity, *kind, model, forecast, &mut all)?;
            let wide = |v: &Vec<f32>| -> Vec<f64> { v.iter().map(|v| f64::from(*v)).collect() };
            let mean = wide(&forecast.mean);
            let (epistemic, aleatoric) = (
                forecast.epistemic.as_ref().map(wide),
                forecast.aleatoric.as_ref().map(wide),
            );
            let quantiles = forecast
                .quantiles
                .as_ref()
                .map(|(levels, values)| (wide(values), wide(levels)));
            let target = wide(&teacher.mean);
            for own in self.fitted.iter().filter(|f| f.model == *model) {
                // The ensemble's mean is in the middle of its own intervals: nothing to learn.
                if *kind == ModelKind::Ensemble {
                    continue;
                }
                let features = covariates(codes, self.data.info.length, &own.covariates);
                let category: Option<Vec<String>> = self
                    .data
                    .category
                    .as_ref()
                    .filter(|_| own.category)
                    .map(|c| rows.iter().map(|r| c[*r].clone()).collect());
                let given = Forecast {
                    epistemic: epistemic.as_deref(),
                    aleatoric: aleatoric.as_deref(),
                    quantiles: quantiles
                        .as_ref()
                        .map(|(v, l)| (v.as_slice(), l.as_slice())),
                    category: category.as_deref(),
                    features: (features.1 > 0).then_some((features.0.as_slice(), features.1)),
                    ..Forecast::new(forecast.rows, forecast.width, &mean)
                };
                for alpha in &own.alphas {
                    let at = own.calibration.intervals(&given, *alpha)?;
                    for (task, name) in self.data.info.tasks.iter().enumerate() {
                        let places: Vec<usize> =
                            (task..mean.len()).step_by(self.data.tasks()).collect();
                        let inside = |i: &&usize| {
                            at.lower[**i] <= target[**i] && target[**i] <= at.upper[**i]
                        };
                        let share = places.iter().filter(inside).count() as f64
                            / places.len().max(1) as f64;
                        let finite: Vec<f64> = places
                            .iter()
                            .map(|i| at.upper[*i] - at.lower[*i])
                            .filter(|w| w.is_finite())
                            .collect();
                        let width = if finite.is_empty() {
                            f64::INFINITY
                        } else {
                            finite.iter().sum::<f64>() / finite.len() as f64
                        };
                        let a = alpha.value();
                        let source = UncertaintySource {
                            kind: *kind,
                            model: (*model).to_owned(),
                            calibrator: own.label.clone(),
                            spread: String::new(),
                            split: self.split(severity),
                            task: name.clone(),
                        };
                        for (metric, value) in [
                            ("interval_coverage_of_ensemble", share),
                            ("interval_width", width),
                        ] {
                            self.found.rows.push(UncertaintyRow {
                                source: source.clone(),
                                metric: format!("{metric}@{a}"),
                                value,
                                unit: String::new(),
                                note: String::new(),
                            });
                        }
                        if alpha == own.alphas.first().unwrap_or(alpha) {
                            let level = 100.0 * alpha.level();
                            let metric = format!("in {level:.0} % intervals, {}", own.name);
                            all.push(((name.clone(), *kind, (*model).to_owned(), metric), share));
                        }
                    }
                }
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
        kind: ModelKind,
        model: &str,
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
                let key = (model.to_owned(), task, part);
                if severity <= 0.0 {
                    self.clean.insert(key, values);
                    continue;
                }
                let Some(clean) = self.clean.get(&key) else {
                    continue;
                };
                let source = UncertaintySource {
                    kind,
                    model: model.to_owned(),
                    calibrator: String::new(),
                    spread: part.to_owned(),
                    split: self.split(severity),
                    task: name.clone(),
                };
                let rows = uncertainty::of_detection(&source, clean, &values)?;
                if let Some(auroc) = rows.iter().find(|r| r.metric == "ood_auroc") {
                    let metric = format!("AUROC of {part} sd");
                    all.push(((name.clone(), kind, model.to_owned(), metric), auroc.value));
                }
                self.found.rows.extend(rows);
            }
        }
        Ok(())
    }
}
