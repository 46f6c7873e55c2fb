//! Lines with interval ribbons, for curves over severity or a swept value.

use crate::data::{CurvePoint, ModelKind};
use crate::palette;
use crate::panel::Panel;
use crate::svg::Svg;
use crate::text::with_interval;

/// One curve.
pub(crate) struct Curve<'a> {
    pub(crate) label: &'a str,
    pub(crate) kind: ModelKind,
    pub(crate) color: &'a str,
    pub(crate) points: &'a [CurvePoint],
}

/// Color of each curve: that of its kind; further baselines take further colors.
pub(crate) fn colors(kinds: impl IntoIterator<Item = ModelKind>) -> Vec<&'static str> {
    let extra = ["#009e73", "#cc79a7", "#56b4e9", "#a6761d", "#e69f00"];
    let mut baselines = 0;
    kinds
        .into_iter()
        .map(|kind| {
            if kind == ModelKind::Baseline {
                baselines += 1;
                extra[(baselines - 1) % extra.len()]
            } else {
                palette::kind(kind)
            }
        })
        .collect()
}

/// Dash pattern: what no model can do is dashed, means over models are solid.
pub(crate) fn dash(kind: ModelKind) -> &'static str {
    if kind == ModelKind::Ceiling {
        "5 4"
    } else {
        ""
    }
}

/// Draws ribbons first, then lines and dots.
pub(crate) fn draw(svg: &mut Svg, panel: &Panel, curves: &[Curve<'_>], x_name: &str) {
    for curve in curves {
        let finite: Vec<(f64, f64, f64)> = curve
            .points
            .iter()
            .filter_map(|p| Some((p.x, p.low?, p.high?)))
            .filter(|(x, low, high)| x.is_finite() && low.is_finite() && high.is_finite())
            .collect();
        if finite.len() > 1 {
            let mut outline: Vec<(f64, f64)> = finite
                .iter()
                .map(|(x, low, _)| (panel.px(*x), panel.py(*low)))
                .collect();
            outline.extend(
                finite
                    .iter()
                    .rev()
                    .map(|(x, _, high)| (panel.px(*x), panel.py(*high))),
            );
            svg.polyline(&outline)
                .a("style", &format!("fill:{}", curve.color))
                .a("opacity", "0.14")
                .end();
        }
    }
    for curve in curves {
        let line: Vec<(f64, f64)> = curve
            .points
            .iter()
            .map(|p| (panel.px(p.x), panel.py(p.value)))
            .collect();
        let width = if curve.kind == ModelKind::Member {
            1.2
        } else {
            2.2
        };
        svg.polyline(&line)
            .stroke(curve.color, width)
            .dash(dash(curve.kind))
            .end();
        for (point, &(x, y)) in curve.points.iter().zip(&line) {
            if x.is_finite() && y.is_finite() {
                let value = with_interval(point.value, point.low, point.high);
                svg.circle(x, y, 3.6)
                    .fill(curve.color)
                    .stroke("#fff", 1.0)
                    .tip(&format!(
                        "{}\n{x_name} {}\n{value}",
                        curve.label,
                        crate::axis::plain(point.x)
                    ));
            }
        }
    }
}
