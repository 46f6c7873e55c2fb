//! One table, for CSV with all digits and for HTML with the digits that mean something.

use std::fmt::Write as _;

use crate::Result;
use crate::axis::plain;
use crate::error::Error;
use crate::text::{escape, number, percent};

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// Nothing known.
    Empty,
    Text(String),
    Number(f64),
    /// A setting, printed as short as possible.
    Setting(f64),
    /// A share, printed as a percentage.
    Share(f64),
    Count(usize),
    /// A value with its interval; the value alone in sorting.
    Interval(f64, Option<f64>, Option<f64>),
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn maybe(value: Option<f64>) -> Self {
        value.map_or(Self::Empty, Self::Number)
    }

    fn csv(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => text.clone(),
            Self::Number(value)
            | Self::Setting(value)
            | Self::Share(value)
            | Self::Interval(value, _, _) => value.to_string(),
            Self::Count(value) => value.to_string(),
        }
    }

    fn html(&self) -> String {
        match self {
            Self::Empty => "<td class=\"empty\">–</td>".into(),
            // Short names stay on one line, sentences wrap.
            Self::Text(text) if text.chars().count() > 27 => {
                format!("<td class=\"w\">{}</td>", escape(text))
            }
            Self::Text(text) => format!("<td>{}</td>", escape(text)),
            Self::Setting(value) => {
                format!(
                    "<td class=\"n\" data-value=\"{value}\">{}</td>",
                    plain(*value)
                )
            }
            Self::Number(value) => format!(
                "<td class=\"n\" data-value=\"{value}\">{}</td>",
                number(*value)
            ),
            Self::Share(value) => format!(
                "<td class=\"n\" data-value=\"{value}\">{}</td>",
                percent(*value)
            ),
            Self::Count(value) => {
                format!(
                    "<td class=\"n\" data-value=\"{value}\">{}</td>",
                    crate::text::count(*value)
                )
            }
            Self::Interval(value, low, high) => {
                let interval = match (low, high) {
                    (Some(low), Some(high)) => {
                        format!("<small>[{}, {}]</small>", number(*low), number(*high))
                    }
                    _ => String::new(),
                };
                format!(
                    "<td class=\"n\" data-value=\"{value}\">{}{interval}</td>",
                    number(*value)
                )
            }
        }
    }
}

/// Rows under named columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Rows that say less than the others, such as single networks below their mean.
    pub(crate) minor: Vec<bool>,
}

impl Table {
    pub(crate) fn new(name: &str, columns: &[&str]) -> Self {
        Self {
            name: name.into(),
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            ..Self::default()
        }
    }

    /// The same table without one column.
    pub(crate) fn without(mut self, column: &str) -> Self {
        if let Some(at) = self.columns.iter().position(|known| known == column) {
            self.columns.remove(at);
            for row in &mut self.rows {
                row.remove(at);
            }
        }
        self
    }

    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        self.push_row(row, false);
    }

    pub(crate) fn push_row(&mut self, row: Vec<Cell>, minor: bool) {
        self.rows.push(row);
        self.minor.push(minor);
    }

    pub(crate) fn csv(&self) -> Result<String> {
        let failed = |source| Error::Csv {
            table: self.name.clone(),
            source,
        };
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.columns).map_err(failed)?;
        for row in &self.rows {
            writer
                .write_record(row.iter().map(Cell::csv))
                .map_err(failed)?;
        }
        let bytes = writer
            .into_inner()
            .map_err(|e| Error::Io(std::io::Error::other(e.to_string())))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The table as HTML, scrolling within its own frame.
    pub(crate) fn html(&self, caption: &str) -> String {
        let mut out = format!(
            "<div class=\"table\"><table data-table=\"{}\">",
            escape(&self.name)
        );
        if !caption.is_empty() {
            let _ = write!(out, "<caption>{}</caption>", escape(caption));
        }
        out.push_str("<thead><tr>");
        for (i, column) in self.columns.iter().enumerate() {
            let numeric = self
                .rows
                .iter()
                .any(|row| !matches!(row.get(i), Some(Cell::Text(_)) | None))
                && !self
                    .rows
                    .iter()
                    .any(|row| matches!(row.get(i), Some(Cell::Text(_))));
            let class = if numeric { " class=\"n\"" } else { "" };
            let _ = write!(
                out,
                "<th scope=\"col\"{class}>{}</th>",
                escape(&column.replace('_', " "))
            );
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for (row, minor) in self.rows.iter().zip(&self.minor) {
            out.push_str(if *minor {
                "<tr class=\"minor\">"
            } else {
                "<tr>"
            });
            for cell in row {
                out.push_str(&cell.html());
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table></div>\n");
        out
    }
}
