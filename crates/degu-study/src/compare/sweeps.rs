//! Metrics along the axis of a sweep.

use degu_config::Study;
use degu_report::{CurvePoint, ModelKind, Sweep, SweepLine};
use serde_json::Value as Json;

use super::{
    metrics::{TestMetric, test_metrics},
    table::{Table, interval, mean},
};

/// Metrics along every sweep with one axis of numbers, means over replicates; those with more are
/// compared by setting.
pub(super) fn sweeps(study: &Study, table: &Table<'_>) -> Vec<Sweep> {
    let metrics = test_metrics(study);
    let mut all = Vec::new();
    for name in study.sweep.keys() {
        let Some((axis, settings)) = settings(table, name) else {
            continue;
        };
        for metric in metrics.iter().filter(|m| m.higher_is_better.is_some()) {
            let lines = lines(table, &settings, metric);
            if !lines.is_empty() {
                all.push(Sweep {
                    name: name.clone(),
                    axis: axis.to_owned(),
                    metric: metric.label(),
                    log_axis: false,
                    lines,
                });
            }
        }
    }
    all
}

/// The one axis of a sweep and its points by their value there, in ascending order.
fn settings<'t>(table: &'t Table<'_>, name: &str) -> Option<(&'t str, Vec<(f64, Vec<usize>)>)> {
    let sweep = table.points.iter().map(|p| p.point).filter(|point| {
        point.arm.is_none() && point.sweep.as_ref().is_some_and(|(sweep, _)| sweep == name)
    });
    let mut axes = sweep.flat_map(|point| point.coordinates.keys());
    let axis = axes
        .next()
        .filter(|axis| axes.all(|other| other == *axis))?;
    let groups = table.groups(|point| {
        let of_sweep = point.sweep.as_ref().filter(|(sweep, _)| sweep == name);
        of_sweep.filter(|_| point.arm.is_none())?;
        let x = point.coordinates.get(axis).and_then(Json::as_f64)?;
        Some(x.to_bits())
    });
    let mut settings: Vec<(f64, Vec<usize>)> = groups
        .into_iter()
        .map(|(x, own)| (f64::from_bits(x), own))
        .collect();
    settings.sort_by(|a, b| a.0.total_cmp(&b.0));
    Some((axis, settings))
}

/// A line of each kind of model that has the metric at two settings or more.
fn lines(table: &Table<'_>, settings: &[(f64, Vec<usize>)], metric: &TestMetric) -> Vec<SweepLine> {
    let mut lines = Vec::new();
    for (kind, model) in [
        (ModelKind::Member, "mean of members"),
        (ModelKind::Ensemble, "ensemble"),
        (ModelKind::Student, "mean of students"),
    ] {
        let points = settings.iter().filter_map(|(x, own)| {
            let values = own.iter().map(|place| metric.value(table, *place, kind));
            let values: Vec<f64> = values.collect::<Option<_>>()?;
            let over = interval(&values);
            Some(CurvePoint {
                x: *x,
                value: mean(&values),
                low: over.as_ref().map(|i| i.lower),
                high: over.as_ref().map(|i| i.upper),
            })
        });
        let points: Vec<CurvePoint> = points.collect();
        if points.len() > 1 {
            lines.push(SweepLine {
                kind,
                model: model.to_owned(),
                points,
            });
        }
    }
    lines
}
