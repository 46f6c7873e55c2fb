//! Scatter plots: measured against predicted, the teacher against its student.

use degu_core::Split;
use degu_report::{MetricRow, ModelKind, Part, Point as ReportPoint, Scatter, Transfer};

use super::{
    super::{Result, models::TaskRows},
    results::{Model, Results},
};

/// Points of measured against predicted, which hexagons count; more (bins of profiles) are thinned.
const SCATTER_POINTS: usize = 100_000;

/// Points of the teacher against its student.
const TRANSFER_POINTS: usize = 6000;

impl Results {
    pub(super) fn scatter(&self) -> Vec<Scatter> {
        let Some(prepared) = &self.prepared else {
            return Vec::new();
        };
        let rows = prepared.rows(Split::Test);
        let mut all = Vec::new();
        for model in [self.best(), self.ensemble()].into_iter().flatten() {
            if all.iter().any(|s: &Scatter| s.model == model.name) {
                continue;
            }
            for (task, name) in prepared.info.tasks.iter().enumerate() {
                let own = TaskRows::new(
                    &model.forecast,
                    &prepared.measured.mean,
                    &rows,
                    task,
                    prepared.tasks(),
                );
                let step = own.rows.len().div_ceil(SCATTER_POINTS).max(1);
                let metric = |metric: &str| self.metric(model, metric, name);
                let points = (0..own.rows.len())
                    .step_by(step)
                    .map(|i| ReportPoint {
                        id: prepared.ids[own.rows[i]].clone(),
                        measured: own.y[i],
                        mean: own.mean[i],
                        epistemic: own.epistemic.as_ref().map(|v| v[i]),
                        aleatoric: own.aleatoric.as_ref().map(|v| v[i]),
                    })
                    .collect();
                all.push(Scatter {
                    kind: model.kind,
                    model: model.name.clone(),
                    split: Split::Test.name().to_owned(),
                    task: name.clone(),
                    pearson: metric("pearson"),
                    rmse: metric("rmse"),
                    points,
                });
            }
        }
        all
    }

    fn metric(&self, model: &Model, metric: &str, task: &str) -> Option<f64> {
        let fits = |r: &&MetricRow| {
            r.model == model.name
                && r.metric == metric
                && r.task == task
                && r.split == Split::Test.name()
        };
        self.evaluation.metrics.iter().find(fits).map(|r| r.value)
    }

    pub(super) fn transfer(&self) -> Result<Vec<Transfer>> {
        let (Some(prepared), Some(teacher), Some(student)) = (
            &self.prepared,
            self.ensemble(),
            self.of_kind(ModelKind::Student).next(),
        ) else {
            return Ok(Vec::new());
        };
        let rows = prepared.rows(Split::Test);
        let bins = prepared.output().bins();
        let step = (rows.len() * bins).div_ceil(TRANSFER_POINTS).max(1);
        let rows: Vec<usize> = rows.into_iter().step_by(step).collect();
        let mut all = Vec::new();
        for (task, name) in prepared.info.tasks.iter().enumerate() {
            let column = |values: &[f32], width: usize| -> Vec<f64> {
                rows.iter()
                    .flat_map(|r| {
                        (task..width)
                            .step_by(prepared.tasks())
                            .map(move |j| r * width + j)
                    })
                    .map(|at| f64::from(values[at]))
                    .collect()
            };
            let parts = [
                (
                    Part::Mean,
                    Some(&teacher.forecast.mean),
                    Some(&student.forecast.mean),
                ),
                (
                    Part::Epistemic,
                    teacher.forecast.epistemic.as_ref(),
                    student.forecast.epistemic.as_ref(),
                ),
                (
                    Part::Aleatoric,
                    teacher.forecast.aleatoric.as_ref(),
                    student.forecast.aleatoric.as_ref(),
                ),
            ];
            for (part, from, to) in parts {
                let (Some(from), Some(to)) = (from, to) else {
                    continue;
                };
                let (from, to) = (
                    column(from, teacher.forecast.width),
                    column(to, student.forecast.width),
                );
                let correlation = degu_stats::metrics::pearson(&from, &to)?;
                let ceiling = (part == Part::Epistemic)
                    .then(|| {
                        let rows = self.evaluation.metrics.iter();
                        rows.clone()
                            .find(|r| r.kind == ModelKind::Ceiling && &r.task == name)
                            .map(|r| r.value)
                    })
                    .flatten();
                all.push(Transfer {
                    model: student.name.clone(),
                    split: Split::Test.name().to_owned(),
                    task: name.clone(),
                    part,
                    teacher: from,
                    student: to,
                    correlation,
                    ceiling,
                });
            }
        }
        Ok(all)
    }
}
