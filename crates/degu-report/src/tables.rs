//! The tables of a study: long ones for CSV, arranged ones for the page.

mod arms;
mod maps;
mod page;
mod settings;
mod trust;

pub(crate) use arms::{
    costs as arm_costs, intervals as arm_intervals, places as arm_places, spreads as arm_spreads,
};
pub(crate) use maps::{completeness, map_agreement};
pub(crate) use page::{arms_of, metrics_by_model, training};
pub(crate) use settings::by_setting_for_people;
pub(crate) use trust::uncertainty;

use crate::Result;
use crate::data::{Arm, ReportData};
use crate::table::{Cell, Table};

/// The tables of a report as CSV: file name and text. Tables without rows are left out.
///
/// Numbers carry all their digits; infinities are `inf` and `-inf`, missing values `NaN` or empty.
///
/// # Errors
///
/// [`crate::Error::Csv`] when a table cannot be encoded.
pub fn tables(data: &ReportData) -> Result<Vec<(String, String)>> {
    [
        metrics(data),
        gap_closed(data),
        learning(data),
        transfer(data),
        calibration(data),
        conditional(data),
        uncertainty(data),
        trust::reliability(data),
        trust::transforms(data),
        trust::risk(data),
        trust::notes(data),
        consistency(data),
        map_agreement(data),
        maps::map_agreement_by_sequence(data),
        completeness(data),
        maps::logos(data),
        shift(data),
        comparisons(data),
        arms::scores(data),
        arms::reliability(data),
        arms::costs(data),
        sweeps(data),
        settings::by_setting(data),
        holes(data),
        configuration(data),
    ]
    .iter()
    .filter(|table| !table.rows.is_empty())
    .map(|table| Ok((format!("{}.csv", table.name), table.csv()?)))
    .collect()
}

fn metrics(data: &ReportData) -> Table {
    let mut table = Table::new(
        "metrics",
        &[
            "kind", "model", "split", "task", "metric", "value", "ci_low", "ci_high", "unit",
        ],
    );
    for r in &data.metrics {
        table.push(vec![
            Cell::text(r.kind.key()),
            Cell::text(&r.model),
            Cell::text(&r.split),
            Cell::text(&r.task),
            Cell::text(&r.metric),
            Cell::Number(r.value),
            Cell::maybe(r.ci_low),
            Cell::maybe(r.ci_high),
            Cell::text(&r.unit),
        ]);
    }
    table
}

pub(crate) fn gap_closed(data: &ReportData) -> Table {
    let mut table = Table::new(
        "gap_closed",
        &[
            "split",
            "task",
            "metric",
            "member",
            "student",
            "ensemble",
            "gap_closed",
            "ci_low",
            "ci_high",
        ],
    );
    for r in &data.gap_closed {
        table.push(vec![
            Cell::text(&r.split),
            Cell::text(&r.task),
            Cell::text(&r.metric),
            Cell::Number(r.member),
            Cell::Number(r.student),
            Cell::Number(r.ensemble),
            // Without a gap there is no share of it.
            if r.gap_closed.is_finite() {
                Cell::Share(r.gap_closed)
            } else {
                Cell::Empty
            },
            r.ci_low.map_or(Cell::Empty, Cell::Share),
            r.ci_high.map_or(Cell::Empty, Cell::Share),
        ]);
    }
    table
}

fn learning(data: &ReportData) -> Table {
    let mut table = Table::new(
        "learning",
        &[
            "stage",
            "kind",
            "epoch",
            "train_loss",
            "validation_loss",
            "learning_rate",
            "kept",
        ],
    );
    for curve in &data.learning {
        for e in &curve.epochs {
            table.push(vec![
                Cell::text(&curve.stage),
                Cell::text(curve.kind.key()),
                Cell::Count(e.epoch as usize),
                Cell::Number(e.train_loss),
                Cell::maybe(e.validation_loss),
                Cell::maybe(e.learning_rate),
                Cell::text((curve.best_epoch == Some(e.epoch)).to_string()),
            ]);
        }
    }
    table
}

pub(crate) fn transfer(data: &ReportData) -> Table {
    let mut table = Table::new(
        "transfer",
        &[
            "student",
            "split",
            "task",
            "part",
            "n",
            "correlation",
            "ceiling",
        ],
    );
    for t in &data.transfer {
        table.push(vec![
            Cell::text(&t.model),
            Cell::text(&t.split),
            Cell::text(&t.task),
            Cell::text(t.part.label()),
            Cell::Count(t.teacher.len().min(t.student.len())),
            Cell::maybe(t.correlation),
            Cell::maybe(t.ceiling),
        ]);
    }
    table
}

pub(crate) fn calibration(data: &ReportData) -> Table {
    let mut table = Table::new(
        "calibration",
        &[
            "calibrator",
            "model",
            "split",
            "task",
            "alpha",
            "n",
            "k",
            "interval_coverage",
            "band_low",
            "band_high",
            "mean_width",
            "infinite_fraction",
            "winkler",
            "coverage_gap",
            "guarantee",
        ],
    );
    for r in &data.calibration {
        table.push(vec![
            Cell::text(&r.calibrator),
            Cell::text(&r.model),
            Cell::text(&r.split),
            Cell::text(&r.task),
            Cell::Setting(r.alpha),
            Cell::Count(r.n),
            Cell::Count(r.k),
            Cell::Share(r.coverage),
            r.band_low.map_or(Cell::Empty, Cell::Share),
            r.band_high.map_or(Cell::Empty, Cell::Share),
            Cell::Number(r.mean_width),
            Cell::Share(r.infinite_fraction),
            Cell::maybe(r.winkler),
            r.coverage_gap.map_or(Cell::Empty, Cell::Share),
            Cell::text(&r.guarantee),
        ]);
    }
    table
}

