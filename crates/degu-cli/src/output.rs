//! Results on stdout, as text for people or JSON for programs.

use std::{
    env,
    io::{self, IsTerminal, StdoutLock, Write},
};

use serde::Serialize;
use serde_json::{Value, json};

use crate::{CliError, Result, args::Format, exit::Codes};

/// Version of the JSON output of every command.
const SCHEMA: u32 = 1;

/// Whether a stream takes colours: a terminal, and no `NO_COLOR`.
pub(crate) fn colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Where results go.
pub(crate) struct Output {
    format: Format,
    writer: StdoutLock<'static>,
    styled: bool,
    written: bool,
}

impl Output {
    /// The process's stdout.
    pub(crate) fn stdout(format: Format) -> Self {
        let stdout = io::stdout();
        Self {
            format,
            styled: colours(&stdout),
            writer: stdout.lock(),
            written: false,
        }
    }

    /// The form asked for.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Whether programs read.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// A result in both forms: an object for programs, to which `"schema"` is added, and a text for
    /// people.
    pub(crate) fn result<T: Serialize>(
        &mut self,
        value: &T,
        text: impl FnOnce() -> String,
    ) -> Result<()> {
        if !self.is_json() {
            return self.text(&text());
        }
        let mut value = serde_json::to_value(value)?;
        if let Value::Object(object) = &mut value {
            object.insert("schema".to_owned(), SCHEMA.into());
        }
        let text = serde_json::to_string_pretty(&value)?;
        self.text(&text)
    }

    /// The error as a JSON object; nothing as text, or after a result.
    pub(crate) fn failure(&mut self, error: &CliError) -> Result<()> {
        if !self.is_json() || self.written {
            return Ok(());
        }
        let mut value = match error {
            CliError::Configuration(errors) => errors.to_json(),
            other => {
                let message = other.render(false);
                let message = message.strip_prefix("error: ").unwrap_or(&message);
                json!({ "errors": [{ "code": Codes::name(other.exit_code()), "message": message }] })
            }
        };
        value["exit_code"] = error.exit_code().into();
        self.result(&value, String::new)
    }

    /// A text as it is, with one line break at its end.
    pub(crate) fn text(&mut self, text: &str) -> Result<()> {
        self.written = true;
        writeln!(self.writer, "{}", text.trim_end_matches('\n'))?;
        self.writer.flush()?;
        Ok(())
    }

    /// Bold, on a terminal.
    pub(crate) fn bold(&self, text: &str) -> String {
        self.style("1", text)
    }

    /// Red and bold, on a terminal.
    pub(crate) fn red(&self, text: &str) -> String {
        self.style("1;31", text)
    }

    fn style(&self, code: &str, text: &str) -> String {
        if self.styled {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Columns of text, aligned; the last one is as long as it likes.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a header.
    pub(crate) fn new(header: &[&str]) -> Self {
        Self {
            rows: vec![header.iter().map(|h| (*h).to_owned()).collect()],
        }
    }

    /// Adds a row.
    pub(crate) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The table as lines; two spaces between columns, none at the ends.
    pub(crate) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                let pad = width - cell.chars().count() + 2;
                line.extend(std::iter::repeat_n(' ', pad));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_aligned_by_letters_not_bytes() {
        let mut table = Table::new(&["name", "β"]);
        table.row(["é", "1"]);
        table.row(["longer", ""]);
        assert_eq!(table.render(), "name    β\né       1\nlonger\n");
    }
}
