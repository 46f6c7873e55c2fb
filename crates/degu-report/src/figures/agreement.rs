//! Agreement of maps, sequence by sequence: students against members.

use super::{Caption, Figure, name};
use crate::axis::Axis;
use crate::data::{MapAgreement, ReportData};
use crate::palette;
use crate::panel::{Panel, WIDTH};
use crate::svg::{Anchor, Svg};
use crate::text::{labelled, number, percent, with_interval};

/// Side of the square panel.
const SIDE: f64 = 380.0;
/// Bins of the histogram of differences.
const BINS: usize = 40;

/// One figure per measure, method, task and part.
pub(super) fn draw(data: &ReportData) -> Vec<Figure> {
    data.map_agreement
        .iter()
        .filter(|a| !a.members.is_empty())
        .map(|a| figure(a, data.unit(&a.task)))
        .collect()
}

fn figure(agreement: &MapAgreement, unit: &str) -> Figure {
    let file = name(&[
        "map-agreement",
        &agreement.metric,
        &agreement.method,
        &agreement.task,
        agreement.part.label(),
    ]);
    let unit = if agreement.lower_is_better { unit } else { "" };
    let axis = |label: &str| {
        let both = agreement.members.iter().chain(&agreement.students);
        Axis::fit(&labelled(label, unit), both.copied())
    };
    let mut svg = Svg::new(
        &file,
        &format!("{} by sequence", agreement.metric),
        WIDTH,
        SIDE + 96.0,
    );
    let panel = Panel {
        left: 76.0,
        top: 34.0,
        width: SIDE,
        height: SIDE,
        x: axis("mean over members"),
        y: axis("mean over students"),
    };
    panel.frame(&mut svg, &agreement.metric);
    let (low, high) = panel.x.bounds();
    svg.line(panel.px(low), panel.py(low), panel.px(high), panel.py(high))
        .stroke(palette::AXIS, 1.2)
        .dash("4 3")
        .end();
    let pairs = agreement.members.iter().zip(&agreement.students);
    for (i, (member, student)) in pairs.enumerate() {
        if !(member.is_finite() && student.is_finite()) {
            continue;
        }
        let better = (student < member) == agreement.lower_is_better;
        let color = if better {
            palette::kind(crate::data::ModelKind::Student)
        } else {
            palette::kind(crate::data::ModelKind::Member)
        };
        let id = agreement.sequences.get(i).map_or("", String::as_str);
        svg.circle(panel.px(*member), panel.py(*student), 2.6)
            .fill(color)
            .a("fill-opacity", "0.5")
            .tip(&format!(
                "{id}\nmembers {}\nstudents {}",
                number(*member),
                number(*student)
            ));
    }
    histogram(&mut svg, agreement);
    Figure {
        name: file,
        tab: format!(
            "{} ({}, {}, {})",
            agreement.metric,
            agreement.task,
            agreement.part.label(),
            agreement.method
        ),
        svg: svg.finish(),
        caption: caption(agreement),
    }
}

fn caption(agreement: &MapAgreement) -> Caption {
    let kind = if agreement.lower_is_better {
        "below"
    } else {
        "above"
    };
    let tests = [
        ("Wilcoxon over sequences", agreement.wilcoxon_p),
        ("sign flips over sequences", agreement.sign_flip_p),
        ("Welch over networks", agreement.models_p),
    ];
    let tests: Vec<String> = tests
        .iter()
        .filter_map(|(name, p)| p.map(|p| format!("{name} p = {}", number(p))))
        .collect();
    Caption::new(
        format!(
            "{}: {} students against {} members, each dot one sequence ({}).",
            agreement.metric, agreement.models.1, agreement.models.0, agreement.method
        ),
        format!(
            "Dots {kind} the dashed line are sequences whose explanations agree better among students: {} of {}. Mean of students less members: {}. {}",
            percent(agreement.better),
            agreement.sequences.len(),
            with_interval(agreement.difference, agreement.ci_low, agreement.ci_high),
            tests.join("; ")
        ),
        "Most dots on the students' side, and a p over networks that is small: sequences are many, networks are what was trained again.",
    )
}

/// Differences by sequence, to the right of the panel.
fn histogram(svg: &mut Svg, agreement: &MapAgreement) {
    let differences: Vec<f64> = agreement
        .students
        .iter()
        .zip(&agreement.members)
        .map(|(s, m)| s - m)
        .filter(|d| d.is_finite())
        .collect();
    let axis = Axis::fit(
        "students less members",
        differences.iter().copied().chain([0.0]),
    );
    let (low, high) = axis.bounds();
    let width = (high - low) / BINS as f64;
    let mut counts = vec![0usize; BINS];
    for difference in &differences {
        let bin = ((difference - low) / width) as usize;
        counts[bin.min(BINS - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1) as f64;
    let panel = Panel {
        left: 76.0 + SIDE + 84.0,
        top: 34.0,
        width: WIDTH - SIDE - 76.0 - 84.0 - 20.0,
        height: SIDE,
        x: axis,
        y: Axis::fit_zero("sequences", [most]),
    };
    panel.frame(svg, "Difference by sequence");
    for (bin, count) in counts.iter().enumerate().filter(|(_, c)| **c > 0) {
        let (x1, x2) = (
            panel.px(low + bin as f64 * width),
            panel.px(low + (bin + 1) as f64 * width),
        );
        let middle = low + (bin as f64 + 0.5) * width;
        let better = (middle < 0.0) == agreement.lower_is_better;
        let color = if better {
            palette::kind(crate::data::ModelKind::Student)
        } else {
            palette::kind(crate::data::ModelKind::Member)
        };
        let top = panel.py(*count as f64);
        svg.rect(x1, top, (x2 - x1).max(0.5), panel.py(0.0) - top)
            .fill(color)
            .a("fill-opacity", "0.75")
            .end();
    }
    let zero = panel.px(0.0);
    svg.line(zero, panel.top, zero, panel.top + panel.height)
        .stroke(palette::INK, 1.2)
        .end();
    svg.text(zero, panel.top - 4.0, 10.5, Anchor::Middle)
        .fill(palette::MUTED)
        .words("equal");
}