pub(crate) fn conditional(data: &ReportData) -> Table {
    let mut table = Table::new(
        "conditional_coverage",
        &[
            "calibrator",
            "split",
            "task",
            "alpha",
            "by",
            "bin",
            "n",
            "interval_coverage",
            "band_low",
            "band_high",
            "mean_width",
        ],
    );
    for r in &data.conditional {
        table.push(vec![
            Cell::text(&r.calibrator),
            Cell::text(&r.split),
            Cell::text(&r.task),
            Cell::Setting(r.alpha),
            Cell::text(&r.by),
            Cell::text(&r.bin),
            Cell::Count(r.n),
            Cell::Share(r.coverage),
            r.band_low.map_or(Cell::Empty, Cell::Share),
            r.band_high.map_or(Cell::Empty, Cell::Share),
            Cell::maybe(r.mean_width),
        ]);
    }
    table
}

pub(crate) fn consistency(data: &ReportData) -> Table {
    let mut table = Table::new(
        "attribution_consistency",
        &[
            "method", "task", "part", "models", "metric", "value", "ci_low", "ci_high", "n",
        ],
    );
    for r in &data.consistency {
        table.push(vec![
            Cell::text(&r.method),
            Cell::text(&r.task),
            Cell::text(r.part.label()),
            Cell::text(format!("{}s", r.kind.label())),
            Cell::text(&r.metric),
            Cell::Number(r.value),
            Cell::maybe(r.ci_low),
            Cell::maybe(r.ci_high),
            Cell::Count(r.n),
        ]);
    }
    table
}

pub(crate) fn shift(data: &ReportData) -> Table {
    let mut table = Table::new(
        "shift",
        &[
            "shift", "task", "kind", "model", "metric", "severity", "value", "ci_low", "ci_high",
        ],
    );
    for c in &data.shift {
        for p in &c.points {
            table.push(vec![
                Cell::text(&c.shift),
                Cell::text(&c.task),
                Cell::text(c.kind.key()),
                Cell::text(&c.model),
                Cell::text(&c.metric),
                Cell::Setting(p.x),
                Cell::Number(p.value),
                Cell::maybe(p.low),
                Cell::maybe(p.high),
            ]);
        }
    }
    table
}

fn comparisons(data: &ReportData) -> Table {
    let mut table = Table::new("comparisons", &["metric", "role", "baseline"]);
    table
        .columns
        .extend(ARM_COLUMNS.iter().map(|c| (*c).to_owned()));
    table.columns.push("smallest_p".into());
    for c in &data.comparisons {
        for arm in &c.arms {
            let mut row = vec![
                Cell::text(&c.metric),
                Cell::text(if c.primary { "primary" } else { "exploratory" }),
                Cell::text(&c.baseline),
            ];
            row.extend(arm_cells(arm));
            row.push(Cell::maybe(c.smallest_p));
            table.push(row);
        }
    }
    table
}

const ARM_COLUMNS: [&str; 10] = [
    "arm",
    "n",
    "mean",
    "sd",
    "difference",
    "ci_low",
    "ci_high",
    "p",
    "adjusted_p",
    "note",
];

fn arm_cells(arm: &Arm) -> Vec<Cell> {
    let note = if arm.n < 2 && arm.note.is_empty() {
        "insufficient replicates"
    } else {
        &arm.note
    };
    vec![
        Cell::text(&arm.name),
        Cell::Count(arm.n),
        Cell::Number(arm.mean),
        Cell::maybe(arm.sd),
        Cell::Number(arm.difference),
        Cell::maybe(arm.ci_low),
        Cell::maybe(arm.ci_high),
        Cell::maybe(arm.p),
        Cell::maybe(arm.adjusted_p),
        Cell::text(note),
    ]
}

pub(crate) fn sweeps(data: &ReportData) -> Table {
    let mut table = Table::new(
        "sweeps",
        &[
            "sweep", "axis", "metric", "kind", "model", "x", "value", "ci_low", "ci_high",
        ],
    );
    for s in &data.sweeps {
        for line in &s.lines {
            for p in &line.points {
                table.push(vec![
                    Cell::text(&s.name),
                    Cell::text(&s.axis),
                    Cell::text(&s.metric),
                    Cell::text(line.kind.key()),
                    Cell::text(&line.model),
                    Cell::Setting(p.x),
                    Cell::Number(p.value),
                    Cell::maybe(p.low),
                    Cell::maybe(p.high),
                ]);
            }
        }
    }
    table
}

pub(crate) fn holes(data: &ReportData) -> Table {
    let mut table = Table::new(
        "holes",
        &["task of the plan", "state", "what happened", "what to do"],
    );
    for h in &data.holes {
        table.push(vec![
            Cell::text(&h.task),
            Cell::text(h.state.label()),
            Cell::text(&h.reason),
            Cell::text(&h.remedy),
        ]);
    }
    table
}

pub(crate) fn configuration(data: &ReportData) -> Table {
    let mut table = Table::new("configuration", &["path", "value", "origin"]);
    for r in &data.configuration {
        table.push(vec![
            Cell::text(&r.path),
            Cell::text(&r.value),
            Cell::text(&r.origin),
        ]);
    }
    table
}
