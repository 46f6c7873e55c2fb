//! Compares every model's predictions with the measurements.

use std::collections::BTreeMap;

use degu_core::{Metric, TaskForecast};
use degu_report::{GapClosed, MetricRow, ModelKind, Uncertainty};
use degu_stats::bootstrap::{Bootstrap, BootstrapInterval, Units};
use serde::{Deserialize, Serialize};

use super::{
    PreparedData, Result, StageError,
    models::{self, ModelForecast, TaskRows},
    network,
    plan::Assigned,
    resampled::{Resampled, gap_closed},
    spread, spread_correlations,
};
use degu_config::{BootstrapUnit, MetricSpec};
use degu_workflow::execute::{TaskContext, TaskError};

/// File of the artifact.
pub(crate) const FILE: &str = "evaluation.json";

/// Raised when the code of this stage gives other numbers.
pub(crate) const REVISION: u32 = 4;

/// What `evaluate` writes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Evaluation {
    /// Long table of metrics.
    pub metrics: Vec<MetricRow>,
    /// How far students close the gap between a member and the ensemble.
    pub gap_closed: Vec<GapClosed>,
    /// How far predicted spreads can be trusted, as they are.
    #[serde(default)]
    pub uncertainty: Uncertainty,
}

/// A metric ready to compute.
struct Named {
    name: String,
    unit: String,
    better: Option<bool>,
    metric: Box<dyn Metric>,
}

/// Runs the stage.
pub(crate) fn evaluate(assigned: &Assigned, context: &TaskContext<'_>) -> Result<(), TaskError> {
    let data = PreparedData::of(context)?;
    let models = models::of(context)?;
    let evaluation = compute(assigned, &data, &models, context).map_err(StageError::into_task)?;
    context.output().write_json(FILE, &evaluation)?;
    Ok(())
}

