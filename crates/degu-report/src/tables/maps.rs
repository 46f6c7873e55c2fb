//! Tables of attribution maps.

use crate::data::ReportData;
use crate::table::{Cell, Table};

/// Paired tests, one row a measure.
pub(crate) fn map_agreement(data: &ReportData) -> Table {
    let mut table = Table::new(
        "attribution_tests",
        &[
            "method",
            "task",
            "part",
            "metric",
            "difference",
            "ci_low",
            "ci_high",
            "students_better",
            "wilcoxon_p",
            "sign_flip_p",
            "welch_p",
            "members",
            "students",
            "sequences",
        ],
    );
    for a in &data.map_agreement {
        table.push(vec![
            Cell::text(&a.method),
            Cell::text(&a.task),
            Cell::text(a.part.label()),
            Cell::text(&a.metric),
            Cell::Number(a.difference),
            Cell::maybe(a.ci_low),
            Cell::maybe(a.ci_high),
            Cell::Share(a.better),
            Cell::maybe(a.wilcoxon_p),
            Cell::maybe(a.sign_flip_p),
            Cell::maybe(a.models_p),
            Cell::Count(a.models.0),
            Cell::Count(a.models.1),
            Cell::Count(a.sequences.len()),
        ]);
    }
    table
}

/// One row a sequence and measure.
pub(crate) fn map_agreement_by_sequence(data: &ReportData) -> Table {
    let mut table = Table::new(
        "attribution_by_sequence",
        &[
            "method", "task", "part", "metric", "sequence", "members", "students",
        ],
    );
    for a in &data.map_agreement {
        let values = a.members.iter().zip(&a.students);
        for (id, (member, student)) in a.sequences.iter().zip(values) {
            table.push(vec![
                Cell::text(&a.method),
                Cell::text(&a.task),
                Cell::text(a.part.label()),
                Cell::text(&a.metric),
                Cell::text(id),
                Cell::Number(*member),
                Cell::Number(*student),
            ]);
        }
    }
    table
}

/// Completeness, one row a model and target.
pub(crate) fn completeness(data: &ReportData) -> Table {
    let mut table = Table::new(
        "attribution_completeness",
        &[
            "method",
            "model",
            "task",
            "part",
            "sequences",
            "relative_error",
            "largest_error",
        ],
    );
    for r in &data.completeness {
        table.push(vec![
            Cell::text(&r.method),
            Cell::text(&r.model),
            Cell::text(&r.task),
            Cell::text(r.part.label()),
            Cell::Count(r.sequences),
            Cell::Number(r.rho),
            Cell::Number(r.largest),
        ]);
    }
    table
}

/// The numbers of the logos, one row a position.
pub(crate) fn logos(data: &ReportData) -> Table {
    let mut table = Table::new(
        "logos",
        &[
            "sequence", "map", "method", "task", "part", "position", "A", "C", "G", "T", "sd",
            "motifs",
        ],
    );
    for logo in &data.logos {
        for (position, [a, c, g, t]) in logo.heights.iter().enumerate() {
            let spans = logo.spans.iter();
            let motifs: Vec<&str> = spans
                .filter(|s| s.start <= position && position < s.end)
                .map(|s| s.label.as_str())
                .collect();
            table.push(vec![
                Cell::text(&logo.sequence),
                Cell::text(&logo.title),
                Cell::text(&logo.method),
                Cell::text(&logo.task),
                Cell::text(logo.part.label()),
                Cell::Count(position),
                Cell::Number(*a),
                Cell::Number(*c),
                Cell::Number(*g),
                Cell::Number(*t),
                Cell::maybe(logo.sd.get(position).copied()),
                Cell::text(motifs.join(" ")),
            ]);
        }
    }
    table
}
