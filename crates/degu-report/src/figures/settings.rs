//! Metrics along each setting that is a number, one line for all else that differs.

use super::{Caption, Figure, name};
use crate::axis::{Axis, plain};
use crate::data::{CurvePoint, ModelKind, ReportData, Setting, Settings};
use crate::lines::{Curve, draw as draw_lines};
use crate::palette::SERIES;
use crate::panel::{Entry, Mark, Panel, WIDTH, legend};
use crate::svg::Svg;
use crate::text::metric_label;

/// Groups that differ in one setting alone.
struct Line {
    label: String,
    points: Vec<CurvePoint>,
}

/// One figure per metric and setting along which there are lines.
pub(super) fn draw(data: &ReportData) -> Vec<Figure> {
    let settings = &data.settings;
    let mut all = Vec::new();
    for axis in 0..settings.names.len() {
        for metric in 0..settings.metrics.len() {
            let lines = lines(settings, axis, metric);
            if !lines.is_empty() {
                all.push(figure(
                    &settings.names[axis],
                    &settings.metrics[metric],
                    &lines,
                ));
            }
        }
    }
    all
}

/// The lines of a metric with at least two points along a setting, named by what differs between
/// them.
fn lines(settings: &Settings, axis: usize, metric: usize) -> Vec<Line> {
    let mut found: Vec<(&[Setting], Vec<CurvePoint>)> = Vec::new();
    for row in &settings.rows {
        let score = row.scores.get(metric).copied().unwrap_or_default();
        let (Some(Setting::Number(x)), Some(value)) = (row.values.get(axis), score.mean) else {
            continue;
        };
        let alike = |known: &[Setting]| {
            let mut pairs = known.iter().zip(&row.values).enumerate();
            pairs.all(|(at, (a, b))| at == axis || a == b)
        };
        let point = CurvePoint {
            x: *x,
            value,
            low: score.sd.map(|sd| value - sd),
            high: score.sd.map(|sd| value + sd),
        };
        match found.iter_mut().find(|(known, _)| alike(known)) {
            Some((_, points)) => points.push(point),
            None => found.push((&row.values, vec![point])),
        }
    }
    found.retain(|(_, points)| points.len() > 1);
    let differing: Vec<usize> = (0..settings.names.len())
        .filter(|at| {
            *at != axis
                && found
                    .windows(2)
                    .any(|pair| pair[0].0[*at] != pair[1].0[*at])
        })
        .collect();
    let line = |(values, mut points): (&[Setting], Vec<CurvePoint>)| {
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        let parts = differing
            .iter()
            .map(|at| words(&settings.names[*at], &values[*at]));
        let mut label = parts.collect::<Vec<_>>().join(", ");
        if label.is_empty() {
            "final models".clone_into(&mut label);
        }
        Line { label, points }
    };
    found.into_iter().map(line).collect()
}

/// A setting in words: `full`, `members = 5`.
fn words(name: &str, value: &Setting) -> String {
    let short = name.rsplit('.').next().unwrap_or(name);
    match value {
        Setting::Text(text) if name == "arm" => text.clone(),
        Setting::Text(text) => format!("{short} = {text}"),
        Setting::Number(number) => format!("{short} = {}", plain(*number)),
        Setting::Absent => format!("no {short}"),
    }
}

fn figure(axis: &str, metric: &str, lines: &[Line]) -> Figure {
    let file = name(&["settings", axis, metric]);
    let metric = metric_label(metric);
    let mut svg = Svg::new(&file, &format!("{metric} along {axis}"), WIDTH, 0.0);
    let color = |at: usize| SERIES[at % SERIES.len()];
    let entries: Vec<Entry> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| Entry::new(&line.label, color(at), Mark::Line))
        .collect();
    let used = legend(&mut svg, 64.0, 6.0, &entries);
    let points = || lines.iter().flat_map(|line| &line.points);
    let panel = Panel {
        left: 64.0,
        top: used + 18.0,
        width: WIDTH - 92.0,
        height: 234.0,
        x: Axis::fit(axis, points().map(|p| p.x)),
        y: Axis::fit(
            &metric,
            points()
                .flat_map(|p| [Some(p.value), p.low, p.high])
                .flatten(),
        ),
    };
    panel.frame(&mut svg, "");
    let curves: Vec<Curve<'_>> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| Curve {
            label: &line.label,
            kind: ModelKind::Student,
            color: color(at),
            points: &line.points,
        })
        .collect();
    draw_lines(&mut svg, &panel, &curves, axis);
    svg.set_height(used + 302.0);
    Figure {
        name: file,
        tab: format!("{axis}: {metric}"),
        svg: svg.finish(),
        caption: Caption::new(
            format!("{metric} of final models on the test split along {axis}."),
            "Each dot is the mean over the points of the study with these settings; shaded is one standard deviation to either side, where there are several.",
            "Lines that keep their order say that a difference between them does not hang on this setting. Where lines are nearer than their shades are wide, a few more repetitions may swap them.",
        ),
    }
}
