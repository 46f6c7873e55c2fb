//! Ablation arms against their baseline, and metrics along sweeps.

use std::collections::BTreeMap;

use degu_report::{Arm, Comparison, CurvePoint, ModelKind, Sweep, SweepLine};
use degu_stats::compare::{holm, sign_flip_test, t_interval};
use serde_json::Value as Json;

use super::{produced::Produced, test_metrics::test_metrics};
use degu_config::Study;

/// Confidence level of the intervals of differences.
const LEVEL: f64 = 0.95;

/// Every arm against the baseline, in every metric.
pub(super) fn comparisons(study: &Study, produced: &[Produced<'_>]) -> Vec<Comparison> {
    let Some(ablation) = &study.ablation else {
        return Vec::new();
    };
    let mut by_arm: BTreeMap<&str, BTreeMap<usize, &Produced<'_>>> = BTreeMap::new();
    for found in produced.iter().filter(|p| p.point.sweep.is_none()) {
        if let Some(arm) = &found.point.arm {
            let replicates = by_arm.entry(arm).or_default();
            replicates.insert(found.point.replicate, found);
        }
    }
    let mut all = Vec::new();
    for metric in test_metrics(study) {
        let Some(better) = metric.higher_is_better else {
            continue;
        };
        let values = |arm: &str| -> BTreeMap<usize, f64> {
            let points = by_arm.get(arm).into_iter().flatten();
            points
                .filter_map(|(r, found)| Some((*r, found.final_value(&metric)?)))
                .collect()
        };
        let baseline = values(&ablation.baseline);
        if baseline.is_empty() {
            continue;
        }
        let primary = ablation
            .primary_metric
            .as_ref()
            .is_some_and(|m| (m.metric.as_str(), m.alpha) == metric.parts());
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
            metric: metric.label(),
            unit: String::new(),
            primary,
            baseline: ablation.baseline.clone(),
            baseline_mean: Some(baseline.values().sum::<f64>() / n as f64),
            smallest_p: smallest,
            arms,
        });
    }
    all
}

/// Metrics along every sweep with one axis of numbers, means over replicates; those with more are
/// compared by setting.
pub(super) fn sweeps(study: &Study, produced: &[Produced<'_>]) -> Vec<Sweep> {
    let mut all = Vec::new();
    for name in study.sweep.keys() {
        let of = |p: &&Produced<'_>| {
            let sweep = p.point.sweep.as_ref();
            p.point.arm.is_none() && sweep.is_some_and(|(sweep, _)| sweep == name)
        };
        let points: Vec<&Produced<'_>> = produced.iter().filter(of).collect();
        let mut axes = points.iter().flat_map(|p| p.point.coordinates.keys());
        let Some(axis) = axes.next().filter(|axis| axes.all(|other| other == *axis)) else {
            continue;
        };
        // Replicates at one setting together.
        let mut settings: Vec<(f64, Vec<&Produced<'_>>)> = Vec::new();
        for point in &points {
            let Some(x) = point.point.coordinates.get(axis).and_then(Json::as_f64) else {
                continue;
            };
            match settings
                .iter_mut()
                .find(|(known, _)| known.total_cmp(&x).is_eq())
            {
                Some((_, own)) => own.push(point),
                None => settings.push((x, vec![point])),
            }
        }
        settings.sort_by(|a, b| a.0.total_cmp(&b.0));
        let metrics = test_metrics(study);
        for metric in metrics.iter().filter(|m| m.higher_is_better.is_some()) {
            let mut lines = Vec::new();
            for (kind, model) in [
                (ModelKind::Member, "mean of members"),
                (ModelKind::Ensemble, "ensemble"),
                (ModelKind::Student, "mean of students"),
            ] {
                let points: Vec<CurvePoint> = settings
                    .iter()
                    .filter_map(|(x, own)| {
                        let values: Option<Vec<f64>> =
                            own.iter().map(|p| p.value(metric, kind)).collect();
                        let values = values?;
                        let interval = t_interval(&values, LEVEL).ok();
                        Some(CurvePoint {
                            x: *x,
                            value: values.iter().sum::<f64>() / values.len() as f64,
                            low: interval.map(|i| i.lower),
                            high: interval.map(|i| i.upper),
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
                    metric: metric.label(),
                    log_axis: false,
                    lines,
                });
            }
        }
    }
    all
}
