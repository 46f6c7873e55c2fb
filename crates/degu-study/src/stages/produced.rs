//! What a point of a study has produced, as far as points are compared by it.

use degu_core::{LabelInfo, Split};
use degu_report::{ModelKind, Uncertainty};
use degu_train::{FitReport, ModelCard};

use super::{
    CalibrationResult, Evaluation, calibrate, evaluate, network,
    plan::{StudyPlan, Work, prefix},
    shift,
    test_metrics::{Of, TestMetric},
};
use crate::run::RunError;
use degu_config::{IntervalMetric, Point};
use degu_workflow::store::Store;

/// A point that has been evaluated, with the results that are there by now.
pub(super) struct Produced<'a> {
    pub(super) point: &'a Point,
    pub(super) evaluation: Evaluation,
    pub(super) calibration: Vec<CalibrationResult>,
    pub(super) shift: Vec<Uncertainty>,
    /// How each network was trained, students included.
    pub(super) fits: Vec<FitReport>,
    /// Labels of the networks that the point ends with.
    pub(super) labels: Option<LabelInfo>,
    /// Keys of the evaluation and of the calibrations: equal where two points are the same
    /// computation.
    pub(super) keys: Vec<String>,
}

impl<'a> Produced<'a> {
    /// Reads the results of a point; `None` if it has not been evaluated.
    fn read(point: &'a Point, plan: &StudyPlan, store: &Store) -> Result<Option<Self>, RunError> {
        let start = prefix(point);
        let mut found = Self {
            point,
            evaluation: Evaluation::default(),
            calibration: Vec::new(),
            shift: Vec::new(),
            fits: Vec::new(),
            labels: None,
            keys: Vec::new(),
        };
        let mut evaluated = false;
        for (id, assigned) in &plan.work {
            let Some(stage) = id.strip_prefix(&start) else {
                continue;
            };
            let apart = matches!(
                assigned.work,
                Work::Prepare | Work::Teacher | Work::Control(_) | Work::Attribute(_)
            );
            if apart || (start.is_empty() && stage.contains(':')) {
                continue;
            }
            let Some(node) = plan.plan.node(id) else {
                continue;
            };
            let Some(artifact) = store.get(&node.key)? else {
                continue;
            };
            match &assigned.work {
                Work::Evaluate => {
                    found.evaluation = artifact.json(evaluate::FILE)?;
                    found.keys.push(node.key.full());
                    evaluated = true;
                }
                Work::Calibrate(_) => {
                    found.calibration.push(artifact.json(calibrate::FILE)?);
                    found.keys.push(node.key.full());
                }
                Work::Shift(_) => {
                    let result: shift::ShiftResult = artifact.json(shift::FILE)?;
                    found.shift.push(result.uncertainty);
                }
                Work::Member(_) | Work::Student(_) => {
                    found.fits.push(artifact.json(network::CURVE)?);
                    let student = matches!(assigned.work, Work::Student(_));
                    if student == point.study.distill.enabled {
                        let card: ModelCard = artifact.json(network::CARD)?;
                        found.labels = Some(card.labels);
                    }
                }
                _ => {}
            }
        }
        Ok(evaluated.then_some(found))
    }

    /// What the point ends with: its students, or its ensemble.
    pub(super) fn final_kind(&self) -> ModelKind {
        if self.point.study.distill.enabled {
            ModelKind::Student
        } else {
            ModelKind::Ensemble
        }
    }

    /// A metric of one kind of model, mean over models and tasks; of intervals, those of the
    /// study's main calibration.
    pub(super) fn value(&self, metric: &TestMetric, kind: ModelKind) -> Option<f64> {
        let test = Split::Test.name();
        let values: Vec<f64> = match &metric.of {
            Of::Predictions(name) => {
                let rows = self.evaluation.metrics.iter();
                rows.filter(|r| r.kind == kind && r.metric == *name && r.split == test)
                    .map(|r| r.value)
                    .collect()
            }
            Of::Intervals(interval, alpha) => {
                let study = &self.point.study;
                let main = study.report.calibration(study.calibration.keys())?;
                let results = self.calibration.iter().filter(|c| c.name == main);
                let rows = results.flat_map(|c| &c.rows).filter(|r| {
                    (r.alpha - alpha).abs() < 1e-12
                        && r.split == test
                        && r.task != calibrate::ALL_TASKS
                });
                rows.filter(|r| is_of_kind(kind, &r.model))
                    .filter_map(|r| match interval {
                        IntervalMetric::Width => Some(r.mean_width),
                        IntervalMetric::Coverage => Some(r.coverage),
                        IntervalMetric::Score => r.winkler,
                    })
                    .collect()
            }
        };
        let finite = values.iter().all(|v| v.is_finite());
        (!values.is_empty() && finite).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// A metric of what the point ends with.
    pub(super) fn final_value(&self, metric: &TestMetric) -> Option<f64> {
        self.value(metric, self.final_kind())
    }
}

/// The evaluated points of a plan, in its order.
pub(super) fn produced<'a>(
    plan: &'a StudyPlan,
    store: &Store,
) -> Result<Vec<Produced<'a>>, RunError> {
    let read = |point| Produced::read(point, plan, store).transpose();
    plan.points.iter().filter_map(read).collect()
}

/// Whether a model of this name is of a kind.
pub(super) fn is_of_kind(kind: ModelKind, model: &str) -> bool {
    match kind {
        ModelKind::Student => model.starts_with("student"),
        ModelKind::Member => model.starts_with("member"),
        _ => model == "ensemble",
    }
}
