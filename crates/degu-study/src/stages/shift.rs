//! Predictions of changed sequences: how far students follow the ensemble, and whether they notice.

use std::collections::BTreeMap;

use degu_core::{Seed, SequenceBatch, Split};
use degu_report::{CurvePoint, ModelKind, ShiftCurve, Uncertainty};
use degu_train::{HostForecast, combine};
use serde::{Deserialize, Serialize};

use super::{PreparedData, Result, StageError, network, plan::Assigned, shift_watch::ShiftWatch};
use degu_workflow::execute::{TaskContext, TaskError};

/// File of the artifact.
pub(crate) const FILE: &str = "shift.json";

/// Raised when the code of this stage gives other numbers.
pub(crate) const REVISION: u32 = 2;

/// What `shift` writes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ShiftResult {
    /// Curves by severity.
    pub(crate) curves: Vec<ShiftCurve>,
    /// How well spreads tell changed sequences from unchanged ones, and how far intervals hold the
    /// ensemble's mean.
    #[serde(default)]
    pub(crate) uncertainty: Uncertainty,
}

/// Runs the stage.
pub(crate) fn shift(
    assigned: &Assigned,
    name: &str,
    context: &TaskContext<'_>,
) -> Result<(), TaskError> {
    let data = PreparedData::of(context)?;
    let result = compute(assigned, name, &data, context).map_err(StageError::into_task)?;
    context.output().write_json(FILE, &result)?;
    Ok(())
}

fn compute(
    assigned: &Assigned,
    name: &str,
    data: &PreparedData,
    context: &TaskContext<'_>,
) -> Result<ShiftResult> {
    let study = &assigned.study;
    let Some(block) = study.shift.get(name) else {
        return Err(StageError::Study {
            what: format!("no block `[shift.{name}]`"),
            help: "this is a defect of the planner",
        });
    };
    let shift = block.plugin.build()?;
    let rows = data.rows(Split::Test);
    let mut clean = Vec::new();
    data.examples.gather(&rows, &mut clean);
    let root = network::replicate(study, assigned.replicate).child(format!("shift/{name}"));
    let mut models: Vec<(ModelKind, String, Box<dyn degu_train::Backend>)> = Vec::new();
    for artifact in context
        .inputs_of("train")
        .chain(context.inputs_of("distill"))
    {
        let saved = network::saved(artifact).map_err(|e| StageError::Study {
            what: e.to_string(),
            help: "see `degu-lab verify`",
        })?;
        let model = saved
            .card
            .name
            .rsplit(' ')
            .next()
            .unwrap_or_default()
            .to_owned();
        let kind = if model.starts_with("member") {
            ModelKind::Member
        } else {
            ModelKind::Student
        };
        models.push((
            kind,
            model,
            saved.open(&candle_core::Device::Cpu, context.threads())?,
        ));
    }
    let mut severities = vec![0.0];
    severities.extend(block.keys.severities.iter().copied().filter(|s| *s > 0.0));
    severities.sort_by(f64::total_cmp);
    severities.dedup();
    let mut points: BTreeMap<(String, ModelKind, String, String), Vec<CurvePoint>> =
        BTreeMap::new();
    let mut watch = ShiftWatch::new(study, name, data, context)?;
    for severity in severities {
        let mut batch = SequenceBatch::new(clean.clone(), data.info.length)?;
        let seeds: Vec<Seed> = rows.iter().map(|r| root.child(&data.ids[*r])).collect();
        if severity > 0.0 {
            shift.apply(&mut batch, severity, &seeds)?;
        }
        let mut forecasts = Vec::new();
        for (kind, model, backend) in &mut models {
            forecasts.push((
                *kind,
                model.clone(),
                backend.predict(&batch.codes, rows.len())?,
            ));
        }
        let members: Vec<HostForecast> = forecasts
            .iter()
            .filter(|f| f.0 == ModelKind::Member)
            .map(|f| f.2.clone())
            .collect();
        let many = members.len() > 1;
        let ddof = study.distill.ddof;
        let teacher = combine(members.iter().cloned().map(Ok), ddof)?;
        let mut seen: Vec<(ModelKind, &str, &HostForecast)> = forecasts
            .iter()
            .filter(|f| f.0 == ModelKind::Student)
            .map(|f| (f.0, f.1.as_str(), &f.2))
            .collect();
        seen.push((ModelKind::Ensemble, "ensemble", &teacher));
        for found in watch.look(severity, &batch.codes, &rows, &seen, &teacher)? {
            points.entry(found.0).or_default().push(CurvePoint {
                x: severity,
                value: found.1,
                low: None,
                high: None,
            });
        }
        for (task, task_name) in data.info.tasks.iter().enumerate() {
            let mut add = |kind: ModelKind, model: &str, metric: &str, value: f64| {
                let key = (task_name.clone(), kind, model.to_owned(), metric.to_owned());
                points.entry(key).or_default().push(CurvePoint {
                    x: severity,
                    value,
                    low: None,
                    high: None,
                });
            };
            let column = |f: &HostForecast, values: &[f32]| -> Vec<f64> {
                values
                    .chunks(f.width)
                    .flat_map(|row| row.iter().skip(task).step_by(data.tasks()))
                    .map(|v| f64::from(*v))
                    .collect()
            };
            let target = column(&teacher, &teacher.mean);
            if let Some(spread) = &teacher.epistemic {
                add(
                    ModelKind::Ensemble,
                    "ensemble",
                    "mean epistemic sd",
                    average(&column(&teacher, spread)),
                );
            }
            let mut member = 0;
            for (kind, model, forecast) in &forecasts {
                let own = column(forecast, &forecast.mean);
                let reference = if *kind == ModelKind::Member && many {
                    // A member is part of the ensemble: it is compared with the others.
                    let rest = members
                        .iter()
                        .enumerate()
                        .filter(|(i, _)| *i != member)
                        .map(|(_, m)| Ok(m.clone()));
                    let others = combine(rest, ddof)?;
                    column(&others, &others.mean)
                } else {
                    target.clone()
                };
                member += usize::from(*kind == ModelKind::Member);
                let error = own
                    .iter()
                    .zip(&reference)
                    .map(|(a, b)| (a - b).powi(2))
                    .sum::<f64>()
                    / own.len() as f64;
                add(*kind, model, "MSE to the ensemble", error);
                if *kind == ModelKind::Student
                    && let Some(spread) = &forecast.epistemic
                {
                    add(
                        *kind,
                        model,
                        "mean epistemic sd",
                        average(&column(forecast, spread)),
                    );
                }
            }
        }
    }
    let label = format!("severity of `{}`", block.plugin.name);
    let curves = points
        .into_iter()
        .map(|((task, kind, model, metric), points)| ShiftCurve {
            shift: name.to_owned(),
            severity_label: label.clone(),
            task,
            kind,
            model,
            metric,
            points,
        });
    Ok(ShiftResult {
        curves: curves.collect(),
        uncertainty: watch.found,
    })
}

fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
