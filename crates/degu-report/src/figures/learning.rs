//! Losses by epoch: all networks of a kind in one panel, the learning rate below.

use super::{Caption, Figure, distinct};
use crate::axis::Axis;
use crate::data::{LearningCurve, ReportData};
use crate::palette;
use crate::panel::{Columns, Entry, Mark, Panel, WIDTH, legend};
use crate::svg::Svg;
use crate::text::number;

/// One figure; a panel for members and one for students.
pub(super) fn draw(data: &ReportData) -> Vec<Figure> {
    let curves: Vec<&LearningCurve> = data
        .learning
        .iter()
        .filter(|c| !c.epochs.is_empty())
        .collect();
    if curves.is_empty() {
        return Vec::new();
    }
    let mut kinds = distinct(&curves, |curve| curve.kind);
    kinds.sort_unstable();
    let grid = Columns::new(kinds.len(), 2);
    let rates = curves
        .iter()
        .any(|c| c.epochs.iter().any(|e| e.learning_rate.is_some()));
    let panel_height = if rates { 404.0 } else { 330.0 };
    let mut svg = Svg::new("learning-curves", "Learning curves", WIDTH, 0.0);
    svg.set_height(40.0 + panel_height * grid.rows(kinds.len()));
    legend(
        &mut svg,
        64.0,
        6.0,
        &[
            Entry::new("validation loss", palette::INK, Mark::Line),
            Entry::new("training loss", palette::AXIS, Mark::Dashed),
            Entry::new("epoch whose weights were kept", palette::INK, Mark::Dot),
        ],
    );
    for (i, kind) in kinds.iter().enumerate() {
        let here: Vec<&LearningCurve> =
            curves.iter().copied().filter(|c| c.kind == *kind).collect();
        let losses: Vec<f64> = here
            .iter()
            .flat_map(|c| c.epochs.iter())
            .flat_map(|e| [Some(e.train_loss), e.validation_loss])
            .flatten()
            .filter(|loss| loss.is_finite())
            .collect();
        let epochs = || {
            here.iter()
                .flat_map(|c| c.epochs.iter())
                .map(|e| f64::from(e.epoch))
        };
        let (low, high) = crate::axis::range(losses.iter().copied()).unwrap_or((0.0, 1.0));
        let log = low > 0.0 && high / low > 20.0;
        let y = if log {
            Axis::log("loss (log scale)", losses)
        } else {
            Axis::fit("loss", losses)
        };
        let last = epochs().fold(1.0, f64::max);
        let x_label = if rates { "" } else { "epoch" };
        let top = 66.0 + panel_height * grid.row(i);
        let panel = Panel {
            left: grid.left(i),
            top,
            width: grid.width,
            height: 240.0,
            x: Axis::fixed(x_label, 0.5, last + 0.5),
            y,
        };
        let title = if here.len() == 1 {
            here[0].stage.clone()
        } else {
            format!("{}s (n = {})", kind.label(), here.len())
        };
        panel.frame(&mut svg, &title);
        panel.clip(&mut svg, &i.to_string());
        for curve in &here {
            lines(&mut svg, &panel, curve);
        }
        svg.close();
        if rates {
            let strip = Panel {
                top: top + 272.0,
                height: 52.0,
                x: Axis::fixed("epoch", 0.5, last + 0.5),
                y: Axis::log(
                    "rate",
                    here.iter()
                        .flat_map(|c| c.epochs.iter())
                        .filter_map(|e| e.learning_rate),
                ),
                ..panel
            };
            rate_strip(&mut svg, strip, &here);
        }
    }
    vec![Figure {
        name: "learning-curves".into(),
        tab: "Learning curves".into(),
        svg: svg.finish(),
        caption: Caption::new(
            "The error of each network while it was trained, one line per network.",
            "Lower is better; the dot is the epoch that was kept. Members learn measured activity and students the teacher's labels, so compare within a panel only.",
            "Validation loss falls and levels off, and the lines of different networks stay close together. A validation line that rises again while training loss falls means overfitting.",
        ),
    }]
}

fn lines(svg: &mut Svg, panel: &Panel, curve: &LearningCurve) {
    let color = palette::kind(curve.kind);
    let at = |epoch: u32, loss: f64| (panel.px(f64::from(epoch)), panel.py(loss));
    let train: Vec<_> = curve
        .epochs
        .iter()
        .map(|e| at(e.epoch, e.train_loss))
        .collect();
    svg.polyline(&train)
        .stroke(color, 1.1)
        .dash("3 3")
        .a("stroke-opacity", "0.55")
        .end();
    let validation: Vec<_> = curve
        .epochs
        .iter()
        .filter_map(|e| e.validation_loss.map(|loss| at(e.epoch, loss)))
        .collect();
    svg.polyline(&validation)
        .stroke(color, 1.7)
        .a("stroke-opacity", "0.85")
        .tip(&curve.stage);
    let best = curve
        .best_epoch
        .and_then(|best| curve.epochs.iter().find(|e| e.epoch == best));
    if let Some(best) = best {
        let loss = best.validation_loss.unwrap_or(best.train_loss);
        if loss.is_finite() {
            let (x, y) = at(best.epoch, loss);
            svg.circle(x, y, 4.2)
                .fill(color)
                .stroke("#fff", 1.2)
                .tip(&format!(
                    "{}\nkept epoch {}\nloss {}",
                    curve.stage,
                    best.epoch,
                    number(loss)
                ));
        }
    }
}

fn rate_strip(svg: &mut Svg, mut strip: Panel, curves: &[&LearningCurve]) {
    let (low, high) = strip.y.bounds();
    let shown = crate::axis::range(
        curves
            .iter()
            .flat_map(|c| c.epochs.iter())
            .filter_map(|e| e.learning_rate)
            .filter(|r| *r > 0.0),
    )
    .unwrap_or((low, high));
    strip.y = strip.y.clone().with_ticks(if shown.0 < shown.1 {
        vec![shown.0, shown.1]
    } else {
        vec![shown.0]
    });
    strip.y = strip
        .y
        .clone()
        .map_labels(|v| format!("{v:.0e}").replace("e-", "e−"));
    strip.frame(svg, "");
    for curve in curves {
        let line: Vec<_> = curve
            .epochs
            .iter()
            .filter_map(|e| {
                e.learning_rate
                    .map(|r| (strip.px(f64::from(e.epoch)), strip.py(r)))
            })
            .collect();
        svg.polyline(&line)
            .stroke(palette::kind(curve.kind), 1.3)
            .a("stroke-opacity", "0.6")
            .end();
    }
}
