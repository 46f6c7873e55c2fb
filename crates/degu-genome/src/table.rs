//! Delimited tables (TSV, CSV), read row by row with typed access to named columns.

use degu_core::suggest::nearest;
use std::path::{Path, PathBuf};

use crate::error::{GenomeError, Place, Result};
use crate::row::{Column, Row};
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
    // Boxed: its tables take half a kilobyte.
    parser: Box<csv_core::Reader>,
    columns: Vec<String>,
    /// The cells of the current row, one behind the other, without their quotes.
    text: Vec<u8>,
    /// Where each of the `fields` cells ends in `text`.
    ends: Vec<usize>,
    fields: usize,
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
        let mut has_line = lines.advance()?;
        while has_line && lines.current().is_empty() {
            has_line = lines.advance()?;
        }
        if !has_line && options.columns.is_none() {
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
            parser: Box::new(
                csv_core::ReaderBuilder::new()
                    .delimiter(delimiter)
                    .terminator(csv_core::Terminator::Any(b'\n'))
                    .build(),
            ),
            columns: Vec::new(),
            text: vec![0; 1024],
            ends: vec![0; 32],
            fields: 0,
        };
        if let Some(columns) = &options.columns {
            table.columns.clone_from(columns);
            if has_line {
                table.lines.put_back();
            }
        } else {
            table.split()?;
            let mut start = 0;
            for &end in &table.ends[..table.fields] {
                let name = String::from_utf8_lossy(&table.text[start..end]);
                table.columns.push(name.trim().to_owned());
                start = end;
            }
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
        let line = self.lines.line_number();
        self.split()?;
        if self.fields != self.columns.len() {
            return Err(GenomeError::Ragged {
                place: Box::new(Place::line(self.path(), line)),
                expected: self.columns.len(),
                found: self.fields,
            });
        }
        Ok(Some(Row {
            path: self.lines.path(),
            line,
            text: &self.text,
            ends: &self.ends[..self.fields],
        }))
    }

    /// Splits the current line into cells; reads on while a quote is open.
    fn split(&mut self) -> Result<()> {
        use csv_core::ReadRecordResult::{End, InputEmpty, OutputEndsFull, OutputFull, Record};
        let place = self.lines.place();
        let mut length = 0;
        self.fields = 0;
        loop {
            for mut input in [self.lines.current(), b"\n"] {
                while !input.is_empty() {
                    let (result, read, written, ended) = self.parser.read_record(
                        input,
                        &mut self.text[length..],
                        &mut self.ends[self.fields..],
                    );
                    input = &input[read..];
                    length += written;
                    self.fields += ended;
                    match result {
                        InputEmpty => {}
                        OutputFull => self.text.resize(2 * self.text.len(), 0),
                        OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                        Record | End => return Ok(()),
                    }
                }
            }
            if !self.lines.advance()? {
                return Err(GenomeError::format(
                    place,
                    "a closing quote, found the end of the file",
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests;
