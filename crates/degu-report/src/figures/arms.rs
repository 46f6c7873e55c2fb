//! The arms of an ablation side by side: what intervals catch for their size, and accuracy against
//! coverage.

use super::{Caption, Figure, name};
use crate::axis::Axis;
use crate::data::{ArmCurve, ReportData};
use crate::palette::{INK, SERIES};
use crate::panel::{Columns, Entry, Mark, Panel, WIDTH, legend};
use crate::svg::{Anchor, Svg};
use crate::tables::arm_places;
use crate::text::{labelled, number, percent};

/// Level at which accuracy is set against coverage.
const LEVEL: f64 = 0.95;

/// Height of a panel.
const HEIGHT: f64 = 250.0;

/// Curves of one panel: a part of the spread as predicted, or a calibration.
struct Group<'a> {
    title: String,
    curves: Vec<&'a ArmCurve>,
}

/// Parts of the spread first, then calibrations, as far as there are any.
fn groups<'a>(data: &'a ReportData, split: &str, task: &str) -> Vec<Group<'a>> {
    let here = |c: &&ArmCurve| c.source.split == split && c.source.task == task;
    let mut keys: Vec<(&str, &str)> = Vec::new();
    for curve in data.arms.curves.iter().filter(here) {
        // A calibration has one curve per arm, whatever it stands on.
        let key = if curve.source.calibration.is_empty() {
            ("", curve.source.spread.as_str())
        } else {
            (curve.source.calibration.as_str(), "")
        };
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.sort_by_key(|(calibration, spread)| {
        let known = ["epistemic", "aleatoric", "total"];
        let at = known
            .iter()
            .position(|k| k == spread)
            .unwrap_or(known.len());
        (!calibration.is_empty(), at, (*calibration).to_owned())
    });
    keys.into_iter()
        .map(|(calibration, spread)| Group {
            title: if calibration.is_empty() {
                format!("{spread} sd, as predicted")
            } else {
                format!("intervals of “{calibration}”")
            },
            curves: data
                .arms
                .curves
                .iter()
                .filter(here)
                .filter(|c| {
                    c.source.calibration == calibration
                        && (spread.is_empty() || c.source.spread == spread)
                })
                .collect(),
        })
        .collect()
}

/// Number, color and dash of an arm: two rounds of the colors, then again.
fn style(data: &ReportData, arm: &str) -> (usize, &'static str, bool) {
    let at = data.arms.costs.iter().position(|c| c.arm == arm);
    let at = at.unwrap_or(0);
    (
        at + 1,
        SERIES[at % SERIES.len()],
        (at / SERIES.len()) % 2 == 1,
    )
}

fn key(data: &ReportData, svg: &mut Svg) -> f64 {
    let entries: Vec<Entry> = data
        .arms
        .costs
        .iter()
        .map(|cost| {
            let (number, color, dashed) = style(data, &cost.arm);
            let mark = if dashed { Mark::Dashed } else { Mark::Line };
            Entry::new(&format!("{number}  {}", cost.title), color, mark)
        })
        .collect();
    legend(svg, 64.0, 6.0, &entries)
}

/// Two figures per split and task.
pub(super) fn draw(data: &ReportData) -> Vec<Figure> {
    let mut all = Vec::new();
    for (split, task) in arm_places(&data.arms) {
        let groups = groups(data, &split, &task);
        if groups.is_empty() {
            continue;
        }
        all.push(sizes(data, &split, &task, &groups));
        all.extend(accuracy(data, &split, &task, &groups));
    }
    all
}

