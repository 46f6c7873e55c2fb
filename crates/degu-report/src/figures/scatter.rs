//! Predicted against measured activity.

use super::{Caption, Figure, distinct, name};
use crate::axis::{Axis, range};
use crate::data::{ReportData, Scatter};
use crate::density::{BINNED_ABOVE, cloud};
use crate::palette;
use crate::panel::{Columns, Panel, WIDTH};
use crate::svg::{Anchor, Svg, text_width};
use crate::text::{count, labelled, number};

/// One figure per split and task; a panel per model.
pub(super) fn draw(data: &ReportData) -> Vec<Figure> {
    let shown: Vec<&Scatter> = data
        .scatter
        .iter()
        .filter(|s| !s.points.is_empty())
        .collect();
    distinct(&shown, |s| (s.split.clone(), s.task.clone()))
        .into_iter()
        .map(|(split, task)| {
            let models: Vec<&Scatter> = shown
                .iter()
                .copied()
                .filter(|s| s.split == split && s.task == task)
                .collect();
            figure(&models, &split, &task, data.unit(&task))
        })
        .collect()
}

fn figure(models: &[&Scatter], split: &str, task: &str, unit: &str) -> Figure {
    let file = name(&["scatter", split, task]);
    let grid = Columns::new(models.len(), 3);
    let side = grid.width.min(360.0);
    let panel_height = side + 92.0;
    let title = format!("Predicted against measured activity, {task}, {split} split");
    let mut svg = Svg::new(
        &file,
        &title,
        WIDTH,
        14.0 + panel_height * grid.rows(models.len()),
    );
    let points = || models.iter().flat_map(|m| &m.points);
    let x = Axis::fit(&labelled("measured", unit), points().map(|p| p.measured));
    let y = Axis::fit(&labelled("predicted", unit), points().map(|p| p.mean));
    for (i, model) in models.iter().enumerate() {
        let panel = Panel {
            left: grid.left(i),
            top: 40.0 + panel_height * grid.row(i),
            width: side,
            height: side,
            x: x.clone(),
            y: y.clone(),
        };
        panel.frame(&mut svg, &model.model);
        panel.clip(&mut svg, &i.to_string());
        let places: Vec<(f64, f64)> = model.points.iter().map(|p| (p.measured, p.mean)).collect();
        let missing = cloud(&mut svg, &panel, &places, palette::kind(model.kind));
        diagonal(&mut svg, &panel);
        svg.close();
        let mut notes = Vec::new();
        notes.extend(model.pearson.map(|r| format!("Pearson r = {}", number(r))));
        notes.extend(model.rmse.map(|e| format!("RMSE = {}", number(e))));
        notes.push(format!("n = {}", count(places.len() - missing)));
        if missing > 0 {
            notes.push(format!("{} without a value", count(missing)));
        }
        note(&mut svg, &panel, &notes);
    }
    let binned = models.iter().any(|m| m.points.len() > BINNED_ABOVE);
    Figure {
        name: file,
        tab: format!("{task} ({split})"),
        svg: svg.finish(),
        caption: Caption::new(
            format!(
                "Predicted against measured activity of the {split} sequences for {task}; darker means more sequences."
            ),
            if binned {
                "Each hexagon counts the sequences in it. The dashed line is perfect prediction."
            } else {
                "Each dot is one sequence. The dashed line is perfect prediction."
            },
            "The cloud is narrow and follows the dashed line. A flatter cloud means that strong and weak sequences are pulled to the middle.",
        ),
    }
}

/// The line y = x within a panel.
pub(super) fn diagonal(svg: &mut Svg, panel: &Panel) {
    let ((x_low, x_high), (y_low, y_high)) = (panel.x.bounds(), panel.y.bounds());
    let (low, high) = (x_low.max(y_low), x_high.min(y_high));
    if low < high {
        svg.line(panel.px(low), panel.py(low), panel.px(high), panel.py(high))
            .stroke(palette::INK, 1.2)
            .dash("5 4")
            .a("stroke-opacity", "0.7")
            .end();
    }
}

/// Lines of text in the upper left corner of a panel, on a light ground.
pub(super) fn note(svg: &mut Svg, panel: &Panel, lines: &[String]) {
    let Some((_, width)) = range(lines.iter().map(|line| text_width(line, 12.0))) else {
        return;
    };
    svg.rect(
        panel.left + 6.0,
        panel.top + 6.0,
        width + 14.0,
        17.0 * lines.len() as f64 + 7.0,
    )
    .fill("#fff")
    .a("fill-opacity", "0.86")
    .a("rx", "3")
    .end();
    for (i, line) in lines.iter().enumerate() {
        let text = svg.text(
            panel.left + 13.0,
            panel.top + 22.0 + 17.0 * i as f64,
            12.0,
            Anchor::Start,
        );
        if i == 0 {
            text.bold().words(line);
        } else {
            text.fill(palette::MUTED).words(line);
        }
    }
}
