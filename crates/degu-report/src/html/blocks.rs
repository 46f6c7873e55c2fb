//! Tables and groups of figures as the sections show them.

use std::fmt::Write as _;

use crate::figures::Figure;
use crate::table::Table;
use crate::text::{count, escape};

/// A table, or nothing without rows.
pub(super) fn table(table: &Table, caption: &str) -> String {
    if table.rows.is_empty() {
        String::new()
    } else {
        table.html(caption)
    }
}

/// A long table behind a line that opens it.
pub(super) fn folded(title: &str, table: &Table) -> String {
    if table.rows.is_empty() {
        return String::new();
    }
    format!(
        "<details><summary>{} ({} rows)</summary>\n{}</details>\n",
        escape(title),
        count(table.rows.len()),
        table.html("")
    )
}

/// Figures of one kind. The script shows one at a time; without scripts all are visible.
pub(super) fn switch(group: &str, figures: &[Figure]) -> String {
    let mut out = String::new();
    if figures.len() > 1 {
        let _ = writeln!(out, "<div class=\"switch\" data-group=\"{group}\">");
    }
    for figure in figures {
        let caption = &figure.caption;
        let _ = writeln!(
            out,
            "<figure id=\"fig-{}\" data-tab=\"{}\" data-name=\"{}\">\n{}<figcaption>{} <span><b>How to read it:</b> {}</span> <span><b>Good:</b> {}</span></figcaption>\n</figure>",
            figure.name,
            escape(&figure.tab),
            figure.name,
            figure.svg,
            escape(&caption.shows),
            escape(&caption.read),
            escape(&caption.good)
        );
    }
    if figures.len() > 1 {
        out.push_str("</div>\n");
    }
    out
}