fn coverage_axis(label: &str) -> Axis {
    Axis::fixed(label, 0.0, 1.02)
        .with_ticks([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
        .map_labels(percent)
}

fn sizes(data: &ReportData, split: &str, task: &str, groups: &[Group<'_>]) -> Figure {
    let file = name(&["arms-coverage-and-size", split, task]);
    let title = format!("Interval coverage against size by method, {task}, {split}");
    let mut svg = Svg::new(&file, &title, WIDTH, 0.0);
    let top = key(data, &mut svg) + 40.0;
    let grid = Columns::new(2, 2);
    let points = |c: &ArmCurve| -> Vec<(f64, f64, f64)> {
        let all = c.nominal.iter().zip(&c.observed).zip(&c.width);
        all.map(|((n, o), w)| (*n, *o, *w))
            .filter(|(_, o, w)| o.is_finite() && w.is_finite())
            .collect()
    };
    // One absurd spread must not hide the others.
    let mut largest: Vec<f64> = groups
        .iter()
        .flat_map(|g| &g.curves)
        .filter_map(|c| points(c).iter().map(|p| p.2).reduce(f64::max))
        .collect();
    largest.sort_by(f64::total_cmp);
    let middle = largest.get(largest.len() / 2).copied().unwrap_or(1.0);
    let limit = (1.6 * middle).min(largest.last().copied().unwrap_or(middle));
    let rows = groups.len().div_ceil(2);
    for (i, group) in groups.iter().enumerate() {
        let panel = Panel {
            left: grid.left(i % 2),
            top: top + (i / 2) as f64 * (HEIGHT + 84.0),
            width: grid.width,
            height: HEIGHT,
            x: Axis::fit_zero(
                &labelled("mean size of the intervals", data.unit(task)),
                [limit],
            ),
            y: coverage_axis("measured values inside"),
        };
        panel.frame(&mut svg, &group.title);
        for curve in &group.curves {
            let (id, color, dashed) = style(data, &curve.source.arm);
            let all = points(curve);
            let seen: Vec<_> = all.iter().filter(|p| p.2 <= limit).collect();
            let line: Vec<(f64, f64)> = seen
                .iter()
                .map(|p| (panel.px(p.2), panel.py(p.1)))
                .collect();
            let drawn = svg.polyline(&line).stroke(color, 1.8);
            if dashed { drawn.dash("5 3") } else { drawn }.end();
            for ((nominal, observed, width), (x, y)) in seen.iter().zip(&line) {
                svg.circle(*x, *y, 2.4).fill(color).tip(&format!(
                    "{}\nasked for {}\nobserved {}\nmean size {}",
                    data.arms.title(&curve.source.arm),
                    percent(*nominal),
                    percent(*observed),
                    number(*width)
                ));
            }
            // A line that is beyond the panel as a whole is named at its edge.
            let edge = || {
                all.first()
                    .map(|p| (panel.left + panel.width - 18.0, panel.py(p.1)))
            };
            if let Some((x, y)) = line.last().copied().or_else(edge) {
                let off = if seen.len() < all.len() { "→" } else { "" };
                svg.text(x + 4.0, y + 3.5, 10.0, Anchor::Start)
                    .fill(color)
                    .words(&format!("{id}{off}"));
            }
        }
    }
    svg.set_height(top + rows as f64 * (HEIGHT + 84.0) - 38.0);
    Figure {
        name: file,
        tab: format!("{task}: coverage and size ({split})"),
        svg: svg.finish(),
        caption: size_caption(task),
    }
}

fn size_caption(task: &str) -> Caption {
    Caption::new(
        format!(
            "How much of the measured {task} the intervals of each method catch for their size."
        ),
        "One panel for each part of the uncertainty as networks predict it (read as the standard deviation of a normal distribution) and for each way to calibrate. Each line is a method, numbered as above; a dot is one level, \
             from 5 % to 95 % asked for. An arrow says that the line goes on beyond the panel. Epistemic is the spread between networks, aleatoric that between replicates, total both.",
        "The line furthest up and left catches most for its size. A raw line that ends far below 95 % promises too much: its intervals are too small whatever their shape.",
    )
}

fn accuracy(data: &ReportData, split: &str, task: &str, groups: &[Group<'_>]) -> Option<Figure> {
    let pearson = |arm: &str| {
        let of = data.arms.scores.iter();
        of.filter(|s| s.metric == "pearson" && s.source.arm == arm)
            .find(|s| s.source.split == split && s.source.task == task)
            .map(|s| s.value)
            .filter(|v| v.is_finite())
    };
    let covered = |c: &ArmCurve| {
        let at = c.nominal.iter().position(|n| (n - LEVEL).abs() < 1e-9)?;
        c.observed.get(at).copied().filter(|v| v.is_finite())
    };
    let points: Vec<Vec<(&ArmCurve, f64, f64)>> = groups
        .iter()
        .map(|g| {
            let own = g.curves.iter();
            own.filter_map(|c| Some((*c, covered(c)?, pearson(&c.source.arm)?)))
                .collect()
        })
        .collect();
    if points.iter().all(Vec::is_empty) {
        return None;
    }
    let file = name(&["arms-accuracy-and-coverage", split, task]);
    let title = format!("Accuracy against interval coverage by method, {task}, {split}");
    let mut svg = Svg::new(&file, &title, WIDTH, 0.0);
    let top = key(data, &mut svg) + 40.0;
    let grid = Columns::new(2, 2);
    let values: Vec<f64> = points.iter().flatten().map(|p| p.2).collect();
    let rows = groups.len().div_ceil(2);
    for (i, (group, own)) in groups.iter().zip(&points).enumerate() {
        let panel = Panel {
            left: grid.left(i % 2),
            top: top + (i / 2) as f64 * (HEIGHT + 84.0),
            width: grid.width,
            height: HEIGHT,
            x: coverage_axis(&format!(
                "measured values inside the {} intervals",
                percent(LEVEL)
            )),
            y: Axis::fit("Pearson correlation", values.iter().copied()),
        };
        panel.frame(&mut svg, &group.title);
        let promised = panel.px(LEVEL);
        svg.line(promised, panel.top, promised, panel.top + panel.height)
            .stroke(INK, 1.2)
            .dash("5 4")
            .end();
        for (curve, coverage, value) in own {
            let (id, color, _) = style(data, &curve.source.arm);
            let (x, y) = (panel.px(*coverage), panel.py(*value));
            svg.circle(x, y, 8.0)
                .fill(color)
                .stroke("#fff", 1.0)
                .tip(&format!(
                    "{}\nPearson {}\n{} intervals hold {}",
                    data.arms.title(&curve.source.arm),
                    number(*value),
                    percent(LEVEL),
                    percent(*coverage)
                ));
            svg.text(x, y + 3.4, 9.5, Anchor::Middle)
                .fill("#fff")
                .a("pointer-events", "none")
                .words(&id.to_string());
        }
    }
    svg.set_height(top + rows as f64 * (HEIGHT + 84.0) - 38.0);
    Some(Figure {
        name: file,
        tab: format!("{task}: accuracy and coverage ({split})"),
        svg: svg.finish(),
        caption: accuracy_caption(task),
    })
}

fn accuracy_caption(task: &str) -> Caption {
    Caption::new(
        format!("Whether methods that predict {task} well also know how far to trust themselves."),
        "Panels as in the figure of coverage and size. Each numbered dot is a method: higher is more accurate, further right means that more of its 95 % intervals hold. The dashed line is the promise.",
        "A dot high up and on the dashed line. Left of it a method promises too much; right of it its intervals are wider than they need be.",
    )
}
