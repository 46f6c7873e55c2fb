//! Scatter plots: measured against predicted, the teacher against its student.

use degu_core::Split;
use degu_report::{MetricRow, ModelKind, Part, Point as ReportPoint, Scatter, Transfer};

use crate::{
    error::Result,
    forecasts::TaskRows,
    results::{PointResults, TrainedModel},
};

/// Points of measured against predicted, which hexagons count; more (bins of profiles) are thinned.
const SCATTER_POINTS: usize = 100_000;

/// Points of the teacher against its student.
const TRANSFER_POINTS: usize = 6000;

impl PointResults<'_> {
    pub(super) fn scatter(&self) -> Vec<Scatter> {
        let Some((prepared, _)) = &self.prepared else {
            return Vec::new();
        };
        let rows = prepared.rows(Split::Test);
        let mut all = Vec::new();
        for model in [self.best(), self.ensemble()].into_iter().flatten() {
            if all
                .iter()
                .any(|s: &Scatter| s.model == model.id.to_string())
            {
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
                    kind: model.kind(),
                    model: model.id.to_string(),
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

    fn metric(&self, model: &TrainedModel, metric: &str, task: &str) -> Option<f64> {
        let name = model.id.to_string();
        let fits = |r: &&MetricRow| {
            r.model == name && r.metric == metric && r.task == task && r.split == Split::Test.name()
        };
        self.metrics().iter().find(fits).map(|r| r.value)
    }

    pub(super) fn transfer(&self) -> Result<Vec<Transfer>> {
        let (Some((prepared, _)), Some(teacher), Some(student)) = (
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
            let (from, to) = (&teacher.forecast, &student.forecast);
            let parts = [
                (Part::Mean, Some(&from.mean), Some(&to.mean)),
                (
                    Part::Epistemic,
                    from.epistemic.as_ref(),
                    to.epistemic.as_ref(),
                ),
                (
                    Part::Aleatoric,
                    from.aleatoric.as_ref(),
                    to.aleatoric.as_ref(),
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
                let ceiling = self.metrics().iter().find(|r| {
                    part == Part::Epistemic && r.kind == ModelKind::Ceiling && &r.task == name
                });
                all.push(Transfer {
                    model: student.id.to_string(),
                    split: Split::Test.name().to_owned(),
                    task: name.clone(),
                    part,
                    teacher: from,
                    student: to,
                    correlation,
                    ceiling: ceiling.map(|r| r.value),
                });
            }
        }
        Ok(all)
    }
}
