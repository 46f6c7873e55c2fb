//! Delimited tables (TSV, CSV), read row by row with typed access to named columns.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::{GenomeError, Place, Result, nearest};
use crate::row::Row;
use crate::text::LineReader;

/// What separates the fields of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delimiter {
    /// Tab if the header holds one, else comma, else semicolon.
    #[default]
    Auto,
    /// Tab.
    Tab,
    /// Comma.
    Comma,
    /// Another single byte.
    Byte(u8),
}

/// How a table is laid out.
#[derive(Debug, Clone, Default)]
pub struct TableOptions {
    /// What separates fields.
    pub delimiter: Delimiter,
    /// Lines to pass over before the header (or before the first row).
    pub skip_lines: u64,
    /// Names of the columns if the file has no header line.
    pub columns: Option<Vec<String>>,
}

/// A column of a table file as text: of the rows on the given lines (ascending), or of all rows.
///
/// # Errors
///
/// As [`TableReader::open_with`], and for a column that is not there.
pub fn table_column(
    path: &Path,
    options: &TableOptions,
    name: &str,
    lines: Option<&[u64]>,
) -> Result<Vec<String>> {
    let mut table = TableReader::open_with(path, options)?;
    let column = table.column(name)?;
    let mut values = Vec::new();
    while let Some(row) = table.next_row()? {
        if lines.is_none_or(|lines| lines.get(values.len()) == Some(&row.line())) {
            values.push(row.text(&column)?.to_owned());
        }
    }
    Ok(values)
}

/// A column of one table, found by name once and then used for every row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    index: usize,
    name: String,
}

impl Column {
    /// Position among the columns, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Name in the header.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Streaming reader of a delimited table. Blank lines are passed over; quoted fields are
/// understood.
///
/// # Examples
///
/// ```
/// use degu_genome::{TableOptions, TableReader};
/// let text = "name\tsequence\tHepG2\nenhancer_1\tACGT\t-1.018\nenhancer_2\tTTNT\tNA\n";
/// let mut table =
///     TableReader::from_reader("example.tsv", text.as_bytes(), &TableOptions::default())?;
/// let sequence = table.column("sequence")?;
/// let activity = table.column("HepG2")?;
/// let mut values = Vec::new();
/// while let Some(row) = table.next_row()? {
///     assert_eq!(row.codes(&sequence)?.codes.len(), 4);
///     values.push(row.number(&activity)?);
/// }
/// assert_eq!(values, [Some(-1.018), None]);
/// # Ok::<(), degu_genome::GenomeError>(())
/// ```
pub struct TableReader {
    lines: LineReader,
    delimiter: u8,
    columns: Vec<String>,
    fields: Vec<Range<usize>>,
    unquoted: Vec<u8>,
    quoted: bool,
    row_line: u64,
}

impl TableReader {
    /// Opens a table with a header line; delimiter and compression are found by content.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`]; [`GenomeError::Format`] if there is no header.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &TableOptions::default())
    }

