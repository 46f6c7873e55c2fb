//! Sections without numbers to compare: data, provenance, configuration, notes on plugins.

use std::fmt::Write as _;

use super::blocks::table;
use crate::data::ReportData;
use crate::tables;
use crate::text::{count, escape, slug};

pub(super) fn provenance(data: &ReportData) -> String {
    let mut out = String::new();
    if let Some(set) = &data.dataset {
        let _ = write!(out, "<p><b>{}</b>", escape(&set.name));
        if let Some(length) = set.length {
            let _ = write!(out, ", sequences of {} bp", count(length));
        }
        if !set.digest.is_empty() {
            let _ = write!(out, ", source digest <code>{}</code>", escape(&set.digest));
        }
        out.push_str("</p>\n");
        let mut splits =
            crate::table::Table::new("splits", &["split", "rows", "groups", "mean GC content"]);
        for s in &set.splits {
            use crate::table::Cell;
            splits.push(vec![
                Cell::text(&s.name),
                Cell::Count(s.rows),
                s.groups.map_or(Cell::Empty, Cell::Count),
                s.gc.map_or(Cell::Empty, Cell::Share),
            ]);
        }
        out.push_str(&table(&splits, ""));
        for note in &set.notes {
            let _ = writeln!(out, "<p class=\"note\">{}</p>", escape(note));
        }
    }
    if let Some(provenance) = &data.provenance {
        if let Some(bitwise) = provenance.bitwise {
            out.push_str(if bitwise {
                "<p class=\"note\"><b>Bitwise reproducible:</b> the same study on a CPU gives the same bits, for any number of threads.</p>\n"
            } else {
                "<p class=\"note\"><b>Reproducible within a tolerance:</b> some results come from a GPU, where sums are not bit-identical.</p>\n"
            });
        }
        out.push_str("<dl class=\"entries\">\n");
        for entry in &provenance.entries {
            let _ = writeln!(
                out,
                "<dt>{}</dt><dd>{}</dd>",
                escape(&entry.name),
                escape(&entry.value)
            );
        }
        out.push_str("</dl>\n");
    }
    out
}

pub(super) fn configuration(data: &ReportData) -> String {
    let table = tables::configuration(data);
    if table.rows.is_empty() {
        return String::new();
    }
    format!(
        "<p class=\"note\">Every value with the place that set it.</p>\n<div class=\"mono\">{}</div>",
        table.html("")
    )
}

pub(super) fn notes(data: &ReportData) -> String {
    let mut out = String::new();
    for note in &data.notes {
        let _ = writeln!(
            out,
            "<article class=\"plugin\" id=\"plugin-{}-{}\"><h3>{} <small>{}, revision {}</small></h3>",
            slug(&note.slot),
            slug(&note.name),
            escape(&note.name),
            escape(&note.slot),
            note.revision
        );
        if !note.citation.is_empty() {
            let _ = writeln!(out, "<p class=\"cite\">{}</p>", escape(&note.citation));
        }
        if note.differs.is_empty() {
            out.push_str("<p>No known difference.</p>\n");
        } else {
            out.push_str("<ul>\n");
            for line in &note.differs {
                let _ = writeln!(out, "<li>{}</li>", escape(line));
            }
            out.push_str("</ul>\n");
        }
        out.push_str("</article>\n");
    }
    out
}

pub(super) fn reproduce(data: &ReportData) -> String {
    if data.reproduce.is_empty() {
        return String::new();
    }
    format!(
        "<p>One command makes everything on this page again; what is in the store already is reused.</p>\n<pre><code>{}</code></pre>\n",
        escape(&data.reproduce)
    )
}
