//! Interval coverage against the size of the intervals, and accuracy against interval coverage, for
//! each part of the uncertainty.

use super::{Caption, Figure, distinct, name};
use crate::axis::Axis;
use crate::data::{ModelKind, ReliabilityCurve, ReportData, UncertaintySource};
use crate::palette::{ALERT, INK, SERIES};
use crate::panel::{Columns, Entry, Mark, Panel, WIDTH, legend};
use crate::svg::{Anchor, Svg};
use crate::text::{labelled, number, percent};

/// Level at which accuracy is set against coverage.
const LEVEL: f64 = 0.95;

/// Color of a part of the uncertainty, the same in all figures; calibrators take the series.
pub(super) fn color(source: &UncertaintySource, calibrators: &[&str]) -> &'static str {
    match source.spread.as_str() {
        "epistemic" => "#8e4585",
        "aleatoric" => "#009e73",
        "total" => "#1d2733",
        _ => {
            let at = calibrators.iter().position(|c| *c == source.calibrator);
            SERIES[at.unwrap_or(0) % SERIES.len()]
        }
    }
}

/// Name of a source in a legend: the part as it is, or the calibrator.
pub(super) fn words(source: &UncertaintySource) -> String {
    if source.calibrator.is_empty() {
        format!("{} sd, as predicted", source.spread)
    } else {
        source.calibrator.clone()
    }
}

/// The model that a reader would take: the first student, else the ensemble, else the first there
/// is.
pub(super) fn main_model<'a>(
    mut sources: impl Iterator<Item = &'a UncertaintySource> + Clone,
) -> Option<&'a str> {
    let of = |kind| sources.clone().find(|s| s.kind == kind);
    let best = of(ModelKind::Student).or_else(|| of(ModelKind::Ensemble));
    best.or_else(|| sources.next()).map(|s| s.model.as_str())
}

/// Distinct calibrators of a report, in their order.
pub(super) fn calibrators(data: &ReportData) -> Vec<&str> {
    let mut all: Vec<&str> = Vec::new();
    for curve in &data.uncertainty.reliability {
        let calibrator = curve.source.calibrator.as_str();
        if !calibrator.is_empty() && !all.contains(&calibrator) {
            all.push(calibrator);
        }
    }
    all
}

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
    let here: Vec<&ReliabilityCurve> = data
        .uncertainty
        .reliability
        .iter()
        .filter(|c| c.source.split == split && c.source.task == task)
        .collect();
    let model = main_model(here.iter().map(|c| &c.source))?.to_owned();
    let own: Vec<&ReliabilityCurve> = here
        .iter()
        .copied()
        .filter(|c| c.source.model == model)
        .collect();
    let known = calibrators(data);
    let file = name(&["coverage-and-size", split, task]);
    let mut svg = Svg::new(
        &file,
        &format!("Interval coverage, size and accuracy, {task}, {split}"),
        WIDTH,
        0.0,
    );
    let mut entries: Vec<Entry> = own
        .iter()
        .map(|c| Entry::new(&words(&c.source), color(&c.source, &known), Mark::Line))
        .collect();
    entries.push(Entry::new(
        &format!("promised at {}", percent(LEVEL)),
        INK,
        Mark::Dashed,
    ));
    let used = legend(&mut svg, 64.0, 6.0, &entries);
    let grid = Columns::new(2, 2);
    let finite = |c: &ReliabilityCurve| -> Vec<(f64, f64, f64)> {
        let all = c.nominal.iter().zip(&c.observed).zip(&c.width);
        all.map(|((n, o), w)| (*n, *o, *w))
            .filter(|(_, o, w)| o.is_finite() && w.is_finite())
            .collect()
    };
    // One absurd spread must not hide the others.
    let mut largest: Vec<f64> = own
        .iter()
        .filter_map(|c| finite(c).iter().map(|p| p.2).reduce(f64::max))
        .collect();
    largest.sort_by(f64::total_cmp);
    let limit = 4.0
        * largest
            .get(largest.len() / 2)
            .copied()
            .unwrap_or(f64::INFINITY);
    let drawn = |c: &ReliabilityCurve| -> Vec<(f64, f64, f64)> {
        finite(c).into_iter().filter(|p| p.2 <= limit).collect()
    };
    let beyond: usize = own.iter().map(|c| finite(c).len() - drawn(c).len()).sum();
    let left = Panel {
        left: grid.left(0),
        top: used + 40.0,
        width: grid.width,
        height: 280.0,
        x: Axis::fit_zero(
            &labelled("mean size of the intervals", data.unit(task)),
            own.iter().flat_map(|c| drawn(c)).map(|p| p.2),
        ),
        y: coverage_axis("measured values inside"),
    };
    left.frame(&mut svg, &format!("Coverage against size ({model})"));
    for curve in &own {
        let color = color(&curve.source, &known);
        curve_line(&mut svg, &left, &words(&curve.source), color, &drawn(curve));
    }
    beyond_note(&mut svg, &left, beyond, limit);
    accuracy(data, &mut svg, &grid, &left, &here, &known, split, task);
    svg.set_height(left.top + left.height + 46.0);
    Some(Figure {
        name: file,
        tab: format!("{task} ({split})"),
        svg: svg.finish(),
        caption: caption(task),
    })
}

