//! Interval coverage against what was promised, and the width it costs.

use super::{Caption, Figure, distinct, name};
use crate::axis::Axis;
use crate::data::{CalibrationRow, ReportData};
use crate::forest::{Forest, name_room};
use crate::palette::{ALERT, AXIS, BAND, INK, MUTED, SERIES};
use crate::panel::{Entry, Mark, WIDTH, legend};
use crate::svg::{Anchor, Svg, text_width};
use crate::text::{labelled, number, percent};

/// Room for the columns of numbers at the right, in pixels.
const COLUMNS: f64 = 116.0;

/// One figure per split and task: coverage at the left, width at the right.
pub(super) fn draw(data: &ReportData) -> Vec<Figure> {
    distinct(&data.calibration, |row| {
        (row.split.clone(), row.task.clone())
    })
    .into_iter()
    .map(|(split, task)| {
        let mut rows: Vec<&CalibrationRow> = data
            .calibration
            .iter()
            .filter(|r| r.split == split && r.task == task)
            .collect();
        // Calibrators side by side within one level: that is the comparison to make.
        rows.sort_by(|a, b| a.alpha.total_cmp(&b.alpha));
        figure(&rows, &split, &task, data.unit(&task))
    })
    .collect()
}

/// Color of each calibrator, the same in all figures of a report.
pub(super) fn color(data: &[&str], calibrator: &str) -> &'static str {
    let index = data
        .iter()
        .position(|known| *known == calibrator)
        .unwrap_or(0);
    SERIES[index % SERIES.len()]
}

fn figure(rows: &[&CalibrationRow], split: &str, task: &str, unit: &str) -> Figure {
    let file = name(&["coverage", split, task]);
    let calibrators = distinct(rows, |r| r.calibrator.as_str());
    let names = row_names(rows);
    let room = name_room(&names);
    let row_height = 30.0;
    let gap = 40.0;
    let width = (WIDTH - room - gap - COLUMNS) / 2.0;
    let mut svg = Svg::new(
        &file,
        &format!("Interval coverage and width, {task}, {split} split"),
        WIDTH,
        0.0,
    );
    let used = legend(
        &mut svg,
        8.0,
        6.0,
        &[
            Entry::new("where a valid method stays (5 to 95 %)", BAND, Mark::Band),
            Entry::new("promised coverage", INK, Mark::Line),
            Entry::new("observed, inside the band", SERIES[0], Mark::Dot),
            Entry::new("observed, below the band", ALERT, Mark::Diamond),
        ],
    );
    let covers = rows
        .iter()
        .flat_map(|r| {
            [
                Some(r.coverage),
                r.band_low,
                r.band_high,
                Some(1.0 - r.alpha),
            ]
        })
        .flatten();
    let left = Forest {
        left: room,
        top: used + 40.0,
        width,
        row_height,
        rows: rows.len(),
        x: Axis::fit("interval coverage", covers).map_labels(percent),
    };
    left.frame(&mut svg, "Does it hold?", &names);
    for (i, row) in rows.iter().enumerate() {
        coverage_row(
            &mut svg,
            &left,
            left.row(i),
            row,
            color(&calibrators, &row.calibrator),
        );
    }
    let right = Forest {
        left: room + width + gap,
        top: left.top,
        width,
        row_height,
        rows: rows.len(),
        x: Axis::fit_zero(
            &labelled("mean width", unit),
            rows.iter().map(|r| r.mean_width),
        ),
    };
    right.frame(&mut svg, "What does it cost?", &[]);
    for (at, head) in [(COLUMNS * 0.5, "width"), (COLUMNS, "Winkler")] {
        svg.text(
            right.left + width + at - 6.0,
            right.top - 12.0,
            11.0,
            Anchor::End,
        )
        .fill(MUTED)
        .words(head);
    }
    for (i, row) in rows.iter().enumerate() {
        width_row(
            &mut svg,
            &right,
            right.row(i),
            row,
            color(&calibrators, &row.calibrator),
        );
    }
    svg.set_height(left.bottom() + 46.0);
    Figure {
        name: file,
        tab: format!("{task} ({split})"),
        svg: svg.finish(),
        caption: caption(task),
    }
}

