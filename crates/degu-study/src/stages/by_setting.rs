//! The points of a study grouped by what `report.compare_by` names.

use std::{cmp::Ordering, collections::BTreeSet};

use degu_report::{Setting, SettingRow, SettingScore, Settings};
use degu_stats::compare::t_interval;
use serde_json::Value as Json;

use super::{
    produced::Produced,
    test_metrics::{TestMetric, test_metrics},
};
use degu_config::Study;

/// Points with the same settings.
struct Group<'a> {
    values: Vec<Setting>,
    points: Vec<&'a Produced<'a>>,
    /// What the points were computed as: one that the base shares with a sweep counts once.
    keys: BTreeSet<&'a [String]>,
}

/// Metrics of the final models by setting: by what `report.compare_by` names, or by the axes of
/// sweeps that have several.
pub(super) fn by_setting(study: &Study, produced: &[Produced<'_>]) -> Settings {
    let mut names = study.report.compare_by.clone();
    if names.is_empty() {
        let several = produced.iter().map(|p| &p.point.coordinates);
        let axes = several.filter(|c| c.len() > 1).flat_map(|c| c.keys());
        names = axes.cloned().collect::<BTreeSet<_>>().into_iter().collect();
    }
    if names.is_empty() {
        return Settings::default();
    }
    let mut groups: Vec<Group<'_>> = Vec::new();
    for found in produced {
        let values: Vec<Setting> = names
            .iter()
            .map(|name| setting(found.point.setting(name)))
            .collect();
        let at = groups.iter().position(|group| group.values == values);
        let at = at.unwrap_or_else(|| {
            groups.push(Group {
                values,
                points: Vec::new(),
                keys: BTreeSet::new(),
            });
            groups.len() - 1
        });
        if groups[at].keys.insert(found.keys.as_slice()) {
            groups[at].points.push(found);
        }
    }
    order(&mut groups, names.len());
    let metrics = test_metrics(study);
    let rows = groups.into_iter().map(|group| SettingRow {
        points: group.points.len(),
        scores: metrics.iter().map(|m| score(&group.points, m)).collect(),
        values: group.values,
    });
    Settings {
        names,
        metrics: metrics.iter().map(TestMetric::label).collect(),
        rows: rows.collect(),
    }
}

fn setting(value: Json) -> Setting {
    match value {
        Json::Null => Setting::Absent,
        Json::String(text) => Setting::Text(text),
        Json::Number(number) => number.as_f64().map_or(Setting::Absent, Setting::Number),
        other => Setting::Text(other.to_string()),
    }
}

/// Sorts groups by their settings from left to right: numbers ascend, names stand in the order of
/// the points.
fn order(groups: &mut [Group<'_>], columns: usize) {
    let mut known: Vec<Vec<Setting>> = vec![Vec::new(); columns];
    for group in &*groups {
        for (known, value) in known.iter_mut().zip(&group.values) {
            if !known.contains(value) {
                known.push(value.clone());
            }
        }
    }
    for known in &mut known {
        known.sort_by(|a, b| match (a, b) {
            (Setting::Number(a), Setting::Number(b)) => a.total_cmp(b),
            (Setting::Number(_), _) => Ordering::Less,
            (_, Setting::Number(_)) => Ordering::Greater,
            _ => Ordering::Equal,
        });
    }
    groups.sort_by_cached_key(|group| -> Vec<Option<usize>> {
        let columns = known.iter().zip(&group.values);
        columns
            .map(|(known, value)| known.iter().position(|v| v == value))
            .collect()
    });
}

fn score(points: &[&Produced<'_>], metric: &TestMetric) -> SettingScore {
    let values: Option<Vec<f64>> = points.iter().map(|p| p.final_value(metric)).collect();
    let Some(values) = values else {
        return SettingScore::default();
    };
    SettingScore {
        mean: Some(values.iter().sum::<f64>() / values.len() as f64),
        sd: t_interval(&values, 0.95).ok().map(|t| t.sd),
    }
}
