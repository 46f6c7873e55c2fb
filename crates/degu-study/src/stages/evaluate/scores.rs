//! Metrics of every model on the rows of a split, their means, and the gap that students close.

use std::collections::BTreeMap;

use degu_config::{BootstrapUnit, MetricSpec, Study};
use degu_core::{Metric, Seed};
use degu_report::{GapClosed, MetricRow, ModelKind};
use degu_stats::bootstrap::{Bootstrap, BootstrapInterval, Units};
use degu_workflow::execute::TaskContext;

use super::resampled::{Resampled, gap_closed};
use crate::{
    error::Result,
    forecasts::{ModelForecast, TaskRows},
    results::{Evaluation, PreparedData},
};

/// Metrics of spreads, which have means over models and no interval.
const OF_SPREADS: [&str; 4] = [
    "epistemic_pearson",
    "aleatoric_pearson",
    "aleatoric_barcodes_pearson",
    "aleatoric_pearson_truth",
];

/// A metric ready to compute.
pub(super) struct NamedMetric {
    name: String,
    unit: String,
    higher_is_better: Option<bool>,
    metric: Box<dyn Metric>,
}

/// The metrics of predictions that a study asks for.
pub(super) fn metrics(study: &Study, data: &PreparedData) -> Result<Vec<NamedMetric>> {
    let specs = study.evaluation.metrics.iter();
    let plugins = specs.filter_map(|spec| match spec {
        MetricSpec::Plugin(slotted) => Some(&slotted.plugin),
        // Numbers of intervals are made where intervals are: `calibrate`.
        MetricSpec::Interval(_) => None,
    });
    plugins
        .map(|plugin| {
            let metric = plugin.build()?;
            Ok(NamedMetric {
                name: plugin.name.to_owned(),
                unit: metric.unit().replace("{unit}", &data.info.unit),
                higher_is_better: metric.higher_is_better(),
                metric,
            })
        })
        .collect()
}

/// Resamples by task and metric.
pub(super) type AllResampled<'a> = BTreeMap<(&'a str, &'a str), Resampled>;

/// The models on the rows of one split.
pub(super) struct Scores<'a> {
    pub(super) data: &'a PreparedData,
    pub(super) models: &'a [ModelForecast],
    pub(super) metrics: &'a [NamedMetric],
    /// A part of the data, or a held-out set.
    pub(super) split: &'a str,
    pub(super) rows: &'a [usize],
}

impl<'a> Scores<'a> {
    /// Adds every metric of every model, with intervals where the study asks for them.
    pub(super) fn add(
        &self,
        study: &Study,
        root: &Seed,
        evaluation: &mut Evaluation,
        context: &TaskContext<'_>,
    ) -> Result<AllResampled<'a>> {
        let spec = &study.evaluation.bootstrap;
        let bootstrap = Bootstrap {
            resamples: spec.n.max(1),
            ..Bootstrap::new(root.child("bootstrap").bytes())
        };
        let mut resampled = AllResampled::new();
        for (task, name) in self.data.info.tasks.iter().enumerate() {
            let of = |model: &ModelForecast| {
                let (measured, tasks) = (&self.data.measured.mean, self.data.tasks());
                TaskRows::new(&model.forecast, measured, self.rows, task, tasks)
            };
            let of_task: Vec<TaskRows> = self.models.iter().map(of).collect();
            let bootstrap = match of_task.first().filter(|_| spec.n > 0) {
                Some(first) => Some((bootstrap, units(self.data, &first.rows, spec.unit)?)),
                None => None,
            };
            for metric in self.metrics {
                context.check()?;
                let rule = metric.metric.as_ref();
                let all = Resampled::new(bootstrap.as_ref(), rule, self.models, &of_task);
                resampled.insert((name.as_str(), metric.name.as_str()), all);
            }
            for (k, model) in self.models.iter().enumerate() {
                for metric in self.metrics {
                    let all = &resampled[&(name.as_str(), metric.name.as_str())];
                    let Some(value) = metric.metric.compute(&of_task[k].forecast())? else {
                        continue;
                    };
                    let row = self.row(name, &metric.name, value, all.of_model(k, value));
                    evaluation.metrics.push(MetricRow {
                        kind: model.kind(),
                        model: model.id.to_string(),
                        unit: metric.unit.clone(),
                        ..row
                    });
                }
            }
        }
        Ok(resampled)
    }

    fn row(
        &self,
        task: &str,
        metric: &str,
        value: f64,
        interval: Option<BootstrapInterval>,
    ) -> MetricRow {
        MetricRow {
            split: self.split.to_owned(),
            task: task.to_owned(),
            metric: metric.to_owned(),
            value,
            ci_low: interval.map(|i| i.lower),
            ci_high: interval.map(|i| i.upper),
            ..MetricRow::default()
        }
    }

    /// Adds means over members and over students, and the gap that students close.
    pub(super) fn add_means(&self, evaluation: &mut Evaluation, resampled: &AllResampled<'_>) {
        let mut means = Vec::new();
        let names = self.metrics.iter();
        let names = names.map(|n| (n.name.as_str(), n.higher_is_better));
        for (metric, better) in names.chain(OF_SPREADS.map(|n| (n, None))) {
            for task in &self.data.info.tasks {
                let resampled = resampled.get(&(task.as_str(), metric));
                let mean = |kind| self.mean(&evaluation.metrics, kind, task, metric);
                let member = mean(ModelKind::Member);
                let ensemble = mean(ModelKind::Ensemble);
                let student = mean(ModelKind::Student);
                for (kind, of, mean) in [
                    (ModelKind::MeanMember, ModelKind::Member, &member),
                    (ModelKind::MeanStudent, ModelKind::Student, &student),
                ] {
                    let Some((value, unit)) = mean else { continue };
                    let interval = resampled.and_then(|r| r.of_mean(of, *value));
                    means.push(MetricRow {
                        kind,
                        model: kind.label().to_owned(),
                        unit: unit.clone(),
                        ..self.row(task, metric, *value, interval)
                    });
                }
                if let (Some((member, _)), Some((ensemble, _)), Some((student, _)), Some(higher)) =
                    (member, ensemble, student, better)
                {
                    let share = gap_closed(higher, member, ensemble, student);
                    let interval = resampled.and_then(|r| r.of_gap(higher, share));
                    evaluation.gap_closed.push(GapClosed {
                        split: self.split.to_owned(),
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
        evaluation.metrics.extend(means);
    }

    /// Mean of a metric over the models of a kind, and its unit.
    fn mean(
        &self,
        rows: &[MetricRow],
        kind: ModelKind,
        task: &str,
        metric: &str,
    ) -> Option<(f64, String)> {
        let own: Vec<&MetricRow> = rows
            .iter()
            .filter(|r| {
                r.kind == kind && r.metric == metric && r.task == task && r.split == self.split
            })
            .collect();
        let unit = own.first()?.unit.clone();
        let sum = own.iter().map(|r| r.value).sum::<f64>();
        Some((sum / own.len() as f64, unit))
    }
}

/// What is resampled.
fn units(data: &PreparedData, rows: &[usize], unit: BootstrapUnit) -> Result<Units> {
    let unit_of = |row: &usize| match unit {
        BootstrapUnit::Sequence => *row as u64,
        BootstrapUnit::Cluster | BootstrapUnit::Chromosome => data.group[*row],
    };
    Ok(Units::grouped(
        &rows.iter().map(unit_of).collect::<Vec<_>>(),
    )?)
}
