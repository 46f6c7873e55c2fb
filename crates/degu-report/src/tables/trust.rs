//! Tables of predicted uncertainty: one beside each figure.

use crate::data::{ReportData, UncertaintySource};
use crate::table::{Cell, Table};

/// Columns that name a source.
const SOURCE: [&str; 6] = ["kind", "model", "calibrator", "spread", "split", "task"];

fn source(source: &UncertaintySource) -> Vec<Cell> {
    let texts = [
        source.kind.key(),
        &source.model,
        if source.calibrator.is_empty() {
            "raw"
        } else {
            &source.calibrator
        },
        &source.spread,
        &source.split,
        &source.task,
    ];
    texts.into_iter().map(Cell::text).collect()
}

fn table(name: &str, columns: &[&str]) -> Table {
    let all: Vec<&str> = SOURCE.iter().chain(columns).copied().collect();
    Table::new(name, &all)
}

/// All numbers, long form.
pub(crate) fn uncertainty(data: &ReportData) -> Table {
    let mut all = table("uncertainty", &["metric", "value", "unit", "note"]);
    for row in &data.uncertainty.rows {
        let mut cells = source(&row.source);
        cells.extend([
            Cell::text(&row.metric),
            Cell::Number(row.value),
            Cell::text(&row.unit),
            Cell::text(&row.note),
        ]);
        all.push(cells);
    }
    all
}

/// Coverage and width over levels.
pub(super) fn reliability(data: &ReportData) -> Table {
    let columns = ["level", "interval_coverage", "mean_width"];
    let mut all = table("reliability", &columns);
    for curve in &data.uncertainty.reliability {
        let points = curve.nominal.iter().zip(&curve.observed).zip(&curve.width);
        for ((nominal, observed), width) in points {
            let mut cells = source(&curve.source);
            cells.extend([
                Cell::Setting(*nominal),
                Cell::Share(*observed),
                Cell::Number(*width),
            ]);
            all.push(cells);
        }
    }
    all
}

/// Histograms of transforms.
pub(super) fn transforms(data: &ReportData) -> Table {
    let columns = ["from", "to", "rows", "expected_low", "expected_high"];
    let mut all = table("pit", &columns);
    for histogram in &data.uncertainty.transforms {
        let bins = histogram.counts.len() as f64;
        for (bin, rows) in histogram.counts.iter().enumerate() {
            let mut cells = source(&histogram.source);
            cells.extend([
                Cell::Setting(bin as f64 / bins),
                Cell::Setting((bin + 1) as f64 / bins),
                Cell::Count(*rows),
                Cell::Count(histogram.low),
                Cell::Count(histogram.high),
            ]);
            all.push(cells);
        }
    }
    all
}

/// Error of the rows kept.
pub(super) fn risk(data: &ReportData) -> Table {
    let mut all = table("selective", &["kept", "rmse", "rmse_best_order"]);
    for curve in &data.uncertainty.risk {
        let points = curve.kept.iter().zip(&curve.rmse).zip(&curve.oracle);
        for ((kept, rmse), oracle) in points {
            let mut cells = source(&curve.source);
            cells.extend([
                Cell::Share(*kept),
                Cell::Number(*rmse),
                Cell::Number(*oracle),
            ]);
            all.push(cells);
        }
    }
    all
}

/// What must be known of the calibrators.
pub(super) fn notes(data: &ReportData) -> Table {
    let mut all = Table::new("calibration_notes", &["calibrator", "model", "note"]);
    for note in &data.uncertainty.notes {
        all.push(vec![
            Cell::text(&note.calibrator),
            Cell::text(&note.model),
            Cell::text(&note.text),
        ]);
    }
    all
}
