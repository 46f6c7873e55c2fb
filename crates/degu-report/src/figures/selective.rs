//! Does predicted uncertainty tell where predictions are wrong?

use super::bins::{bins, pairs, risk};
use super::{Caption, Figure, distinct, name};
use crate::axis::Axis;
use crate::data::{CurvePoint, ModelKind, ReportData, Scatter};
use crate::lines::{Curve, colors, dash, draw as draw_lines};
use crate::palette;
use crate::panel::{Columns, Entry, Mark, Panel, WIDTH, legend};
use crate::svg::Svg;
use crate::text::{count, labelled, number, percent};

/// One figure per split and task: error by uncertainty, and error of the surest share.
pub(super) fn draw(data: &ReportData) -> Vec<Figure> {
    let shown: Vec<&Scatter> = data
        .scatter
        .iter()
        .filter(|s| s.points.iter().any(|p| p.total().is_some()))
        .collect();
    distinct(&shown, |s| (s.split.clone(), s.task.clone()))
        .into_iter()
        .filter_map(|(split, task)| {
            let models: Vec<&Scatter> = shown
                .iter()
                .copied()
                .filter(|s| s.split == split && s.task == task)
                .collect();
            figure(&models, &split, &task, data.unit(&task))
        })
        .collect()
}

fn figure(models: &[&Scatter], split: &str, task: &str, unit: &str) -> Option<Figure> {
    let file = name(&["uncertainty-error", split, task]);
    let palette = colors(models.iter().map(|m| m.kind));
    let all: Vec<Vec<(f64, f64)>> = models.iter().map(|m| pairs(m)).collect();
    if all.iter().all(Vec::is_empty) {
        return None;
    }
    let grid = Columns::new(2, 2);
    let mut svg = Svg::new(
        &file,
        &format!("Error by predicted uncertainty, {task}, {split} split"),
        WIDTH,
        0.0,
    );
    let oracle_of = models.iter().zip(&all).find(|(_, pairs)| !pairs.is_empty());
    let oracle_label = format!(
        "best possible order of {}",
        oracle_of.map_or("", |(model, _)| &model.model)
    );
    let mut entries: Vec<Entry> = models
        .iter()
        .zip(&palette)
        .map(|(m, c)| Entry::new(&m.model, c, Mark::Line))
        .collect();
    entries.push(Entry::new(&oracle_label, palette::INK, Mark::Dashed));
    let used = legend(&mut svg, 64.0, 6.0, &entries);
    let binned: Vec<_> = all.iter().map(|pairs| bins(pairs)).collect();
    let left = Panel {
        left: grid.left(0),
        top: used + 40.0,
        width: grid.width,
        height: 270.0,
        x: Axis::fit(
            &labelled("predicted sd of the group", unit),
            binned.iter().flatten().map(|b| b.sd),
        ),
        y: Axis::fit_zero(
            &labelled("mean |error|", unit),
            binned
                .iter()
                .flatten()
                .flat_map(|b| [b.error - b.standard_error, b.error + b.standard_error]),
        ),
    };
    left.frame(&mut svg, "Error by predicted uncertainty");
    for ((model, bins), color) in models.iter().zip(&binned).zip(&palette) {
        let line: Vec<_> = bins
            .iter()
            .map(|b| (left.px(b.sd), left.py(b.error)))
            .collect();
        svg.polyline(&line)
            .stroke(color, 1.6)
            .dash(dash(model.kind))
            .end();
        for (bin, &(x, y)) in bins.iter().zip(&line) {
            let (low, high) = (
                left.py(bin.error - bin.standard_error),
                left.py(bin.error + bin.standard_error),
            );
            svg.line(x, low, x, high).stroke(color, 1.4).end();
            svg.circle(x, y, 4.2)
                .fill(color)
                .stroke("#fff", 1.0)
                .tip(&format!(
                    "{}\npredicted sd {}\nmean |error| {} ± {}\nn = {}",
                    model.model,
                    number(bin.sd),
                    number(bin.error),
                    number(bin.standard_error),
                    count(bin.n)
                ));
        }
    }
    kept_share(&mut svg, &grid, &left, models, &all, &palette, unit);
    svg.set_height(left.top + left.height + 46.0);
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
            "Whether the uncertainty predicted for {task} tells where the prediction is wrong."
        ),
        "Left: sequences in ten groups from sure to unsure, with the mean error of each group (± standard error). \
             Right: the error that remains when only the surest share of the sequences is kept; the dashed line sorts the named model's predictions by their true error, the best any uncertainty could do.",
        "Left, the dots rise from left to right. Right, the line falls as fewer sequences are kept: following the model where it is sure pays. A flat line means that its uncertainty says nothing.",
    )
}

fn kept_share(
    svg: &mut Svg,
    grid: &Columns,
    left: &Panel,
    models: &[&Scatter],
    all: &[Vec<(f64, f64)>],
    palette: &[&str],
    unit: &str,
) {
    let curve = |errors: &[f64]| -> Vec<CurvePoint> {
        risk(errors)
            .into_iter()
            .map(|(x, value)| CurvePoint {
                x,
                value,
                ..CurvePoint::default()
            })
            .collect()
    };
    let ordered: Vec<Vec<CurvePoint>> = all
        .iter()
        .map(|pairs| curve(&pairs.iter().map(|p| p.1).collect::<Vec<_>>()))
        .collect();
    // The oracle of the first model: others differ by little and would only clutter.
    let mut sorted: Vec<f64> = all
        .iter()
        .find(|p| !p.is_empty())
        .map(|p| p.iter().map(|p| p.1).collect())
        .unwrap_or_default();
    sorted.sort_by(f64::total_cmp);
    let oracle = curve(&sorted);
    let panel = Panel {
        left: grid.left(1),
        top: left.top,
        width: left.width,
        height: left.height,
        x: Axis::fixed("share of sequences kept, surest first", 0.05, 1.02)
            .with_ticks([0.2, 0.4, 0.6, 0.8, 1.0])
            .map_labels(percent),
        y: Axis::fit_zero(
            &labelled("RMSE of those kept", unit),
            ordered.iter().flatten().chain(&oracle).map(|p| p.value),
        ),
    };
    panel.frame(svg, "Error when only sure predictions are kept");
    let mut curves = vec![Curve {
        label: "best possible order",
        kind: ModelKind::Ceiling,
        color: palette::INK,
        points: &oracle,
    }];
    curves.extend(
        models
            .iter()
            .zip(&ordered)
            .zip(palette)
            .map(|((model, points), color)| Curve {
                label: &model.model,
                kind: model.kind,
                color,
                points,
            }),
    );
    draw_lines(svg, &panel, &curves, "share kept");
}
