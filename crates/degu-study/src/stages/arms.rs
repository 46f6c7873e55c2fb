//! The arms of an ablation side by side: accuracy, uncertainty, intervals and cost of the model
//! that each of them ends with.

use std::collections::BTreeMap;

use degu_core::{LabelInfo, Split};
use degu_report::{
    ArmCost, ArmCurve, ArmScore, ArmSource, Arms, ModelKind, ReliabilityCurve, UncertaintySource,
};
use degu_stats::compare::t_interval;

use super::{
    calibrate,
    produced::{Produced, is_of_kind},
};
use crate::run::RunError;
use degu_config::Study;

/// Numbers by what they belong to, metric and unit; one value per replicate and student.
type Scores = BTreeMap<(Key, String, String), Vec<Vec<f64>>>;

/// Calibration, spread, split and task.
type Key = (String, String, String, String);

/// Passes through a network that one prediction of the final model takes.
fn passes(study: &Study, labels: &LabelInfo) -> degu_core::Result<usize> {
    let (networks, head) = if study.distill.enabled {
        (1, &study.distill.head)
    } else {
        (study.ensemble.members, &study.ensemble.head)
    };
    let head = head.plugin.build()?.bind(labels)?;
    Ok(networks * head.stochastic_passes().max(1))
}

/// All arms, the baseline first; nothing without an ablation.
pub(super) fn arms(study: &Study, produced: &[Produced<'_>]) -> Result<Arms, RunError> {
    let Some(ablation) = &study.ablation else {
        return Ok(Arms::default());
    };
    let mut by_arm: BTreeMap<(bool, &str), Vec<&Produced<'_>>> = BTreeMap::new();
    for found in produced.iter().filter(|p| p.point.sweep.is_none()) {
        if let Some(arm) = &found.point.arm {
            let first = (!found.point.baseline, arm.as_str());
            by_arm.entry(first).or_default().push(found);
        }
    }
    let mut all = Arms::default();
    for ((_, arm), of) in by_arm {
        let Some(first) = of.first() else {
            continue;
        };
        let kind = first.final_kind();
        let title = ablation.arm.get(arm).and_then(|a| a.title.clone());
        let over =
            |f: &dyn Fn(&Produced<'_>) -> f64| mean(&of.iter().map(|r| f(r)).collect::<Vec<_>>());
        let mut most = 0;
        for found in &of {
            if let Some(labels) = &found.labels {
                let own = passes(&found.point.study, labels);
                most = most.max(own.map_err(|e| RunError::Stage(e.into()))?);
            }
        }
        all.costs.push(ArmCost {
            arm: arm.to_owned(),
            title: title.unwrap_or_else(|| arm.to_owned()),
            kind,
            replicates: of.len(),
            networks: of.iter().map(|r| r.fits.len()).max().unwrap_or(0),
            epochs: over(&|r| r.fits.iter().map(|f| f.epochs.len() as f64).sum()),
            steps: over(&|r| r.fits.iter().map(|f| f.steps as f64).sum()),
            passes: most,
        });
        let (scores, curves) = gather(kind, &of);
        let source = |(calibration, spread, split, task): Key| ArmSource {
            arm: arm.to_owned(),
            calibration,
            spread,
            split,
            task,
        };
        for ((key, metric, unit), values) in scores {
            let means: Vec<f64> = values
                .iter()
                .filter(|own| !own.is_empty())
                .map(|own| mean(own))
                .collect();
            all.scores.push(ArmScore {
                source: source(key),
                metric,
                value: mean(&means),
                sd: t_interval(&means, 0.95).ok().map(|t| t.sd),
                unit,
            });
        }
        for (key, own) in curves {
            let column = |of: fn(&ReliabilityCurve) -> &Vec<f64>| -> Vec<f64> {
                let levels = own.iter().map(|c| of(c).len()).min().unwrap_or(0);
                (0..levels)
                    .map(|i| mean(&own.iter().map(|c| of(c)[i]).collect::<Vec<_>>()))
                    .collect()
            };
            all.curves.push(ArmCurve {
                source: source(key),
                nominal: column(|c| &c.nominal),
                observed: column(|c| &c.observed),
                width: column(|c| &c.width),
            });
        }
    }
    Ok(all)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The numbers and curves of an arm's final model.
fn gather<'a>(
    kind: ModelKind,
    replicates: &[&'a Produced<'_>],
) -> (Scores, BTreeMap<Key, Vec<&'a ReliabilityCurve>>) {
    let mut scores = Scores::new();
    let mut curves: BTreeMap<Key, Vec<&ReliabilityCurve>> = BTreeMap::new();
    let test = Split::Test.name();
    for (at, replicate) in replicates.iter().enumerate() {
        let mut add = |key: Key, metric: &str, unit: &str, value: f64| {
            let all = scores
                .entry((key, metric.to_owned(), unit.to_owned()))
                .or_insert_with(|| vec![Vec::new(); replicates.len()]);
            all[at].push(value);
        };
        let of = |calibration: &str, source: &UncertaintySource| -> Key {
            let spread = source.spread.clone();
            let (split, task) = (source.split.clone(), source.task.clone());
            (calibration.to_owned(), spread, split, task)
        };
        for row in &replicate.evaluation.metrics {
            if row.kind == kind && !row.metric.starts_with("interval_") {
                let key = (
                    String::new(),
                    String::new(),
                    row.split.clone(),
                    row.task.clone(),
                );
                add(key, &row.metric, &row.unit, row.value);
            }
        }
        let raw = std::iter::once(&replicate.evaluation.uncertainty).chain(&replicate.shift);
        for uncertainty in raw {
            for row in &uncertainty.rows {
                let own = is_of_kind(kind, &row.source.model) && row.source.calibrator.is_empty();
                if own && row.value.is_finite() {
                    add(of("", &row.source), &row.metric, &row.unit, row.value);
                }
            }
        }
        for curve in &replicate.evaluation.uncertainty.reliability {
            if is_of_kind(kind, &curve.source.model) && curve.source.calibrator.is_empty() {
                curves.entry(of("", &curve.source)).or_default().push(curve);
            }
        }
        for result in &replicate.calibration {
            let name = result.name.as_str();
            for row in &result.uncertainty.rows {
                if is_of_kind(kind, &row.source.model) && row.value.is_finite() {
                    add(of(name, &row.source), &row.metric, &row.unit, row.value);
                }
            }
            for curve in &result.uncertainty.reliability {
                if is_of_kind(kind, &curve.source.model) {
                    curves
                        .entry(of(name, &curve.source))
                        .or_default()
                        .push(curve);
                }
            }
            let rows = result.rows.iter().filter(|r| is_of_kind(kind, &r.model));
            for row in rows.filter(|r| r.task != calibrate::ALL_TASKS) {
                let key = || {
                    let (split, task) = (row.split.clone(), row.task.clone());
                    (name.to_owned(), String::new(), split, task)
                };
                let a = row.alpha;
                add(key(), &format!("interval_coverage@{a}"), "", row.coverage);
                add(key(), &format!("interval_width@{a}"), "", row.mean_width);
                if let Some(winkler) = row.winkler {
                    add(key(), &format!("winkler@{a}"), "", winkler);
                }
            }
            // Groups are cut for the first student, or for the ensemble.
            let mut gaps: BTreeMap<(String, String, String), Vec<f64>> = BTreeMap::new();
            for row in result.conditional.iter().filter(|r| r.split == test) {
                let metric = format!("coverage_gap@{} by {}", row.alpha, row.by);
                gaps.entry((row.split.clone(), row.task.clone(), metric))
                    .or_default()
                    .push((row.coverage - (1.0 - row.alpha)).abs());
            }
            for ((split, task, metric), gaps) in gaps {
                let key = (name.to_owned(), String::new(), split, task);
                add(key, &metric, "", mean(&gaps));
            }
        }
    }
    (scores, curves)
}
