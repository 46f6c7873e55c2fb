//! Ablation arms against their baseline, and metrics along sweeps.

use std::collections::BTreeMap;

use degu_core::Split;
use degu_report::{Arm, Comparison, CurvePoint, ModelKind, Sweep, SweepLine};
use degu_stats::compare::{holm, sign_flip_test, t_interval};

use super::{
    CalibrationResult, Evaluation,
    arms::is_final,
    calibrate, evaluate,
    plan::{StudyPlan, prefix},
};
use crate::{
    config::{MetricSpec, Point, Study},
    run::RunError,
    store::Store,
};

/// Confidence level of the intervals of differences.
const LEVEL: f64 = 0.95;

/// What a point has been evaluated to.
struct Evaluated {
    evaluation: Evaluation,
    calibration: Vec<CalibrationResult>,
}

fn evaluated(
    point: &Point,
    plan: &StudyPlan,
    store: &Store,
) -> Result<Option<Evaluated>, RunError> {
    let start = prefix(point);
    let Some(node) = plan.plan.node(&format!("{start}evaluate")) else {
        return Ok(None);
    };
    let Some(artifact) = store.get(&node.key)? else {
        return Ok(None);
    };
    let mut calibration = Vec::new();
    for name in point.study.calibration.keys() {
        if let Some(node) = plan.plan.node(&format!("{start}calibrate/{name}"))
            && let Some(artifact) = store.get(&node.key)?
        {
            calibration.push(artifact.json(calibrate::FILE)?);
        }
    }
    Ok(Some(Evaluated {
        evaluation: artifact.json(evaluate::FILE)?,
        calibration,
    }))
}

