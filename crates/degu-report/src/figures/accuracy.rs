//! A metric by kind of model: members and students as dots, ensemble and means with their
//! intervals.

use super::{Caption, Figure, distinct, name};
use crate::axis::Axis;
use crate::data::{MetricRow, ModelKind, ReportData};
use crate::forest::{Forest, name_room};
use crate::palette;
use crate::panel::WIDTH;
use crate::svg::Svg;
use crate::text::{labelled, metric_label, with_interval};

/// One figure per split and metric; a panel per task.
pub(super) fn draw(data: &ReportData) -> Vec<Figure> {
    distinct(&data.metrics, |row| (row.split.clone(), row.metric.clone()))
        .into_iter()
        .map(|(split, metric)| {
            let rows: Vec<&MetricRow> = data
                .metrics
                .iter()
                .filter(|r| r.split == split && r.metric == metric)
                .collect();
            figure(&rows, &split, &metric)
        })
        .collect()
}

/// Name of the row that a model is drawn in: networks of one kind share a row.
fn lane(row: &MetricRow) -> (ModelKind, String) {
    match row.kind {
        ModelKind::Member | ModelKind::MeanMember => (ModelKind::Member, "members".into()),
        ModelKind::Ensemble => (ModelKind::Ensemble, "ensemble (teacher)".into()),
        ModelKind::Student | ModelKind::MeanStudent => (ModelKind::Student, "students".into()),
        kind => (kind, row.model.clone()),
    }
}

fn figure(rows: &[&MetricRow], split: &str, metric: &str) -> Figure {
    let tasks = distinct(rows, |row| row.task.clone());
    let mut lanes = distinct(rows, |row| lane(row));
    lanes.sort_by_key(|(kind, _)| *kind);
    let names: Vec<String> = lanes
        .iter()
        .map(|(kind, name)| {
            let networks = distinct(
                &rows.iter().filter(|r| r.kind == *kind).collect::<Vec<_>>(),
                |r| r.model.clone(),
            )
            .len();
            match kind {
                ModelKind::Member | ModelKind::Student if networks > 0 => {
                    format!("{name} (n = {networks})")
                }
                _ => name.clone(),
            }
        })
        .collect();
    let room = name_room(&names);
    let columns = tasks.len().clamp(1, 2);
    let width = (WIDTH - room - 24.0 - 40.0 * (columns - 1) as f64) / columns as f64;
    let row_height = 40.0;
    let panel_height = row_height * lanes.len() as f64 + 92.0;
    let label = metric_label(metric);
    let height = panel_height * tasks.len().div_ceil(columns) as f64 + 4.0;
    let file = name(&["accuracy", split, metric]);
    let mut svg = Svg::new(
        &file,
        &format!("{label} by kind of model, {split} split"),
        WIDTH,
        height,
    );
    for (i, task) in tasks.iter().enumerate() {
        let here: Vec<&MetricRow> = rows.iter().copied().filter(|r| r.task == *task).collect();
        let unit = here.first().map_or("", |r| r.unit.as_str());
        let values = here
            .iter()
            .flat_map(|r| [Some(r.value), r.ci_low, r.ci_high])
            .flatten();
        let forest = Forest {
            left: room + (i % columns) as f64 * (width + 40.0),
            top: 34.0 + panel_height * (i / columns) as f64,
            width,
            row_height,
            rows: lanes.len(),
            x: Axis::fit(&labelled(&label, unit), values),
        };
        forest.frame(&mut svg, task, if i % columns == 0 { &names } else { &[] });
        guides(&mut svg, &forest, &here);
        for (index, lane_key) in lanes.iter().enumerate() {
            marks(
                &mut svg,
                &forest,
                forest.row(index),
                here.iter().copied().filter(|r| lane(r) == *lane_key),
            );
        }
    }
    Figure {
        name: file,
        tab: format!("{label} ({split})"),
        svg: svg.finish(),
        caption: Caption::new(
            format!("{label} on the {split} sequences for every network of the study."),
            "Small dots are single networks, diamonds are means or the ensemble, bars are confidence intervals; \
             the dashed lines mark the mean member and the ensemble.",
            "The students stand between the dashed lines, close to the ensemble: one network is then nearly as good as the whole ensemble.",
        ),
    }
}

/// Dashed lines at the mean member and the ensemble: the gap a student can close.
fn guides(svg: &mut Svg, forest: &Forest, rows: &[&MetricRow]) {
    for kind in [ModelKind::MeanMember, ModelKind::Ensemble] {
        if let Some(row) = rows.iter().find(|r| r.kind == kind && r.value.is_finite()) {
            let x = forest.px(row.value);
            svg.line(x, forest.top, x, forest.bottom())
                .stroke(palette::kind(kind), 1.2)
                .dash("4 4")
                .end();
        }
    }
}

fn marks<'a>(svg: &mut Svg, forest: &Forest, y: f64, rows: impl Iterator<Item = &'a MetricRow>) {
    let rows: Vec<&MetricRow> = rows.filter(|r| r.value.is_finite()).collect();
    let single = |r: &&&MetricRow| matches!(r.kind, ModelKind::Member | ModelKind::Student);
    let dots: Vec<&&MetricRow> = rows.iter().filter(single).collect();
    // A mean is drawn above its dots, so that neither hides the other.
    let shared = !dots.is_empty() && rows.len() > dots.len();
    for (index, row) in dots.iter().enumerate() {
        // Neighboring dots stand at different heights: overlap would hide some.
        let offset = if shared { 8.0 } else { 0.0 } + [0.0, 3.4, -3.4][index % 3];
        svg.circle(forest.px(row.value), y + offset, 3.6)
            .fill(palette::kind(row.kind))
            .a("fill-opacity", "0.6")
            .tip(&format!(
                "{}\n{}",
                row.model,
                with_interval(row.value, row.ci_low, row.ci_high)
            ));
    }
    for row in rows.iter().filter(|r| !single(r)) {
        let y = if shared { y - 8.0 } else { y };
        let color = palette::kind(row.kind);
        if let (Some(low), Some(high)) = (row.ci_low, row.ci_high) {
            forest.interval(svg, y, low, high, color, 2.4);
        }
        svg.diamond(forest.px(row.value), y, 6.5)
            .fill(color)
            .stroke("#fff", 1.2)
            .tip(&format!(
                "{}\n{}",
                row.model,
                with_interval(row.value, row.ci_low, row.ci_high)
            ));
    }
}
