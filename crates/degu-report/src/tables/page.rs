//! Tables arranged for reading on the page; the long ones are for other programs.

use super::{ARM_COLUMNS, arm_cells};
use crate::data::{Comparison, ModelKind, ReportData};
use crate::table::{Cell, Table};
use crate::text::{labelled, metric_label};

/// Metrics of one split arranged for reading: a row per model, a column per task and metric.
pub(crate) fn metrics_by_model(data: &ReportData, split: &str) -> Table {
    let rows: Vec<_> = data.metrics.iter().filter(|r| r.split == split).collect();
    let mut columns: Vec<(&str, &str)> = Vec::new();
    let mut models: Vec<(ModelKind, &str)> = Vec::new();
    for r in &rows {
        if !columns.contains(&(&r.task, &r.metric)) {
            columns.push((&r.task, &r.metric));
        }
        if !models.contains(&(r.kind, &r.model)) {
            models.push((r.kind, &r.model));
        }
    }
    // What a reader compares comes first, single networks after it.
    let minor = |kind: ModelKind| matches!(kind, ModelKind::Member | ModelKind::Student);
    let several = |kind: ModelKind| models.iter().filter(|m| m.0 == kind).count() > 1;
    let mut order = models.clone();
    order.sort_by_key(|(kind, _)| (minor(*kind) && several(*kind), *kind));
    let mut table = Table::new("metrics-by-model", &["kind", "model"]);
    table.name = format!("metrics-by-model-{}", crate::text::slug(split));
    table.columns.extend(columns.iter().map(|(task, metric)| {
        let unit = rows
            .iter()
            .find(|r| r.task == *task && r.metric == *metric)
            .map_or("", |r| r.unit.as_str());
        format!("{task}: {}", labelled(&metric_label(metric), unit))
    }));
    for (kind, model) in order {
        let mut cells = vec![Cell::text(kind.label()), Cell::text(model)];
        cells.extend(columns.iter().map(|(task, metric)| {
            rows.iter()
                .find(|r| {
                    r.kind == kind && r.model == model && r.task == *task && r.metric == *metric
                })
                .map_or(Cell::Empty, |r| {
                    Cell::Interval(r.value, r.ci_low, r.ci_high)
                })
        }));
        table.push_row(cells, minor(kind) && several(kind));
    }
    table
}

/// Training of each network arranged for reading.
pub(crate) fn training(data: &ReportData) -> Table {
    let mut table = Table::new(
        "training",
        &[
            "task of the plan",
            "kind",
            "epochs",
            "kept epoch",
            "training loss there",
            "validation loss there",
        ],
    );
    for curve in &data.learning {
        let best = curve
            .best_epoch
            .and_then(|b| curve.epochs.iter().find(|e| e.epoch == b));
        table.push(vec![
            Cell::text(&curve.stage),
            Cell::text(curve.kind.label()),
            Cell::Count(curve.epochs.len()),
            curve
                .best_epoch
                .map_or(Cell::Empty, |b| Cell::Count(b as usize)),
            Cell::maybe(best.map(|e| e.train_loss)),
            Cell::maybe(best.and_then(|e| e.validation_loss)),
        ]);
    }
    table
}

/// The arms of one comparison arranged for reading.
pub(crate) fn arms_of(comparison: &Comparison) -> Table {
    let mut table = Table::new(
        &format!("arms-{}", crate::text::slug(&comparison.metric)),
        &ARM_COLUMNS,
    );
    for arm in &comparison.arms {
        table.push(arm_cells(arm));
    }
    table
}
