//! Observed against promised interval coverage over levels, and where measured values fall within
//! predicted distributions.

use super::trust::{calibrators, color, main_model, words};
use super::{Caption, Figure, distinct, name};
use crate::axis::Axis;
use crate::data::{ReportData, TransformCounts};
use crate::palette::{BAND, INK};
use crate::panel::{Columns, Entry, Mark, Panel, WIDTH, legend};
use crate::svg::Svg;
use crate::text::{count, percent};

/// Histograms in one row.
const ACROSS: usize = 3;

/// One figure per split and task.
pub(super) fn draw(data: &ReportData) -> Vec<Figure> {
    distinct(&data.uncertainty.reliability, |c| {
        (c.source.split.clone(), c.source.task.clone())
    })
    .into_iter()
    .filter_map(|(split, task)| figure(data, &split, &task))
    .collect()
}

fn figure(data: &ReportData, split: &str, task: &str) -> Option<Figure> {
    let known = calibrators(data);
    let curves: Vec<_> = data
        .uncertainty
        .reliability
        .iter()
        .filter(|c| c.source.split == split && c.source.task == task)
        .collect();
    let model = main_model(curves.iter().map(|c| &c.source))?.to_owned();
    let histograms: Vec<&TransformCounts> = data
        .uncertainty
        .transforms
        .iter()
        .filter(|t| t.source.split == split && t.source.task == task && t.source.model == model)
        .collect();
    let file = name(&["reliability", split, task]);
    let mut svg = Svg::new(
        &file,
        &format!("Reliability of the intervals, {task}, {split}"),
        WIDTH,
        0.0,
    );
    let own: Vec<_> = curves.iter().filter(|c| c.source.model == model).collect();
    let mut entries: Vec<Entry> = own
        .iter()
        .map(|c| Entry::new(&words(&c.source), color(&c.source, &known), Mark::Line))
        .collect();
    entries.push(Entry::new("as promised", INK, Mark::Dashed));
    if !histograms.is_empty() {
        entries.push(Entry::new("flat by chance (5 to 95 %)", BAND, Mark::Band));
    }
    let used = legend(&mut svg, 64.0, 6.0, &entries);
    let axis = |label: &str| {
        Axis::fixed(label, 0.0, 1.0)
            .with_ticks([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
            .map_labels(percent)
    };
    let panel = Panel {
        left: 64.0,
        top: used + 40.0,
        width: 330.0,
        height: 300.0,
        x: axis("asked for"),
        y: axis("observed inside"),
    };
    panel.frame(&mut svg, &format!("Asked for and observed ({model})"));
    svg.line(panel.px(0.0), panel.py(0.0), panel.px(1.0), panel.py(1.0))
        .stroke(INK, 1.2)
        .dash("5 4")
        .end();
    for curve in own {
        let color = color(&curve.source, &known);
        let points: Vec<(f64, f64)> = curve
            .nominal
            .iter()
            .copied()
            .zip(curve.observed.iter().copied())
            .filter(|(_, o)| o.is_finite())
            .collect();
        let line: Vec<_> = points
            .iter()
            .map(|(n, o)| (panel.px(*n), panel.py(*o)))
            .collect();
        svg.polyline(&line).stroke(color, 2.0).end();
        for ((nominal, observed), (x, y)) in points.iter().zip(&line) {
            svg.circle(*x, *y, 3.2).fill(color).tip(&format!(
                "{}\nasked for {}\nobserved {}",
                words(&curve.source),
                percent(*nominal),
                percent(*observed)
            ));
        }
    }
    let mut bottom = panel.top + panel.height + 46.0;
    if !histograms.is_empty() {
        bottom = transforms(&mut svg, &histograms, bottom + 30.0, &known);
    }
    svg.set_height(bottom);
    Some(Figure {
        name: file,
        tab: format!("{task} ({split})"),
        svg: svg.finish(),
        caption: caption(task),
    })
}

fn caption(task: &str) -> Caption {
    Caption::new(
        format!(
            "Whether intervals of every level hold as many measured values of {task} as they say."
        ),
        "Above: a line below the diagonal promises too much, one above it too little. Below, where there is a predicted spread: each measured value has a place from 0 (far below what was predicted) to 1 (far above); \
             a bar counts the values in a twentieth of that range.",
        "Lines on the diagonal and bars inside the grey band. High bars at both ends say that the predicted spread is too small, a hump in the middle that it is too large, a slope that predictions are too high or too low.",
    )
}

/// Histograms below the curve; returns where they end.
fn transforms(svg: &mut Svg, all: &[&TransformCounts], top: f64, known: &[&str]) -> f64 {
    let grid = Columns::new(all.len(), ACROSS);
    let row = 214.0;
    for (i, histogram) in all.iter().enumerate() {
        let bins = histogram.counts.len().max(1) as f64;
        let values = histogram.counts.iter().map(|c| *c as f64);
        let panel = Panel {
            left: grid.left(i),
            top: top + row * grid.row(i),
            width: grid.width,
            height: 140.0,
            x: Axis::fixed("place within the prediction", 0.0, 1.0).with_ticks([0.0, 0.5, 1.0]),
            y: Axis::fit_zero("", values.chain([histogram.high as f64])),
        };
        let source = &histogram.source;
        let title = if source.calibrator.is_empty() {
            format!("{} sd, as predicted", source.spread)
        } else {
            format!("repaired by {}", source.calibrator)
        };
        panel.frame(svg, &title);
        let (high, low) = (
            panel.py(histogram.high as f64),
            panel.py(histogram.low as f64),
        );
        for (bin, rows) in histogram.counts.iter().enumerate() {
            let (from, to) = (bin as f64 / bins, (bin + 1) as f64 / bins);
            let (x, right) = (panel.px(from), panel.px(to));
            let y = panel.py(*rows as f64);
            svg.rect(x + 0.5, y, right - x - 1.0, panel.top + panel.height - y)
                .fill(color(source, known))
                .a("fill-opacity", "0.62")
                .tip(&format!(
                    "place {from:.2} to {to:.2}\n{} sequences\nby chance {} to {}",
                    count(*rows),
                    histogram.low,
                    histogram.high
                ));
        }
        svg.rect(panel.left, high, panel.width, (low - high).max(1.0))
            .fill(BAND)
            .a("fill-opacity", "0.6")
            .tip(&format!(
                "a flat histogram has {} to {} in a bar",
                histogram.low, histogram.high
            ));
    }
    top + row * grid.rows(all.len())
}