/// The value of a metric for one kind of model, averaged over models and tasks; of intervals, those of the study's main calibration.
fn value(
    of: &Evaluated,
    study: &Study,
    metric: &str,
    alpha: Option<f64>,
    kind: ModelKind,
) -> Option<f64> {
    let test = Split::Test.name();
    let values: Vec<f64> = if let Some(alpha) = alpha {
        let main = study.report.calibration(study.calibration.keys())?;
        let results = of.calibration.iter().filter(|c| c.name == main);
        let rows = results.flat_map(|c| &c.rows).filter(|r| {
            (r.alpha - alpha).abs() < 1e-12 && r.split == test && r.task != calibrate::ALL_TASKS
        });
        rows.filter(|r| is_final(kind, &r.model))
            .filter_map(|r| match metric {
                "interval_width" => Some(r.mean_width),
                "interval_coverage" => Some(r.coverage),
                "interval_score" => r.winkler,
                _ => None,
            })
            .collect()
    } else {
        let rows = of
            .evaluation
            .metrics
            .iter()
            .filter(|r| r.kind == kind && r.metric == metric && r.split == test);
        rows.map(|r| r.value).collect()
    };
    let finite = values.iter().all(|v| v.is_finite());
    (!values.is_empty() && finite).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The value of a point's final model: its students, or its ensemble.
fn final_value(of: &Evaluated, study: &Study, metric: &str, alpha: Option<f64>) -> Option<f64> {
    let kind = if study.distill.enabled {
        ModelKind::Student
    } else {
        ModelKind::Ensemble
    };
    value(of, study, metric, alpha, kind)
}

/// Metrics of a study with their direction: `Some(true)` where larger is better.
fn metrics(study: &Study) -> Vec<(String, Option<f64>, bool)> {
    let mut all = Vec::new();
    for spec in &study.evaluation.metrics {
        match spec {
            MetricSpec::Plugin(slotted) => {
                if let Ok(metric) = slotted.plugin.build()
                    && let Some(better) = metric.higher_is_better()
                {
                    all.push((slotted.plugin.name.to_owned(), None, better));
                }
            }
            MetricSpec::Interval(metric) if metric.name() == "interval_coverage" => {}
            MetricSpec::Interval(metric) => {
                let main = study.report.calibration(study.calibration.keys());
                let alphas = main.and_then(|m| study.calibration.get(m));
                all.extend(
                    alphas
                        .into_iter()
                        .flat_map(|block| &block.keys.alpha)
                        .map(|a| (metric.name().to_owned(), Some(*a), false)),
                );
            }
        }
    }
    all
}

fn label(metric: &str, alpha: Option<f64>) -> String {
    alpha.map_or_else(
        || format!("test/{metric}"),
        |a| format!("test/{metric}@{a}"),
    )
}

/// Every arm against the baseline, in every metric.
pub(crate) fn comparisons(
    study: &Study,
    plan: &StudyPlan,
    store: &Store,
) -> Result<Vec<Comparison>, RunError> {
    let Some(ablation) = &study.ablation else {
        return Ok(Vec::new());
    };
    let points: Vec<&Point> = plan
        .points
        .iter()
        .filter(|p| p.arm.is_some() && p.sweep.is_none())
        .collect();
    if points.is_empty() {
        return Ok(Vec::new());
    }
    let mut by_arm: BTreeMap<&str, BTreeMap<usize, (&Point, Evaluated)>> = BTreeMap::new();
    for point in points {
        if let (Some(arm), Some(e)) = (&point.arm, evaluated(point, plan, store)?) {
            by_arm
                .entry(arm)
                .or_default()
                .insert(point.replicate, (point, e));
        }
    }
    let mut all = Vec::new();
    for (metric, alpha, better) in metrics(study) {
        let values = |arm: &str| -> BTreeMap<usize, f64> {
            let points = by_arm.get(arm).into_iter().flatten();
            points
                .filter_map(|(r, (p, e))| Some((*r, final_value(e, &p.study, &metric, alpha)?)))
                .collect()
        };
        let baseline = values(&ablation.baseline);
        if baseline.is_empty() {
            continue;
        }
        let name = label(&metric, alpha);
        let primary = ablation
            .primary_metric
            .as_ref()
            .is_some_and(|m| m.metric == metric && m.alpha == alpha);
        let mut arms = Vec::new();
        for arm in by_arm.keys().filter(|a| **a != ablation.baseline) {
            let own = values(arm);
            let sign = if better { 1.0 } else { -1.0 };
            let differences: Vec<f64> = own
                .iter()
                .filter_map(|(r, v)| Some(sign * (v - baseline.get(r)?)))
                .collect();
            if differences.is_empty() {
                continue;
            }
            let n = differences.len();
            let interval = t_interval(&differences, LEVEL).ok();
            let own: Vec<f64> = own.into_values().collect();
            let missing = ablation.replicates.saturating_sub(n);
            arms.push(Arm {
                name: (*arm).to_owned(),
                n,
                mean: own.iter().sum::<f64>() / own.len() as f64,
                sd: t_interval(&own, LEVEL).ok().map(|t| t.sd),
                difference: differences.iter().sum::<f64>() / n as f64,
                ci_low: interval.map(|i| i.lower),
                ci_high: interval.map(|i| i.upper),
                p: sign_flip_test(&differences, study.identity.seed)
                    .ok()
                    .map(|t| t.p),
                adjusted_p: None,
                note: match (n, missing) {
                    (1, _) => "insufficient replicates".to_owned(),
                    (_, 0) => String::new(),
                    (_, missing) => {
                        format!("{missing} of {} replicates missing", ablation.replicates)
                    }
                },
                differences,
            });
        }
        if primary {
            let p: Vec<f64> = arms.iter().filter_map(|a| a.p).collect();
            if p.len() == arms.len()
                && let Ok(adjusted) = holm(&p)
            {
                for (arm, p) in arms.iter_mut().zip(adjusted) {
                    arm.adjusted_p = Some(p);
                }
            }
        }
        let n = baseline.len();
        let smallest = sign_flip_test(&vec![1.0; n], 0).ok().map(|t| t.smallest_p);
        all.push(Comparison {
            metric: name,
            unit: String::new(),
            primary,
            baseline: ablation.baseline.clone(),
            baseline_mean: Some(baseline.values().sum::<f64>() / n as f64),
            smallest_p: smallest,
            arms,
        });
    }
    Ok(all)
}

/// Metrics along every sweep with one axis of numbers.
pub(crate) fn sweeps(
    study: &Study,
    plan: &StudyPlan,
    store: &Store,
) -> Result<Vec<Sweep>, RunError> {
    let mut all = Vec::new();
    for name in study.sweep.keys() {
        let points: Vec<&Point> = plan
            .points
            .iter()
            .filter(|p| p.arm.is_none() && p.sweep.as_ref().is_some_and(|(sweep, _)| sweep == name))
            .collect();
        let Some(axis) = points
            .first()
            .and_then(|p| p.coordinates.keys().next().cloned())
        else {
            continue;
        };
        let mut found = Vec::new();
        for point in points {
            let x = point
                .coordinates
                .get(&axis)
                .and_then(serde_json::Value::as_f64);
            if let (Some(x), Some(e)) = (x, evaluated(point, plan, store)?) {
                found.push((x, e));
            }
        }
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (metric, alpha, _) in metrics(study) {
            let mut lines = Vec::new();
            for (kind, model) in [
                (ModelKind::Member, "mean of members"),
                (ModelKind::Ensemble, "ensemble"),
                (ModelKind::Student, "mean of students"),
            ] {
                let points: Vec<CurvePoint> = found
                    .iter()
                    .filter_map(|(x, e)| {
                        Some(CurvePoint {
                            x: *x,
                            value: value(e, study, &metric, alpha, kind)?,
                            low: None,
                            high: None,
                        })
                    })
                    .collect();
                if points.len() > 1 {
                    lines.push(SweepLine {
                        kind,
                        model: model.to_owned(),
                        points,
                    });
                }
            }
            if !lines.is_empty() {
                all.push(Sweep {
                    name: name.clone(),
                    axis: axis.clone(),
                    metric: label(&metric, alpha),
                    log_axis: false,
                    lines,
                });
            }
        }
    }
    Ok(all)
}
