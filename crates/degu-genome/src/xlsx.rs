//! Workbooks (xlsx, xls, ods): the supplements of papers, with title rows above the header.

use std::path::{Path, PathBuf};

use calamine::{Data, Reader as _, open_workbook_auto};
use degu_core::suggest::nearest;

use crate::error::{GenomeError, Place, Result};
use crate::row::parse_number;

/// One sheet, every cell as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    path: PathBuf,
    name: String,
    first_row: u64,
    rows: Vec<Vec<String>>,
}

/// A sheet with a header: columns by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetTable {
    place: Place,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows below the header that are not blank: row of the sheet (from 1) and cells.
    pub rows: Vec<(u64, Vec<String>)>,
}

/// Names of the sheets of a workbook.
///
/// # Errors
///
/// [`GenomeError::Workbook`].
pub fn sheet_names(path: impl AsRef<Path>) -> Result<Vec<String>> {
    let path = path.as_ref();
    let book = open_workbook_auto(path).map_err(|source| workbook_error(path, "", source))?;
    Ok(book.sheet_names())
}

impl Sheet {
    /// Reads a sheet as text; whole numbers have no decimal point, missing cells are empty.
    ///
    /// # Errors
    ///
    /// [`GenomeError::UnknownName`] naming the sheets there are; [`GenomeError::Workbook`].
    pub fn open(path: impl AsRef<Path>, name: &str) -> Result<Self> {
        let path = path.as_ref();
        let mut book =
            open_workbook_auto(path).map_err(|source| workbook_error(path, name, source))?;
        let names = book.sheet_names();
        if !names.iter().any(|found| found == name) {
            return Err(GenomeError::UnknownName {
                path: path.to_path_buf(),
                kind: "sheet",
                name: name.to_owned(),
                nearest: nearest(name, names.iter().map(String::as_str)).map(str::to_owned),
                found: names,
            });
        }
        let range = book
            .worksheet_range(name)
            .map_err(|source| workbook_error(path, name, source))?;
        let (top, left) = range.start().unwrap_or((0, 0));
        let rows = range
            .rows()
            .map(|row| {
                let blank = std::iter::repeat_n(String::new(), left as usize);
                blank.chain(row.iter().map(cell_text)).collect()
            })
            .collect();
        Ok(Self {
            path: path.to_path_buf(),
            name: name.to_owned(),
            first_row: u64::from(top) + 1,
            rows,
        })
    }

    /// Finds the header by content: the first row that holds all `wanted` names, in any letter
    /// case.
    ///
    /// A wanted name may be the start of a cell, so that `K562` finds `K562 [log2(rna/dna)]`.
    ///
    /// # Errors
    ///
    /// [`GenomeError::MissingColumn`] for a wanted name that no row has, or the first one if no row
    /// has all of them.
    pub fn table(&self, wanted: &[&str]) -> Result<SheetTable> {
        let header = self
            .rows
            .iter()
            .position(|row| wanted.iter().all(|name| find(row, name).is_some()))
            .ok_or_else(|| {
                let fullest = self
                    .rows
                    .iter()
                    .max_by_key(|row| {
                        wanted
                            .iter()
                            .filter(|name| find(row, name).is_some())
                            .count()
                    })
                    .cloned()
                    .unwrap_or_default();
                let missing = wanted
                    .iter()
                    .find(|name| find(&fullest, name).is_none())
                    .copied()
                    .unwrap_or_default();
                self.missing(missing, &fullest)
            })?;
        let rows = self.rows[header + 1..]
            .iter()
            .enumerate()
            .filter(|(_, row)| row.iter().any(|cell| !cell.is_empty()))
            .map(|(below, row)| (self.first_row + (header + 1 + below) as u64, row.clone()))
            .collect();
        Ok(SheetTable {
            place: Place::file(&self.path).with_column(self.name.as_str()),
            columns: self.rows[header].clone(),
            rows,
        })
    }

    fn missing(&self, name: &str, columns: &[String]) -> GenomeError {
        missing(&self.path, name, columns)
    }
}

impl SheetTable {
    /// Index of a column: an exact name, else the only one that starts with it, in any letter case.
    ///
    /// # Errors
    ///
    /// [`GenomeError::MissingColumn`].
    pub fn column(&self, name: &str) -> Result<usize> {
        find(&self.columns, name).ok_or_else(|| missing(&self.place.path, name, &self.columns))
    }

    /// The number in a cell of row `row` (an index into `rows`), `None` if it is missing.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Value`] with sheet, row and column for text that is no number.
    pub fn number(&self, row: usize, column: usize) -> Result<Option<f64>> {
        let (line, cells) = &self.rows[row];
        let text = cells.get(column).map_or("", |cell| cell.trim());
        parse_number(text).map_err(|expected| {
            let sheet = self.place.column.as_deref().unwrap_or_default();
            let name = self.columns.get(column).map_or("", String::as_str);
            let place =
                Place::line(&self.place.path, *line).with_column(format!("{sheet}: {name}"));
            GenomeError::value(place, expected, text)
        })
    }
}

fn missing(path: &Path, name: &str, columns: &[String]) -> GenomeError {
    GenomeError::MissingColumn {
        path: path.to_path_buf(),
        column: name.to_owned(),
        nearest: nearest(name, columns.iter().map(String::as_str)).map(str::to_owned),
        found: columns
            .iter()
            .filter(|name| !name.is_empty())
            .cloned()
            .collect(),
    }
}

fn find(row: &[String], name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    let lower = |cell: &String| cell.trim().to_lowercase();
    row.iter().position(|cell| lower(cell) == name).or_else(|| {
        let mut starting = row
            .iter()
            .enumerate()
            .filter(|(_, cell)| lower(cell).starts_with(&name));
        let first = starting.next().map(|(index, _)| index);
        first.filter(|_| starting.next().is_none())
    })
}

fn cell_text(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        // Display of an f64 is the shortest text that reads back as the same number.
        Data::Float(value) => value.to_string(),
        Data::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}

fn workbook_error(path: &Path, sheet: &str, source: calamine::Error) -> GenomeError {
    let place = Place::file(path);
    GenomeError::Workbook {
        place: Box::new(if sheet.is_empty() {
            place
        } else {
            place.with_column(sheet)
        }),
        source: Box::new(source),
    }
}
