//! The points of a study grouped by what `report.compare_by` names.

use std::{cmp::Ordering, collections::BTreeSet};

use degu_config::Study;
use degu_report::{Setting, SettingRow, SettingScore, Settings};
use serde_json::Value as Json;

use super::{
    metrics::{TestMetric, test_metrics},
    table::{Table, interval, mean},
};

/// Metrics of the final models by setting: by what `report.compare_by` names, or by the axes of
/// sweeps that have several.
pub(super) fn by_setting(study: &Study, table: &Table<'_>) -> Settings {
    let mut names = study.report.compare_by.clone();
    if names.is_empty() {
        let several = table.points.iter().map(|p| &p.point.coordinates);
        let axes = several.filter(|c| c.len() > 1).flat_map(|c| c.keys());
        names = axes.cloned().collect::<BTreeSet<_>>().into_iter().collect();
    }
    if names.is_empty() {
        return Settings::default();
    }
    let mut groups = table.groups(|point| {
        let values = names.iter().map(|name| setting(point.setting(name)));
        Some(values.collect::<Vec<_>>())
    });
    order(&mut groups, names.len());
    let metrics = test_metrics(study);
    let rows = groups.into_iter().map(|(values, places)| {
        let places = distinct(table, places);
        SettingRow {
            points: places.len(),
            scores: metrics.iter().map(|m| score(table, &places, m)).collect(),
            values,
        }
    });
    Settings {
        rows: rows.collect(),
        metrics: metrics.iter().map(TestMetric::label).collect(),
        names,
    }
}

/// Points that are one computation, such as one that the base shares with a sweep, count once.
fn distinct(table: &Table<'_>, places: Vec<usize>) -> Vec<usize> {
    let mut keys: BTreeSet<&[String]> = BTreeSet::new();
    let mut own = places;
    own.retain(|place| keys.insert(table.points[*place].keys.as_slice()));
    own
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
fn order(groups: &mut [(Vec<Setting>, Vec<usize>)], columns: usize) {
    let mut known: Vec<Vec<Setting>> = vec![Vec::new(); columns];
    for (values, _) in &*groups {
        for (known, value) in known.iter_mut().zip(values) {
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
    groups.sort_by_cached_key(|(values, _)| -> Vec<Option<usize>> {
        let columns = known.iter().zip(values);
        columns
            .map(|(known, value)| known.iter().position(|v| v == value))
            .collect()
    });
}

fn score(table: &Table<'_>, places: &[usize], metric: &TestMetric) -> SettingScore {
    let values = places.iter().map(|place| metric.final_value(table, *place));
    let Some(values) = values.collect::<Option<Vec<f64>>>() else {
        return SettingScore::default();
    };
    SettingScore {
        mean: Some(mean(&values)),
        sd: interval(&values).map(|t| t.sd),
    }
}