/// Calibrator, model where there are several, and level of each row.
fn row_names(rows: &[&CalibrationRow]) -> Vec<String> {
    let several = distinct(rows, |r| r.model.as_str()).len() > 1;
    rows.iter()
        .map(|r| {
            // Which model it is must be said where there are several.
            let model = if several && !r.model.is_empty() {
                format!(", {}", r.model)
            } else {
                String::new()
            };
            format!("{}{model}, {}", r.calibrator, percent(1.0 - r.alpha))
        })
        .collect()
}

fn caption(task: &str) -> Caption {
    Caption::new(
        format!(
            "How many of the measured values of {task} lie inside their predicted intervals, and how wide these intervals are."
        ),
        "Left: the black tick is the promise; the grey band is where a method that keeps it lands by chance, given the number of calibration and test sequences. \
             Right: the mean width of the finite intervals, also as a number, beside the Winkler score (width plus a penalty for misses; smaller is better). ∞ marks unbounded intervals.",
        "Every dot lies inside its grey band, and among those the method with the shortest bar is the most useful. A point below its band promises too much.",
    )
}

fn coverage_row(svg: &mut Svg, forest: &Forest, y: f64, row: &CalibrationRow, color: &str) {
    if let (Some(low), Some(high)) = (row.band_low, row.band_high)
        && low.is_finite()
        && high.is_finite()
    {
        let (x1, x2) = (forest.px(low), forest.px(high));
        svg.rect(x1, y - 9.0, x2 - x1, 18.0)
            .fill(BAND)
            .tip(&format!("band {} to {}", percent(low), percent(high)));
    }
    let nominal = forest.px(1.0 - row.alpha);
    svg.line(nominal, y - 9.0, nominal, y + 9.0)
        .stroke(INK, 1.6)
        .end();
    if !row.coverage.is_finite() {
        svg.text(forest.left + 4.0, y + 4.0, 11.0, Anchor::Start)
            .fill(ALERT)
            .words("no value");
        return;
    }
    let x = forest.px(row.coverage);
    let tip = format!(
        "{}\npromised {}, observed {}\nn = {} calibration sequences, rank {}\n{}",
        row.calibrator,
        percent(1.0 - row.alpha),
        percent(row.coverage),
        row.n,
        row.k,
        row.guarantee
    );
    if row.band_low.is_some_and(|low| row.coverage < low) {
        svg.diamond(x, y, 7.0)
            .fill(ALERT)
            .stroke("#fff", 1.2)
            .tip(tip.trim_end());
    } else {
        svg.circle(x, y, 5.0)
            .fill(color)
            .stroke("#fff", 1.2)
            .tip(tip.trim_end());
    }
}

fn width_row(svg: &mut Svg, forest: &Forest, y: f64, row: &CalibrationRow, color: &str) {
    let mut x = forest.left;
    if row.mean_width.is_finite() {
        x = forest.px(row.mean_width);
        svg.rect(forest.left, y - 7.0, x - forest.left, 14.0)
            .fill(color)
            .a("fill-opacity", "0.78")
            .tip(&format!(
                "{}\nmean width {}",
                row.calibrator,
                number(row.mean_width)
            ));
    }
    let end = forest.left + forest.width;
    let text = if row.mean_width.is_finite() {
        number(row.mean_width)
    } else {
        "∞".into()
    };
    svg.text(end + COLUMNS * 0.5 - 6.0, y + 4.0, 11.0, Anchor::End)
        .fill(INK)
        .words(&text);
    if let Some(winkler) = row.winkler {
        svg.text(end + COLUMNS - 6.0, y + 4.0, 11.0, Anchor::End)
            .fill(MUTED)
            .words(&number(winkler));
    }
    if row.infinite_fraction > 0.0 {
        let text = format!("{} are ∞", percent(row.infinite_fraction));
        let inside = x + text_width(&text, 11.0) + 10.0 > end;
        let (at, anchor, ink) = if inside {
            (x - 6.0, Anchor::End, "#fff")
        } else {
            (x + 6.0, Anchor::Start, ALERT)
        };
        svg.text(at, y + 4.0, 11.0, anchor)
            .fill(ink)
            .bold()
            .words(&text);
    }
    svg.line(forest.left, forest.top, forest.left, forest.bottom())
        .stroke(AXIS, 1.0)
        .end();
}
