//! The section on predicted uncertainty, and what must be known of the calibrators.

use std::fmt::Write as _;

use super::blocks::folded;
use crate::data::ReportData;
use crate::tables;
use crate::text::escape;

/// Figures and tables of the section; nothing without any.
pub(super) fn body(
    data: &ReportData,
    by_error: &str,
    trust: &str,
    reliability: &str,
    kept: &str,
) -> String {
    let mut out = by_error.to_owned();
    for (title, figures) in [
        ("What an interval catches for its size", trust),
        ("Does every level hold?", reliability),
        ("Setting unsure predictions aside", kept),
    ] {
        if !figures.is_empty() {
            let _ = writeln!(out, "<h3>{title}</h3>\n{figures}");
        }
    }
    out.push_str(&folded("All scores", &tables::uncertainty(data)));
    out
}

/// What the calibrators have to say of themselves.
pub(super) fn notes(data: &ReportData) -> String {
    let notes = &data.uncertainty.notes;
    if notes.is_empty() {
        return String::new();
    }
    let mut out = "<details><summary>Notes of the calibrators</summary>\n<ul>\n".to_owned();
    for note in notes {
        let model = if note.model.is_empty() {
            String::new()
        } else {
            format!(", {}", note.model)
        };
        let _ = writeln!(
            out,
            "<li><b>{}{}</b>: {}</li>",
            escape(&note.calibrator),
            escape(&model),
            escape(&note.text)
        );
    }
    out.push_str("</ul>\n</details>\n");
    out
}
