//! Ablation arms against their baseline, replicate by replicate.

use std::collections::BTreeMap;

use degu_config::{Ablation, Study};
use degu_report::{Arm, Comparison};
use degu_stats::compare::{holm, sign_flip_test};

use super::{
    metrics::{TestMetric, test_metrics},
    table::{Table, interval, mean},
};

/// Every arm against the baseline, in every metric that has a better direction.
pub(super) fn comparisons(study: &Study, table: &Table<'_>) -> Vec<Comparison> {
    let Some(ablation) = &study.ablation else {
        return Vec::new();
    };
    let metrics = test_metrics(study);
    metrics
        .iter()
        .filter_map(|metric| comparison(ablation, study.identity.seed, table, metric))
        .collect()
}

/// Values of an arm by replicate.
fn values(table: &Table<'_>, places: &[usize], metric: &TestMetric) -> BTreeMap<usize, f64> {
    let of = |place: &usize| {
        let replicate = table.points[*place].point.replicate;
        Some((replicate, metric.final_value(table, *place)?))
    };
    places.iter().filter_map(of).collect()
}

fn comparison(
    ablation: &Ablation,
    seed: u64,
    table: &Table<'_>,
    metric: &TestMetric,
) -> Option<Comparison> {
    let sign = if metric.higher_is_better? { 1.0 } else { -1.0 };
    let arms = table.arms();
    let of_baseline = arms.iter().find(|(arm, _)| *arm == ablation.baseline)?;
    let baseline = values(table, &of_baseline.1, metric);
    if baseline.is_empty() {
        return None;
    }
    let primary = ablation
        .primary_metric
        .as_ref()
        .is_some_and(|m| (m.metric.as_str(), m.alpha) == (metric.parts.0.as_str(), metric.parts.1));
    let mut compared: Vec<Arm> = arms
        .iter()
        .filter(|(arm, _)| *arm != ablation.baseline)
        .filter_map(|(arm, places)| {
            let own = values(table, places, metric);
            let pairs = own.iter();
            let differences = pairs.filter_map(|(r, v)| Some(sign * (v - baseline.get(r)?)));
            let differences: Vec<f64> = differences.collect();
            let own: Vec<f64> = own.into_values().collect();
            (!differences.is_empty()).then(|| against(ablation, seed, arm, &own, differences))
        })
        .collect();
    if primary {
        adjust(&mut compared);
    }
    let n = baseline.len();
    let baseline: Vec<f64> = baseline.into_values().collect();
    Some(Comparison {
        metric: metric.label(),
        unit: String::new(),
        primary,
        baseline: ablation.baseline.clone(),
        baseline_mean: Some(mean(&baseline)),
        smallest_p: sign_flip_test(&vec![1.0; n], 0).ok().map(|t| t.smallest_p),
        arms: compared,
    })
}

/// An arm with the values `own`, which exceed the baseline's by `differences`.
fn against(ablation: &Ablation, seed: u64, arm: &str, own: &[f64], differences: Vec<f64>) -> Arm {
    let n = differences.len();
    let over = interval(&differences);
    Arm {
        name: arm.to_owned(),
        n,
        mean: mean(own),
        sd: interval(own).map(|t| t.sd),
        difference: mean(&differences),
        ci_low: over.as_ref().map(|i| i.lower),
        ci_high: over.as_ref().map(|i| i.upper),
        p: sign_flip_test(&differences, seed).ok().map(|t| t.p),
        adjusted_p: None,
        note: match (n, ablation.replicates.saturating_sub(n)) {
            (1, _) => "insufficient replicates".to_owned(),
            (_, 0) => String::new(),
            (_, missing) => format!("{missing} of {} replicates missing", ablation.replicates),
        },
        differences,
    }
}

/// Adjusts the p-values of all arms together, where each arm has one.
fn adjust(arms: &mut [Arm]) {
    let p: Vec<f64> = arms.iter().filter_map(|a| a.p).collect();
    if p.len() == arms.len()
        && let Ok(adjusted) = holm(&p)
    {
        for (arm, p) in arms.iter_mut().zip(adjusted) {
            arm.adjusted_p = Some(p);
        }
    }
}
