//! The arms of an ablation side by side: accuracy, uncertainty, intervals and cost of the model
//! that each of them ends with.

use std::collections::BTreeMap;

use degu_config::Study;
use degu_core::LabelInfo;
use degu_report::{ArmCost, ArmCurve, ArmScore, ArmSource, Arms, ReliabilityCurve};

use super::table::{Subject, Table, interval, mean};
use crate::{error::Result, results::PointResults};

/// All arms, the baseline first; nothing without an ablation.
pub(super) fn arms(study: &Study, table: &Table<'_>) -> Result<Arms> {
    let Some(ablation) = &study.ablation else {
        return Ok(Arms::default());
    };
    let mut arms = table.arms();
    arms.sort_by_key(|(arm, places)| (!table.points[places[0]].point.baseline, *arm));
    let mut all = Arms::default();
    for (arm, places) in arms {
        let title = ablation.arm.get(arm).and_then(|a| a.title.clone());
        let title = title.unwrap_or_else(|| arm.to_owned());
        all.costs.push(cost(arm, title, table, &places)?);
        add_scores(arm, table, &places, &mut all);
        add_curves(arm, table, &places, &mut all);
    }
    Ok(all)
}

/// Passes through a network that one prediction of the final model takes.
fn passes(study: &Study, labels: &LabelInfo) -> Result<usize> {
    let (networks, head) = if study.distill.enabled {
        (1, &study.distill.head)
    } else {
        (study.ensemble.members, &study.ensemble.head)
    };
    let head = head.plugin.build()?.bind(labels)?;
    Ok(networks * head.stochastic_passes().max(1))
}

/// What an arm takes, mean over its replicates.
fn cost(arm: &str, title: String, table: &Table<'_>, places: &[usize]) -> Result<ArmCost> {
    let of: Vec<&PointResults<'_>> = places.iter().map(|place| table.points[*place]).collect();
    let over =
        |f: &dyn Fn(&PointResults<'_>) -> f64| mean(&of.iter().map(|r| f(r)).collect::<Vec<_>>());
    let mut most = 0;
    for results in &of {
        if let Some(labels) = &results.labels {
            most = most.max(passes(&results.point.study, labels)?);
        }
    }
    Ok(ArmCost {
        arm: arm.to_owned(),
        title,
        kind: of[0].final_kind(),
        replicates: of.len(),
        networks: of.iter().map(|r| r.fits.len()).max().unwrap_or(0),
        epochs: over(&|r| r.fits.iter().map(|f| f.epochs.len() as f64).sum()),
        steps: over(&|r| r.fits.iter().map(|f| f.steps as f64).sum()),
        passes: most,
    })
}

fn source(arm: &str, subject: Subject) -> ArmSource {
    ArmSource {
        arm: arm.to_owned(),
        calibration: subject.calibration,
        spread: subject.spread,
        split: subject.split,
        task: subject.task,
    }
}

/// Adds the numbers of an arm's final model: means over its students, then over replicates.
fn add_scores(arm: &str, table: &Table<'_>, places: &[usize], all: &mut Arms) {
    let kind = table.points[places[0]].final_kind();
    let mut scores: BTreeMap<(&Subject, &str, &str), BTreeMap<usize, Vec<f64>>> = BTreeMap::new();
    for place in places {
        for score in table.scores[*place].iter().filter(|s| s.kind == kind) {
            let key = (&score.subject, score.metric.as_str(), score.unit.as_str());
            let replicates = scores.entry(key).or_default();
            replicates.entry(*place).or_default().push(score.value);
        }
    }
    for ((subject, metric, unit), replicates) in scores {
        let means: Vec<f64> = replicates.values().map(|own| mean(own)).collect();
        all.scores.push(ArmScore {
            source: source(arm, subject.clone()),
            metric: metric.to_owned(),
            value: mean(&means),
            sd: interval(&means).map(|t| t.sd),
            unit: unit.to_owned(),
        });
    }
}

/// Adds the curves of an arm's final model, level by level.
fn add_curves(arm: &str, table: &Table<'_>, places: &[usize], all: &mut Arms) {
    let kind = table.points[places[0]].final_kind();
    let mut curves: BTreeMap<&Subject, Vec<&ReliabilityCurve>> = BTreeMap::new();
    for (point, subject, curve) in &table.curves {
        if places.contains(point) && curve.source.kind == kind {
            curves.entry(subject).or_default().push(curve);
        }
    }
    for (subject, own) in curves {
        let column = |of: fn(&ReliabilityCurve) -> &Vec<f64>| -> Vec<f64> {
            let levels = own.iter().map(|c| of(c).len()).min().unwrap_or(0);
            (0..levels)
                .map(|i| mean(&own.iter().map(|c| of(c)[i]).collect::<Vec<_>>()))
                .collect()
        };
        all.curves.push(ArmCurve {
            source: source(arm, subject.clone()),
            nominal: column(|c| &c.nominal),
            observed: column(|c| &c.observed),
            width: column(|c| &c.width),
        });
    }
}