fn compute(
    assigned: &Assigned,
    data: &PreparedData,
    models: &[ModelForecast],
    context: &TaskContext<'_>,
) -> Result<Evaluation> {
    let study = &assigned.study;
    let named = study
        .evaluation
        .metrics
        .iter()
        .filter_map(|spec| match spec {
            MetricSpec::Plugin(slotted) => Some(slotted),
            // Numbers of intervals are made where intervals are: `calibrate`.
            MetricSpec::Interval(_) => None,
        })
        .map(|slotted| {
            let metric = slotted.plugin.build()?;
            Ok(Named {
                name: slotted.plugin.name.to_owned(),
                unit: metric.unit().replace("{unit}", &data.info.unit),
                better: metric.higher_is_better(),
                metric,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let mut evaluation = Evaluation::default();
    for (split, rows) in data.evaluated(&study.evaluation.splits) {
        let split = split.as_str();
        let seed = network::replicate(study, assigned.replicate).child("bootstrap");
        let bootstrap = Bootstrap {
            resamples: study.evaluation.bootstrap.n.max(1),
            ..Bootstrap::new(seed.bytes())
        };
        let with_intervals = study.evaluation.bootstrap.n > 0;
        let mut resampled: BTreeMap<(&str, &str), Resampled> = BTreeMap::new();
        for (task, name) in data.info.tasks.iter().enumerate() {
            let of = |model: &ModelForecast| {
                let (measured, tasks) = (&data.measured.mean, data.tasks());
                TaskRows::new(&model.forecast, measured, &rows, task, tasks)
            };
            let of_task: Vec<TaskRows> = models.iter().map(of).collect();
            let bootstrap = match of_task.first().filter(|_| with_intervals) {
                Some(first) => {
                    let unit = study.evaluation.bootstrap.unit;
                    Some((bootstrap, units(data, &first.rows, unit)?))
                }
                None => None,
            };
            for metric in &named {
                if context.interrupted() {
                    return Err(StageError::Train(degu_train::TrainError::Interrupted {
                        epoch: 0,
                    }));
                }
                let rule = metric.metric.resampling();
                let all = Resampled::new(bootstrap.as_ref(), rule, models, &of_task);
                resampled.insert((name, &metric.name), all);
            }
            for (k, model) in models.iter().enumerate() {
                for metric in &named {
                    let all = &resampled[&(name.as_str(), metric.name.as_str())];
                    let interval = |value: f64| all.of_model(k, value);
                    let row = metric_row(metric, &of_task[k], interval, model, split, name)?;
                    evaluation.metrics.extend(row);
                }
            }
        }
        let ddof = study.distill.ddof;
        let own = spread_correlations::of_split(data, models, &rows, split, ddof)?;
        evaluation.metrics.extend(own);
        means(&mut evaluation, &named, &resampled, split, &data.info.tasks);
    }
    evaluation.uncertainty = spread::of_models(
        data,
        models,
        &study.evaluation.splits,
        &network::replicate(study, assigned.replicate),
    )?;
    Ok(evaluation)
}

/// What is resampled.
pub(crate) fn units(data: &PreparedData, rows: &[usize], unit: BootstrapUnit) -> Result<Units> {
    Ok(match unit {
        BootstrapUnit::Sequence => {
            Units::grouped(&rows.iter().map(|r| *r as u64).collect::<Vec<_>>())?
        }
        BootstrapUnit::Cluster | BootstrapUnit::Chromosome => {
            Units::grouped(&rows.iter().map(|r| data.group[*r]).collect::<Vec<_>>())?
        }
    })
}

fn metric_row(
    metric: &Named,
    rows: &TaskRows,
    interval: impl Fn(f64) -> Option<BootstrapInterval>,
    model: &ModelForecast,
    split: &str,
    task: &str,
) -> Result<Option<MetricRow>> {
    let forecast = TaskForecast {
        y: &rows.y,
        mean: &rows.mean,
        epistemic: rows.epistemic.as_deref(),
        aleatoric: rows.aleatoric.as_deref(),
    };
    let Some(value) = metric.metric.compute(&forecast)? else {
        return Ok(None);
    };
    let interval = interval(value);
    Ok(Some(MetricRow {
        kind: model.kind,
        model: model.name.clone(),
        split: split.to_owned(),
        task: task.to_owned(),
        metric: metric.name.clone(),
        value,
        ci_low: interval.map(|i| i.lower),
        ci_high: interval.map(|i| i.upper),
        unit: metric.unit.clone(),
    }))
}

/// Means over members and over students, and the gap that students close.
fn means(
    evaluation: &mut Evaluation,
    named: &[Named],
    resampled: &BTreeMap<(&str, &str), Resampled>,
    split: &str,
    tasks: &[String],
) {
    let mut extra = Vec::new();
    let names: Vec<(&str, Option<bool>)> = named
        .iter()
        .map(|n| (n.name.as_str(), n.better))
        .chain(
            [
                "epistemic_pearson",
                "aleatoric_pearson",
                "aleatoric_barcodes_pearson",
                "aleatoric_pearson_truth",
            ]
            .map(|n| (n, None)),
        )
        .collect();
    for (metric, better) in names {
        for task in tasks {
            let resampled = resampled.get(&(task.as_str(), metric));
            let mean = |kind: ModelKind| -> Option<(f64, String)> {
                let rows: Vec<&MetricRow> = evaluation
                    .metrics
                    .iter()
                    .filter(|r| {
                        r.kind == kind && r.metric == metric && &r.task == task && r.split == split
                    })
                    .collect();
                let unit = rows.first()?.unit.clone();
                Some((
                    rows.iter().map(|r| r.value).sum::<f64>() / rows.len() as f64,
                    unit,
                ))
            };
            let (member, ensemble, student) = (
                mean(ModelKind::Member),
                mean(ModelKind::Ensemble),
                mean(ModelKind::Student),
            );
            for (kind, of, model, value) in [
                (
                    ModelKind::MeanMember,
                    ModelKind::Member,
                    "mean of members",
                    &member,
                ),
                (
                    ModelKind::MeanStudent,
                    ModelKind::Student,
                    "mean of students",
                    &student,
                ),
            ] {
                if let Some((value, unit)) = value {
                    let interval = resampled.and_then(|r| r.of_mean(of, *value));
                    extra.push(MetricRow {
                        kind,
                        model: model.to_owned(),
                        split: split.to_owned(),
                        task: task.clone(),
                        metric: metric.to_owned(),
                        value: *value,
                        ci_low: interval.map(|i| i.lower),
                        ci_high: interval.map(|i| i.upper),
                        unit: unit.clone(),
                    });
                }
            }
            if let (Some((member, _)), Some((ensemble, _)), Some((student, _)), Some(higher)) =
                (member, ensemble, student, better)
            {
                let share = gap_closed(higher, member, ensemble, student);
                let interval = resampled.and_then(|r| r.of_gap(higher, share));
                evaluation.gap_closed.push(GapClosed {
                    split: split.to_owned(),
                    task: task.clone(),
                    metric: metric.to_owned(),
                    member,
                    student,
                    ensemble,
                    gap_closed: share,
                    ci_low: interval.map(|i| i.lower),
                    ci_high: interval.map(|i| i.upper),
                });
            }
        }
    }
    evaluation.metrics.extend(extra);
}
