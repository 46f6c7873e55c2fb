//! Intervals of metrics: one set of resamples of the test rows for all models of a task, so that
//! means over models and shares of a gap have intervals as well.

use degu_core::{Metric, TaskForecast};
use degu_report::ModelKind;
use degu_stats::bootstrap::{Bootstrap, BootstrapInterval, Units};

use crate::forecasts::{ModelForecast, TaskRows};

/// A metric of the models of one task in every resample.
#[derive(Default)]
pub(super) struct Resampled {
    bootstrap: Option<(Bootstrap, Units)>,
    /// Of each model; `None` for one that was not resampled with the others.
    values: Vec<Option<(ModelKind, Vec<f64>)>>,
}

impl Resampled {
    /// Resamples the models that predict the same rows as the first; without a bootstrap, none.
    pub(super) fn new(
        bootstrap: Option<&(Bootstrap, Units)>,
        metric: &dyn Metric,
        models: &[ModelForecast],
        rows: &[TaskRows],
    ) -> Self {
        let (Some((bootstrap, units)), Some(first)) = (bootstrap, rows.first()) else {
            return Self::default();
        };
        let shared: Vec<bool> = rows.iter().map(|r| r.rows == first.rows).collect();
        let forecasts: Vec<TaskForecast<'_>> = rows
            .iter()
            .zip(&shared)
            .filter(|(_, shared)| **shared)
            .map(|(rows, _)| rows.forecast())
            .collect();
        // Too few units for an interval leave the numbers without one.
        let Ok(values) = metric.resampled(bootstrap, units, &forecasts) else {
            return Self::default();
        };
        let mut values = values.into_iter();
        Self {
            bootstrap: Some((*bootstrap, units.clone())),
            values: models
                .iter()
                .zip(shared)
                .map(|(model, shared)| {
                    let own = if shared { values.next() } else { None };
                    own.map(|own| (model.kind(), own))
                })
                .collect(),
        }
    }

    fn interval(&self, estimate: f64, values: &[f64]) -> Option<BootstrapInterval> {
        let (bootstrap, units) = self.bootstrap.as_ref()?;
        bootstrap.percentile(units, estimate, values).ok()
    }

    /// Interval of one model.
    pub(super) fn of_model(&self, model: usize, estimate: f64) -> Option<BootstrapInterval> {
        let (_, values) = self.values.get(model)?.as_ref()?;
        self.interval(estimate, values)
    }

    /// The mean over the models of a kind in every resample.
    fn mean(&self, kind: ModelKind) -> Option<Vec<f64>> {
        let all: Vec<&Vec<f64>> = self
            .values
            .iter()
            .flatten()
            .filter(|(of, _)| *of == kind)
            .map(|(_, values)| values)
            .collect();
        let first = all.first()?;
        let mean = |r: usize| all.iter().map(|v| v[r]).sum::<f64>() / all.len() as f64;
        Some((0..first.len()).map(mean).collect())
    }

    /// Interval of the mean over the models of a kind.
    pub(super) fn of_mean(&self, kind: ModelKind, estimate: f64) -> Option<BootstrapInterval> {
        self.interval(estimate, &self.mean(kind)?)
    }

    /// Interval of the share of the gap that students close.
    pub(super) fn of_gap(
        &self,
        higher_is_better: bool,
        estimate: f64,
    ) -> Option<BootstrapInterval> {
        let mean = |kind| self.mean(kind);
        let (member, ensemble, student) = (
            mean(ModelKind::Member)?,
            mean(ModelKind::Ensemble)?,
            mean(ModelKind::Student)?,
        );
        let shares: Vec<f64> = (0..member.len())
            .map(|r| gap_closed(higher_is_better, member[r], ensemble[r], student[r]))
            .collect();
        self.interval(estimate, &shares)
    }
}

/// `(student - member) / (ensemble - member)`; NaN where the ensemble is no better than a member,
/// and there is no gap.
pub(super) fn gap_closed(higher_is_better: bool, member: f64, ensemble: f64, student: f64) -> f64 {
    let gap = ensemble - member;
    let gained = if higher_is_better { gap } else { -gap };
    if gained > 0.0 {
        (student - member) / gap
    } else {
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::gap_closed;

    #[test]
    fn a_gap_is_closed_where_there_is_one() {
        assert!((gap_closed(true, 0.5, 0.7, 0.6) - 0.5).abs() < 1e-12);
        assert!((gap_closed(false, 1.0, 0.8, 0.85) - 0.75).abs() < 1e-12);
        assert!(gap_closed(true, 0.5, 0.4, 0.6).is_nan());
        assert!(gap_closed(false, 1.0, 1.0, 0.9).is_nan());
    }
}