/// Coverage against size of one model, a dot for each level.
fn curve_line(svg: &mut Svg, panel: &Panel, title: &str, color: &str, points: &[(f64, f64, f64)]) {
    let line: Vec<(f64, f64)> = points
        .iter()
        .map(|(_, o, w)| (panel.px(*w), panel.py(*o)))
        .collect();
    svg.polyline(&line).stroke(color, 2.0).end();
    for ((nominal, observed, width), (x, y)) in points.iter().zip(&line) {
        svg.circle(*x, *y, 3.2).fill(color).tip(&format!(
            "{}\nasked for {}\nobserved {}\nmean size {}",
            title,
            percent(*nominal),
            percent(*observed),
            number(*width)
        ));
    }
}

/// Says how many dots lie beyond the panel.
fn beyond_note(svg: &mut Svg, panel: &Panel, beyond: usize, limit: f64) {
    if beyond > 0 {
        svg.text(
            panel.left + panel.width - 6.0,
            panel.top + panel.height - 8.0,
            11.0,
            Anchor::End,
        )
        .fill(ALERT)
        .words(&format!(
            "{} beyond {} not drawn",
            if beyond == 1 {
                "one dot".to_owned()
            } else {
                format!("{beyond} dots")
            },
            number(limit)
        ));
    }
}

fn caption(task: &str) -> Caption {
    Caption::new(
        format!(
            "How much of the measured {task} an interval catches for its size, and whether accurate models are also honest ones."
        ),
        "Left: every line runs from small to large intervals; a dot is one level, from 5 % to 95 % asked for. Right: every dot is a model with one part of its uncertainty (or one calibrator); \
             it stands further right if more of its 95 % intervals hold, and higher if its predictions are more accurate. Epistemic is the spread between networks, aleatoric that between replicates, total both.",
        "Left, the line furthest up and left catches most for its size. Right, dots near the dashed line keep what they promise; dots far to its left promise too much, whatever their accuracy.",
    )
}

fn coverage_axis(label: &str) -> Axis {
    Axis::fixed(label, 0.0, 1.02)
        .with_ticks([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
        .map_labels(percent)
}

fn accuracy(
    data: &ReportData,
    svg: &mut Svg,
    grid: &Columns,
    left: &Panel,
    here: &[&ReliabilityCurve],
    known: &[&str],
    split: &str,
    task: &str,
) {
    let pearson = |model: &str| {
        data.metrics
            .iter()
            .find(|m| {
                m.model == model && m.metric == "pearson" && m.split == split && m.task == task
            })
            .map(|m| m.value)
            .filter(|v| v.is_finite())
    };
    let at = |c: &ReliabilityCurve| {
        let level = c.nominal.iter().position(|n| (n - LEVEL).abs() < 1e-9)?;
        c.observed.get(level).copied().filter(|v| v.is_finite())
    };
    let points: Vec<(&ReliabilityCurve, f64, f64)> = here
        .iter()
        .filter_map(|c| Some((*c, at(c)?, pearson(&c.source.model)?)))
        .collect();
    let panel = Panel {
        left: grid.left(1),
        top: left.top,
        width: left.width,
        height: left.height,
        x: coverage_axis("measured values inside the 95 % intervals"),
        y: Axis::fit("Pearson correlation", points.iter().map(|p| p.2)),
    };
    panel.frame(svg, "Accuracy against coverage");
    let promised = panel.px(LEVEL);
    svg.line(promised, panel.top, promised, panel.top + panel.height)
        .stroke(INK, 1.2)
        .dash("5 4")
        .end();
    for (curve, coverage, accuracy) in points {
        let (x, y) = (panel.px(coverage), panel.py(accuracy));
        let color = color(&curve.source, known);
        let tip = format!(
            "{}\n{}\nPearson {}\n95 % intervals hold {}",
            curve.source.model,
            words(&curve.source),
            number(accuracy),
            percent(coverage)
        );
        if curve.source.calibrator.is_empty() {
            svg.circle(x, y, 4.6)
                .fill(color)
                .stroke("#fff", 1.0)
                .tip(&tip);
        } else {
            svg.diamond(x, y, 6.0)
                .fill(color)
                .stroke("#fff", 1.0)
                .tip(&tip);
        }
    }
}
