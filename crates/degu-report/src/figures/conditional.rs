//! Interval coverage within bins: where an average that holds hides groups that do not.

use super::coverage::color;
use super::{Caption, Figure, distinct, name};
use crate::axis::Axis;
use crate::data::{ConditionalRow, ReportData};
use crate::palette::{ALERT, AXIS, BAND, INK, MUTED};
use crate::panel::{Columns, Entry, Mark, Panel, WIDTH, legend};
use crate::svg::{Anchor, Svg, px};
use crate::text::{count, number, percent, shorten};

/// One figure per split, task and error rate; a panel per kind of bins.
pub(super) fn draw(data: &ReportData) -> Vec<Figure> {
    let order: Vec<String> = distinct(&data.calibration, |r| r.calibrator.clone());
    distinct(&data.conditional, |r| {
        (r.split.clone(), r.task.clone(), r.alpha.to_bits())
    })
    .into_iter()
    .map(|(split, task, bits)| {
        let rows: Vec<&ConditionalRow> = data
            .conditional
            .iter()
            .filter(|r| r.split == split && r.task == task && r.alpha.to_bits() == bits)
            .collect();
        figure(&rows, &order, &split, &task, f64::from_bits(bits))
    })
    .collect()
}

fn figure(
    rows: &[&ConditionalRow],
    order: &[String],
    split: &str,
    task: &str,
    alpha: f64,
) -> Figure {
    let nominal = percent(1.0 - alpha);
    let file = name(&["coverage-by-bin", split, task, &format!("{}", 1.0 - alpha)]);
    let mut known: Vec<&str> = order.iter().map(String::as_str).collect();
    let calibrators = distinct(rows, |r| r.calibrator.as_str());
    known.extend(
        calibrators
            .iter()
            .filter(|c| !order.iter().any(|o| o == *c))
            .copied()
            .collect::<Vec<_>>(),
    );
    let kinds = distinct(rows, |r| r.by.as_str());
    let grid = Columns::new(kinds.len(), 3);
    let panel_height = 346.0;
    let mut svg = Svg::new(
        &file,
        &format!("Interval coverage by bin, {task}, {split} split"),
        WIDTH,
        0.0,
    );
    let mut entries: Vec<Entry> = calibrators
        .iter()
        .map(|c| Entry::new(c, color(&known, c), Mark::Dot))
        .collect();
    entries.push(Entry::new("where a valid method stays", BAND, Mark::Band));
    entries.push(Entry::new(
        &format!("promised: {nominal}"),
        INK,
        Mark::Dashed,
    ));
    let used = legend(&mut svg, 64.0, 6.0, &entries);
    let values = rows
        .iter()
        .flat_map(|r| [Some(r.coverage), r.band_low, r.band_high, Some(1.0 - alpha)])
        .flatten();
    let y = Axis::fit("interval coverage", values).map_labels(percent);
    for (i, by) in kinds.iter().enumerate() {
        let here: Vec<&ConditionalRow> = rows.iter().copied().filter(|r| r.by == *by).collect();
        let bins = distinct(&here, |r| r.bin.as_str());
        let panel = Panel {
            left: grid.left(i),
            top: used + 40.0 + panel_height * grid.row(i),
            width: grid.width,
            height: 230.0,
            x: Axis::fixed("", -0.5, bins.len() as f64 - 0.5).with_ticks([]),
            y: y.clone(),
        };
        panel.frame(&mut svg, &format!("by {by}"));
        bin_names(&mut svg, &panel, &bins);
        svg.line(
            panel.left,
            panel.py(1.0 - alpha),
            panel.left + panel.width,
            panel.py(1.0 - alpha),
        )
        .stroke(INK, 1.2)
        .dash("5 4")
        .end();
        let slot = (panel.width / bins.len() as f64 / calibrators.len() as f64 * 0.8).min(26.0);
        for row in here {
            let bin = bins.iter().position(|b| *b == row.bin).unwrap_or(0) as f64;
            let lane = calibrators
                .iter()
                .position(|c| *c == row.calibrator)
                .unwrap_or(0) as f64;
            let x = panel.px(bin) + (lane - (calibrators.len() as f64 - 1.0) / 2.0) * slot;
            dot(
                &mut svg,
                &panel,
                x,
                slot,
                row,
                color(&known, &row.calibrator),
            );
        }
    }
    svg.set_height(used + panel_height * grid.rows(kinds.len()));
    Figure {
        name: file,
        tab: format!("{task}, {nominal} ({split})"),
        svg: svg.finish(),
        caption: caption(task, &nominal),
    }
}

fn caption(task: &str, nominal: &str) -> Caption {
    Caption::new(
        format!(
            "Interval coverage of {task} for groups of sequences, where {nominal} is promised on average."
        ),
        "Each dot is the share of measured values inside their intervals within one group; its grey box is where a method stays by chance that keeps the promise in this group. Diamonds lie below their box.",
        "All dots are near the dashed line. A method can hold on average and still fail for the strongest sequences: look at the last bins.",
    )
}

fn dot(svg: &mut Svg, panel: &Panel, x: f64, slot: f64, row: &ConditionalRow, color: &str) {
    if let (Some(low), Some(high)) = (row.band_low, row.band_high)
        && low.is_finite()
        && high.is_finite()
    {
        let (top, bottom) = (panel.py(high), panel.py(low));
        svg.rect(x - slot * 0.4, top, slot * 0.8, bottom - top)
            .fill(BAND)
            .end();
    }
    if !row.coverage.is_finite() {
        return;
    }
    let width = row
        .mean_width
        .map_or(String::new(), |w| format!("\nmean width {}", number(w)));
    let tip = format!(
        "{}\n{}: {}\nobserved {}, n = {}{width}",
        row.calibrator,
        row.by,
        row.bin,
        percent(row.coverage),
        count(row.n)
    );
    let y = panel.py(row.coverage);
    if row.band_low.is_some_and(|low| row.coverage < low) {
        svg.diamond(x, y, 6.0)
            .fill(color)
            .stroke(ALERT, 1.4)
            .tip(&tip);
    } else {
        svg.circle(x, y, 4.4)
            .fill(color)
            .stroke("#fff", 1.0)
            .tip(&tip);
    }
}

/// Names of bins under the axis, slanted when they would touch.
fn bin_names(svg: &mut Svg, panel: &Panel, bins: &[&str]) {
    let bottom = panel.top + panel.height;
    let room = panel.width / bins.len().max(1) as f64;
    let slanted = bins
        .iter()
        .any(|bin| crate::svg::text_width(bin, 11.0) > room - 6.0);
    for (i, bin) in bins.iter().enumerate() {
        let x = panel.px(i as f64);
        svg.line(x, bottom, x, bottom + 4.0).stroke(AXIS, 1.0).end();
        let bin = shorten(bin, 20);
        if slanted {
            let turn = format!("rotate(-35 {} {})", px(x), px(bottom + 14.0));
            svg.text(x + 4.0, bottom + 14.0, 11.0, Anchor::End)
                .fill(MUTED)
                .a("transform", &turn)
                .words(&bin);
        } else {
            svg.text(x, bottom + 17.0, 11.0, Anchor::Middle)
                .fill(MUTED)
                .words(&bin);
        }
    }
}
