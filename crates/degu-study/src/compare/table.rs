//! One long table of what points have reached, and what all of its views share.

use std::collections::BTreeMap;

use degu_config::Point;
use degu_core::Split;
use degu_report::{ModelKind, ReliabilityCurve, Uncertainty, UncertaintySource};
use degu_stats::compare::{TInterval, t_interval};

use crate::results::{CalibrationResult, PointResults, calibration::ALL_TASKS, kind};

/// Confidence level of intervals over replicates.
const LEVEL: f64 = 0.95;

/// What a score is about, beside its model.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject {
    /// Name of the calibration; empty for predictions as they are.
    pub(super) calibration: String,
    /// `epistemic`, `aleatoric` or `total`; empty where no spread is read.
    pub(super) spread: String,
    pub(super) split: String,
    pub(super) task: String,
}

/// One number of one model.
#[derive(Debug)]
pub(super) struct Score {
    pub(super) kind: ModelKind,
    pub(super) subject: Subject,
    pub(super) metric: String,
    pub(super) unit: String,
    pub(super) value: f64,
}

/// The scores and curves of all points that have been evaluated.
pub(super) struct Table<'a> {
    pub(super) points: Vec<&'a PointResults<'a>>,
    /// The scores of each point.
    pub(super) scores: Vec<Vec<Score>>,
    /// Place of the point, what the curve is about, and the curve.
    pub(super) curves: Vec<(usize, Subject, &'a ReliabilityCurve)>,
}

impl<'a> Table<'a> {
    pub(super) fn new(points: &'a [PointResults<'a>]) -> Self {
        let mut table = Self {
            points: points.iter().filter(|p| p.evaluation.is_some()).collect(),
            scores: Vec::new(),
            curves: Vec::new(),
        };
        table.scores.resize_with(table.points.len(), Vec::new);
        for (place, results) in table.points.clone().into_iter().enumerate() {
            table.add_predictions(place, results);
            for result in &results.calibration {
                table.add_calibration(place, results.final_kind(), result);
            }
        }
        table
    }

    fn add(
        &mut self,
        point: usize,
        kind: ModelKind,
        subject: Subject,
        metric: (String, &str),
        value: f64,
    ) {
        self.scores[point].push(Score {
            kind,
            subject,
            metric: metric.0,
            unit: metric.1.to_owned(),
            value,
        });
    }

    fn add_predictions(&mut self, point: usize, results: &'a PointResults<'a>) {
        let Some(evaluation) = &results.evaluation else {
            return;
        };
        for row in &evaluation.metrics {
            let subject = Subject {
                split: row.split.clone(),
                task: row.task.clone(),
                ..Subject::default()
            };
            let metric = (row.metric.clone(), row.unit.as_str());
            self.add(point, row.kind, subject, metric, row.value);
        }
        let raw = |source: &UncertaintySource| source.calibrator.is_empty();
        self.add_uncertainty(point, "", &evaluation.uncertainty, raw);
        for curve in &evaluation.uncertainty.reliability {
            if raw(&curve.source) {
                self.curves.push((point, subject("", &curve.source), curve));
            }
        }
        for result in &results.shift {
            self.add_uncertainty(point, "", &result.uncertainty, raw);
        }
    }

    fn add_uncertainty(
        &mut self,
        point: usize,
        calibration: &str,
        uncertainty: &Uncertainty,
        wanted: impl Fn(&UncertaintySource) -> bool,
    ) {
        let rows = uncertainty.rows.iter();
        for row in rows.filter(|r| wanted(&r.source) && r.value.is_finite()) {
            let metric = (row.metric.clone(), row.unit.as_str());
            let subject = subject(calibration, &row.source);
            self.add(point, row.source.kind, subject, metric, row.value);
        }
    }

    fn add_calibration(
        &mut self,
        point: usize,
        final_kind: ModelKind,
        result: &'a CalibrationResult,
    ) {
        let name = result.name.as_str();
        self.add_uncertainty(point, name, &result.uncertainty, |_| true);
        for curve in &result.uncertainty.reliability {
            self.curves
                .push((point, subject(name, &curve.source), curve));
        }
        let of = |split: &str, task: &str| Subject {
            calibration: name.to_owned(),
            split: split.to_owned(),
            task: task.to_owned(),
            ..Subject::default()
        };
        for row in result.rows.iter().filter(|r| r.task != ALL_TASKS) {
            let numbers = [
                ("interval_coverage", Some(row.coverage)),
                ("interval_width", Some(row.mean_width)),
                ("winkler", row.winkler),
            ];
            let Ok(model) = row.model.parse() else {
                continue;
            };
            for (metric, value) in numbers {
                let Some(value) = value else { continue };
                let metric = (format!("{metric}@{}", row.alpha), "");
                self.add(point, kind(model), of(&row.split, &row.task), metric, value);
            }
        }
        // Groups are cut for the first student, or for the ensemble.
        let mut gaps: BTreeMap<(&str, String), Vec<f64>> = BTreeMap::new();
        let test = Split::Test.name();
        for row in result.conditional.iter().filter(|r| r.split == test) {
            let metric = format!("coverage_gap@{} by {}", row.alpha, row.by);
            gaps.entry((&row.task, metric))
                .or_default()
                .push((row.coverage - (1.0 - row.alpha)).abs());
        }
        for ((task, metric), gaps) in gaps {
            self.add(point, final_kind, of(test, task), (metric, ""), mean(&gaps));
        }
    }

    /// The points by a key, in the order of their first appearance: replicates of the same thing
    /// together. Points without the key are left out.
    pub(super) fn groups<K: PartialEq>(
        &self,
        key: impl Fn(&'a Point) -> Option<K>,
    ) -> Vec<(K, Vec<usize>)> {
        let mut groups: Vec<(K, Vec<usize>)> = Vec::new();
        for (place, results) in self.points.iter().enumerate() {
            let Some(key) = key(results.point) else {
                continue;
            };
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, own)) => own.push(place),
                None => groups.push((key, vec![place])),
            }
        }
        groups
    }

    /// The arms of an ablation with their replicates, by name; points of sweeps are no arms.
    pub(super) fn arms(&self) -> Vec<(&'a str, Vec<usize>)> {
        let mut arms = self.groups(|point| point.arm.as_deref().filter(|_| point.sweep.is_none()));
        arms.sort_by_key(|(arm, _)| *arm);
        arms
    }
}

/// What a row or curve of uncertainty is about.
fn subject(calibration: &str, source: &UncertaintySource) -> Subject {
    Subject {
        calibration: calibration.to_owned(),
        spread: source.spread.clone(),
        split: source.split.clone(),
        task: source.task.clone(),
    }
}

/// The mean; NaN of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean over replicates with its interval; none of fewer than two.
pub(super) fn interval(values: &[f64]) -> Option<TInterval> {
    t_interval(values, LEVEL).ok()
}
