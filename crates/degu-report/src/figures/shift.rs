//! Metrics along the severity of a shift, and along a swept value.

use super::{Caption, Figure, distinct, name};
use crate::axis::Axis;
use crate::data::{CurvePoint, ModelKind, ReportData, ShiftCurve, Sweep};
use crate::lines::{Curve, colors, draw as draw_lines};
use crate::panel::{Columns, Entry, Mark, Panel, WIDTH, legend};
use crate::svg::Svg;
use crate::text::metric_label;

/// One figure per shift and task; a panel per metric.
pub(super) fn draw(data: &ReportData) -> Vec<Figure> {
    distinct(&data.shift, |c| (c.shift.clone(), c.task.clone()))
        .into_iter()
        .map(|(shift, task)| {
            let curves: Vec<&ShiftCurve> =
                data.shift.iter().filter(|c| c.shift == shift && c.task == task).collect();
            let label = curves
                .iter()
                .map(|c| c.severity_label.as_str())
                .find(|l| !l.is_empty())
                .unwrap_or("severity");
            let panels: Vec<PanelData<'_>> = distinct(&curves, |c| c.metric.as_str())
                .into_iter()
                .map(|metric| PanelData {
                    title: metric_label(metric),
                    x_label: label,
                    y_label: metric_label(metric),
                    log: false,
                    curves: curves
                        .iter()
                        .filter(|c| c.metric == metric)
                        .map(|c| (c.kind, c.model.as_str(), c.points.as_slice()))
                        .collect(),
                })
                .collect();
            let file = name(&["shift", &shift, &task]);
            let svg = small_multiples(&file, &format!("Shift {shift}, {task}"), &panels);
            Figure {
                name: file,
                tab: format!("{shift}, {task}"),
                svg,
                caption: Caption::new(
                    format!("What happens to the predictions for {task} on sequences that are less and less like the training data (shift: {shift})."),
                    "Left on each axis is the unchanged test set, further right a stronger shift; shaded are confidence intervals, a dashed line is what an oracle reaches. AUROC tells how well a predicted sd tells changed sequences from unchanged ones (0.5 is chance); “in 90 % intervals” is the share of the ensemble's means that the student's intervals hold, as nothing was measured there.",
                    "Accuracy falls slowly, and the predicted uncertainty rises with the error: the model notices that it leaves known ground. Interval coverage that falls says that intervals must not be trusted there.",
                ),
            }
        })
        .collect()
}

/// One figure per sweep and metric.
pub(super) fn draw_sweeps(data: &ReportData) -> Vec<Figure> {
    data.sweeps
        .iter()
        .filter(|sweep| sweep.lines.iter().any(|line| !line.points.is_empty()))
        .map(|sweep| {
            let file = name(&["sweep", &sweep.name, &sweep.metric]);
            let panel = sweep_panel(sweep);
            let svg = small_multiples(&file, &format!("Sweep {}", sweep.name), &[panel]);
            Figure {
                name: file,
                tab: format!("{}: {}", sweep.name.replace('_', " "), metric_label(&sweep.metric)),
                svg,
                caption: Caption::new(
                    format!("{} while “{}” is changed and everything else stays.", metric_label(&sweep.metric), sweep.axis),
                    "Each dot is the mean over replicates at one setting; shaded is its interval.",
                    "The students' line stays near the ensemble's at every setting. Where a line levels off, more of the swept value buys nothing.",
                ),
            }
        })
        .collect()
}

fn sweep_panel(sweep: &Sweep) -> PanelData<'_> {
    PanelData {
        title: sweep.name.replace('_', " "),
        x_label: &sweep.axis,
        y_label: metric_label(&sweep.metric),
        log: sweep.log_axis,
        curves: sweep
            .lines
            .iter()
            .map(|l| (l.kind, l.model.as_str(), l.points.as_slice()))
            .collect(),
    }
}

struct PanelData<'a> {
    title: String,
    x_label: &'a str,
    y_label: String,
    log: bool,
    curves: Vec<(ModelKind, &'a str, &'a [CurvePoint])>,
}

fn small_multiples(file: &str, title: &str, panels: &[PanelData<'_>]) -> String {
    let models = distinct(
        &panels
            .iter()
            .flat_map(|p| p.curves.iter())
            .collect::<Vec<_>>(),
        |(kind, model, _)| (*kind, *model),
    );
    let color_of = colors(models.iter().map(|m| m.0));
    let mut svg = Svg::new(file, title, WIDTH, 0.0);
    let entries: Vec<Entry> = models
        .iter()
        .zip(&color_of)
        .map(|((kind, model), color)| {
            let mark = if *kind == ModelKind::Ceiling {
                Mark::Dashed
            } else {
                Mark::Line
            };
            Entry::new(model, color, mark)
        })
        .collect();
    let used = legend(&mut svg, 64.0, 6.0, &entries);
    let grid = Columns::new(panels.len(), 3);
    let panel_height = 322.0;
    for (i, data) in panels.iter().enumerate() {
        let points = || data.curves.iter().flat_map(|c| c.2.iter());
        let xs = || points().map(|p| p.x);
        let mut ticks: Vec<f64> = xs().filter(|x| x.is_finite()).collect();
        ticks.sort_by(f64::total_cmp);
        ticks.dedup();
        let mut x = if data.log {
            Axis::log(data.x_label, xs())
        } else {
            Axis::fit(data.x_label, xs())
        };
        let crowded = ticks
            .windows(2)
            .any(|pair| x.at(pair[1]) - x.at(pair[0]) < 0.07);
        if !ticks.is_empty() && !crowded {
            x = x.with_ticks(ticks);
        }
        let panel = Panel {
            left: grid.left(i),
            top: used + 38.0 + panel_height * grid.row(i),
            width: grid.width,
            height: 234.0,
            x,
            y: Axis::fit(
                if grid.across > 1 { "" } else { &data.y_label },
                points()
                    .flat_map(|p| [Some(p.value), p.low, p.high])
                    .flatten(),
            ),
        };
        panel.frame(&mut svg, &data.title);
        let curves: Vec<Curve<'_>> = data
            .curves
            .iter()
            .map(|(kind, model, points)| Curve {
                label: model,
                kind: *kind,
                color: models
                    .iter()
                    .position(|known| known == &(*kind, *model))
                    .map_or("#5d6b7a", |at| color_of[at]),
                points,
            })
            .collect();
        draw_lines(&mut svg, &panel, &curves, data.x_label);
    }
    svg.set_height(used + 14.0 + panel_height * grid.rows(panels.len()));
    svg.finish()
}