    /// Opens a table with a stated layout.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, options: &TableOptions) -> Result<Self> {
        Self::start(LineReader::open(path)?, options)
    }

    /// Reads a table from memory or a stream; `path` is what errors call it.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn from_reader(
        path: impl Into<PathBuf>,
        input: impl std::io::Read + Send + 'static,
        options: &TableOptions,
    ) -> Result<Self> {
        Self::start(LineReader::new(path, input)?, options)
    }

    fn start(mut lines: LineReader, options: &TableOptions) -> Result<Self> {
        for _ in 0..options.skip_lines {
            if !lines.advance()? {
                break;
            }
        }
        let mut found = lines.advance()?;
        while found && lines.current().is_empty() {
            found = lines.advance()?;
        }
        if !found && options.columns.is_none() {
            return Err(GenomeError::format(
                lines.place(),
                "a header line with the names of the columns, found the end of the file",
            ));
        }
        let delimiter = match options.delimiter {
            Delimiter::Tab => b'\t',
            Delimiter::Comma => b',',
            Delimiter::Byte(byte) => byte,
            Delimiter::Auto => [b'\t', b',', b';']
                .into_iter()
                .find(|byte| lines.current().contains(byte))
                .unwrap_or(b'\t'),
        };
        let mut table = Self {
            lines,
            delimiter,
            columns: Vec::new(),
            fields: Vec::new(),
            unquoted: Vec::new(),
            quoted: false,
            row_line: 0,
        };
        if let Some(columns) = &options.columns {
            table.columns.clone_from(columns);
            if found {
                table.lines.put_back();
            }
        } else {
            table.split()?;
            table.columns = (0..table.fields.len())
                .map(|index| {
                    String::from_utf8_lossy(table.field(index))
                        .trim()
                        .to_owned()
                })
                .collect();
        }
        Ok(table)
    }

    /// The file that is read.
    pub fn path(&self) -> &Path {
        self.lines.path()
    }

    /// Names of the columns, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Finds a column by its exact name.
    ///
    /// # Errors
    ///
    /// [`GenomeError::MissingColumn`] naming the most similar column and all there are;
    /// [`GenomeError::AmbiguousColumn`] if the name stands twice.
    pub fn column(&self, name: &str) -> Result<Column> {
        let count = self.columns.iter().filter(|column| *column == name).count();
        match (count, self.columns.iter().position(|column| column == name)) {
            (1, Some(index)) => Ok(Column {
                index,
                name: name.to_owned(),
            }),
            (0, _) | (_, None) => Err(GenomeError::MissingColumn {
                path: self.path().to_path_buf(),
                column: name.to_owned(),
                nearest: nearest(name, self.columns.iter().map(String::as_str)).map(str::to_owned),
                found: self.columns.clone(),
            }),
            _ => Err(GenomeError::AmbiguousColumn {
                path: self.path().to_path_buf(),
                column: name.to_owned(),
                count,
            }),
        }
    }

    /// The first of several names that the table has.
    ///
    /// # Errors
    ///
    /// As [`column`](Self::column), for the first name, if there is none of them.
    pub fn column_among(&self, names: &[&str]) -> Result<Column> {
        let known = names
            .iter()
            .find(|name| self.columns.iter().any(|column| column == *name));
        self.column(known.or(names.first()).unwrap_or(&""))
    }

    /// Takes a column by position, from 0: for layouts whose header names vary.
    ///
    /// # Errors
    ///
    /// [`GenomeError::MissingColumn`] beyond the last column.
    pub fn column_at(&self, index: usize) -> Result<Column> {
        match self.columns.get(index) {
            Some(name) => Ok(Column {
                index,
                name: name.clone(),
            }),
            None => Err(GenomeError::MissingColumn {
                path: self.path().to_path_buf(),
                column: format!("number {}", index + 1),
                nearest: None,
                found: self.columns.clone(),
            }),
        }
    }

    /// The next row, or `None` at the end.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Ragged`] if the row has more or fewer fields than the header;
    /// [`GenomeError::Io`].
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        loop {
            if !self.lines.advance()? {
                return Ok(None);
            }
            if !self.lines.current().is_empty() {
                break;
            }
        }
        self.row_line = self.lines.line_number();
        self.split()?;
        if self.fields.len() != self.columns.len() {
            return Err(GenomeError::Ragged {
                place: Box::new(Place::line(self.path(), self.row_line)),
                expected: self.columns.len(),
                found: self.fields.len(),
            });
        }
        Ok(Some(Row { table: self }))
    }

    pub(crate) fn row_line(&self) -> u64 {
        self.row_line
    }

    pub(crate) fn field(&self, index: usize) -> &[u8] {
        let source = if self.quoted {
            &self.unquoted
        } else {
            self.lines.current()
        };
        &source[self.fields[index].clone()]
    }

    /// Finds the fields of the current line; joins lines while a quote is open.
    fn split(&mut self) -> Result<()> {
        self.fields.clear();
        self.quoted = self.lines.current().contains(&b'"');
        if !self.quoted {
            let mut start = 0;
            for (at, byte) in self.lines.current().iter().enumerate() {
                if *byte == self.delimiter {
                    self.fields.push(start..at);
                    start = at + 1;
                }
            }
            self.fields.push(start..self.lines.current().len());
            return Ok(());
        }
        let place = self.lines.place();
        while !self.split_quoted() {
            if !self.lines.append()? {
                return Err(GenomeError::format(
                    place,
                    "a closing quote, found the end of the file",
                ));
            }
        }
        Ok(())
    }

    /// Unquotes fields as RFC 4180 says (a doubled quote is a quote); `false` if a quote is open.
    fn split_quoted(&mut self) -> bool {
        self.fields.clear();
        self.unquoted.clear();
        let (mut start, mut inside, mut at_start) = (0, false, true);
        let line = self.lines.current();
        let mut at = 0;
        while at < line.len() {
            let byte = line[at];
            if inside {
                if byte == b'"' && line.get(at + 1) == Some(&b'"') {
                    self.unquoted.push(b'"');
                    at += 1;
                } else if byte == b'"' {
                    inside = false;
                } else {
                    self.unquoted.push(byte);
                }
            } else if byte == b'"' && at_start {
                inside = true;
                at_start = false;
            } else if byte == self.delimiter {
                self.fields.push(start..self.unquoted.len());
                start = self.unquoted.len();
                at_start = true;
            } else {
                self.unquoted.push(byte);
                at_start = false;
            }
            at += 1;
        }
        self.fields.push(start..self.unquoted.len());
        !inside
    }
}

#[cfg(test)]
mod tests;
