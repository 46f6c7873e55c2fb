//! Selective prediction: the error that is left when only the surest predictions are kept, by part
//! of the uncertainty.

use super::trust::{color, main_model, words};
use super::{Caption, Figure, distinct, name};
use crate::axis::Axis;
use crate::data::{ReportData, RiskCurve};
use crate::palette::INK;
use crate::panel::{Columns, Entry, Mark, Panel, WIDTH, legend};
use crate::svg::Svg;
use crate::text::{labelled, number, percent};

/// One figure per task, a panel per set of rows: test and held-out sets side by side.
pub(super) fn draw(data: &ReportData) -> Vec<Figure> {
    distinct(&data.uncertainty.risk, |c| c.source.task.clone())
        .into_iter()
        .filter_map(|task| figure(data, &task))
        .collect()
}

fn figure(data: &ReportData, task: &str) -> Option<Figure> {
    let here: Vec<&RiskCurve> = data
        .uncertainty
        .risk
        .iter()
        .filter(|c| c.source.task == task && c.source.calibrator.is_empty())
        .collect();
    let model = main_model(here.iter().map(|c| &c.source))?.to_owned();
    let own: Vec<&RiskCurve> = here
        .into_iter()
        .filter(|c| c.source.model == model)
        .collect();
    let splits = distinct(&own, |c| c.source.split.clone());
    let file = name(&["kept-share", task]);
    let mut svg = Svg::new(
        &file,
        &format!("Error of the surest predictions, {task}"),
        WIDTH,
        0.0,
    );
    let sources = distinct(&own, |c| (words(&c.source), color(&c.source, &[])));
    let mut entries: Vec<Entry> = sources
        .iter()
        .map(|(label, color)| Entry::new(label, color, Mark::Line))
        .collect();
    entries.push(Entry::new("best possible order", INK, Mark::Dashed));
    let used = legend(&mut svg, 64.0, 6.0, &entries);
    let grid = Columns::new(splits.len(), 2);
    let row = 330.0;
    for (i, split) in splits.iter().enumerate() {
        let curves: Vec<&&RiskCurve> = own.iter().filter(|c| c.source.split == *split).collect();
        let panel = Panel {
            left: grid.left(i),
            top: used + 40.0 + row * grid.row(i),
            width: grid.width,
            height: 240.0,
            x: Axis::fixed("share of sequences kept, surest first", 0.0, 1.02)
                .with_ticks([0.2, 0.4, 0.6, 0.8, 1.0])
                .map_labels(percent),
            y: Axis::fit_zero(
                &labelled("RMSE of those kept", data.unit(task)),
                curves.iter().flat_map(|c| c.rmse.iter().copied()),
            ),
        };
        panel.frame(&mut svg, &format!("{split} sequences ({model})"));
        let line = |xs: &[f64], ys: &[f64]| -> Vec<(f64, f64)> {
            xs.iter()
                .zip(ys)
                .filter(|(_, y)| y.is_finite())
                .map(|(x, y)| (panel.px(*x), panel.py(*y)))
                .collect()
        };
        if let Some(first) = curves.first() {
            svg.polyline(&line(&first.kept, &first.oracle))
                .stroke(INK, 1.4)
                .dash("5 4")
                .end();
        }
        for curve in curves {
            let color = color(&curve.source, &[]);
            let points = line(&curve.kept, &curve.rmse);
            svg.polyline(&points).stroke(color, 2.0).end();
            let shown = curve.kept.iter().zip(&curve.rmse).zip(&points);
            for ((kept, rmse), (x, y)) in shown.step_by(5) {
                svg.circle(*x, *y, 3.0).fill(color).tip(&format!(
                    "{}\n{} kept\nRMSE {}",
                    words(&curve.source),
                    percent(*kept),
                    number(*rmse)
                ));
            }
        }
    }
    svg.set_height(used + 24.0 + row * grid.rows(splits.len()));
    Some(Figure {
        name: file,
        tab: task.to_owned(),
        svg: svg.finish(),
        caption: caption(task),
    })
}

fn caption(task: &str) -> Caption {
    Caption::new(
        format!(
            "How far the error of {task} falls if unsure predictions are set aside, by the part of the uncertainty that decides."
        ),
        "Read from right (all sequences kept) to left (only the surest). Each line orders the sequences by one predicted spread; the dashed line orders them by their true error, which no model knows.",
        "Lines that fall towards the left, close to the dashed one. A flat line says that this spread does not know where the model errs; on unfamiliar sequences that is the usual way to fail.",
    )
}
