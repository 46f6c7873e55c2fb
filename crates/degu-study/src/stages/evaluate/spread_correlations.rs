//! Correlation of predicted spreads with what they should follow, and the largest that noisy labels
//! allow.

use degu_report::{MetricRow, ModelKind};
use degu_stats::{
    metrics::{finite_pairs, pearson},
    moments::{Ddof, EnsembleMoments, epistemic_ceiling, replicate_ceiling},
};

use crate::{error::Result, forecasts::ModelForecast, results::PreparedData};

/// Correlations on the rows of one split.
pub(super) fn of_split(
    data: &PreparedData,
    models: &[ModelForecast],
    rows: &[usize],
    split: &str,
    ddof: Ddof,
) -> Result<Vec<MetricRow>> {
    let mut all = Vec::new();
    for (task, name) in data.info.tasks.iter().enumerate() {
        let of = OfTask {
            data,
            models,
            rows,
            task,
            split,
            name,
        };
        of.epistemic(ddof, &mut all)?;
        of.aleatoric(&mut all)?;
    }
    Ok(all)
}

/// The rows of a task.
struct OfTask<'a> {
    data: &'a PreparedData,
    models: &'a [ModelForecast],
    rows: &'a [usize],
    task: usize,
    split: &'a str,
    name: &'a str,
}

impl OfTask<'_> {
    fn columns(&self, values: &[f32]) -> Vec<f64> {
        let width = self.data.measured.width;
        let places = self.rows.iter().flat_map(|row| {
            (self.task..width)
                .step_by(self.data.tasks())
                .map(move |j| row * width + j)
        });
        places.map(|at| f64::from(values[at])).collect()
    }

    fn row(&self, kind: ModelKind, model: &str, metric: &str, value: f64) -> MetricRow {
        MetricRow {
            kind,
            model: model.to_owned(),
            split: self.split.to_owned(),
            task: self.name.to_owned(),
            metric: metric.to_owned(),
            value,
            ..MetricRow::default()
        }
    }

    /// Students' spreads against the teacher's; the ceiling from the spreads of two halves of the
    /// members.
    fn epistemic(&self, ddof: Ddof, all: &mut Vec<MetricRow>) -> Result<()> {
        let metric = "epistemic_pearson";
        let of_kind = |kind| self.models.iter().filter(move |m| m.kind() == kind);
        let teacher = of_kind(ModelKind::Ensemble).next();
        if let Some(teacher) = teacher.and_then(|t| t.forecast.epistemic.as_ref()) {
            let teacher = self.columns(teacher);
            for student in of_kind(ModelKind::Student) {
                if let Some(own) = &student.forecast.epistemic
                    && let Some(r) = correlation(&teacher, &self.columns(own))?
                {
                    all.push(self.row(student.kind(), &student.id.to_string(), metric, r));
                }
            }
        }
        let members: Vec<&ModelForecast> = of_kind(ModelKind::Member).collect();
        if members.len() < 4 {
            return Ok(());
        }
        let half = |first: usize| -> Result<Vec<f64>> {
            let mut moments = EnsembleMoments::new(self.columns(&members[0].forecast.mean).len());
            for member in members.iter().skip(first).step_by(2) {
                moments.push(&self.columns(&member.forecast.mean), None)?;
            }
            Ok(moments.epistemic(ddof)?)
        };
        if let Some(found) = epistemic_ceiling(&half(0)?, &half(1)?)? {
            let what = "two halves of the members";
            all.push(self.row(ModelKind::Ceiling, what, metric, found.ceiling));
        }
        Ok(())
    }

    /// Predicted noise against the spread of replicates, against the logarithm of the barcodes
    /// behind a value (more barcodes, less noise) and against a simulator's noise; the ceiling that
    /// so few replicates allow.
    fn aleatoric(&self, all: &mut Vec<MetricRow>) -> Result<()> {
        let replicates = self.data.measured.aleatoric.as_ref();
        let replicates = replicates.map(|values| self.columns(values));
        let barcodes = self.data.barcodes.as_ref().map(|counts| {
            let ln = |n: f64| if n > 0.0 { n.ln() } else { f64::NAN };
            self.columns(counts).into_iter().map(ln).collect::<Vec<_>>()
        });
        let truth = self.data.truth.as_ref().map(|t| self.columns(&t.noise_std));
        let labels = [
            ("aleatoric_pearson", &replicates),
            ("aleatoric_barcodes_pearson", &barcodes),
            ("aleatoric_pearson_truth", &truth),
        ];
        let mut predicted = false;
        for model in self.models {
            let Some(own) = &model.forecast.aleatoric else {
                continue;
            };
            predicted = true;
            let own = self.columns(own);
            for (metric, label) in labels {
                if let Some(label) = label
                    && let Some(r) = correlation(label, &own)?
                {
                    all.push(self.row(model.kind(), &model.id.to_string(), metric, r));
                }
            }
        }
        let Some(replicates) = replicates.filter(|_| predicted) else {
            return Ok(());
        };
        if let Some(barcodes) = &barcodes
            && let Some(r) = correlation(barcodes, &replicates)?
        {
            let what = "measured spread of replicates";
            all.push(self.row(ModelKind::Baseline, what, "aleatoric_barcodes_pearson", r));
        }
        let measured: Vec<f64> = replicates.into_iter().filter(|s| s.is_finite()).collect();
        let count = self.data.info.replicates;
        if count >= 2
            && !measured.is_empty()
            && let Some(ceiling) = replicate_ceiling(&measured, count)?
        {
            let what = format!("any model, by {count} normal replicates");
            all.push(self.row(ModelKind::Ceiling, &what, "aleatoric_pearson", ceiling));
        }
        Ok(())
    }
}

/// Pearson correlation over rows where both are known; none of constants and of fewer than two
/// rows.
fn correlation(a: &[f64], b: &[f64]) -> Result<Option<f64>> {
    let (a, b) = finite_pairs(a, b)?;
    if a.len() < 2 {
        return Ok(None);
    }
    Ok(pearson(&a, &b)?)
}
