use std::path::{Path, PathBuf};

use degu_core::{Dataset, DatasetInfo, Error, Examples, Result, Row, Slot};
use degu_genome::{GenomeError, TableReader};

/// The data set in memory: base codes, one byte a base, and targets.
pub(crate) struct InMemory {
    pub(crate) info: DatasetInfo,
    pub(crate) rows: Vec<Row>,
    /// `[N, L]`
    pub(crate) codes: Vec<u8>,
    /// `[N, T]`
    pub(crate) y: Vec<f32>,
    pub(crate) notes: Vec<String>,
    /// The tables, which are read again when a column is asked for.
    pub(crate) tables: Vec<PathBuf>,
    /// Columns that all tables have.
    pub(crate) columns: Vec<String>,
}

/// Wraps an error of a reader, whose message says where and what.
pub(crate) fn reading(source: GenomeError) -> Error {
    Error::Plugin {
        slot: Slot::Dataset,
        name: "deepstarr",
        source: Box::new(source),
    }
}

/// Data that were read and cannot be used.
pub(crate) fn unusable(path: &Path, at: impl Into<Option<String>>, problem: String) -> Error {
    Error::Data {
        path: path.to_path_buf(),
        at: at.into(),
        problem,
    }
}

fn pick<T: Copy>(values: &[T], width: usize, index: &[usize]) -> Vec<T> {
    let mut picked = Vec::with_capacity(index.len() * width);
    for row in index {
        picked.extend_from_slice(&values[row * width..(row + 1) * width]);
    }
    picked
}

impl Dataset for InMemory {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn rows(&self) -> &[Row] {
        &self.rows
    }

    fn read(&self, index: &[usize]) -> Result<Examples> {
        if let Some(row) = index.iter().find(|row| **row >= self.rows.len()) {
            return Err(unusable(
                Path::new(&self.info.title),
                format!("row {row}"),
                format!("expected a row below {}", self.rows.len()),
            ));
        }
        let tasks = self.info.tasks.len();
        Ok(Examples {
            codes: pick(&self.codes, self.info.length, index),
            y: pick(&self.y, tasks, index),
            replicate_std: None,
            weight: None,
        })
    }

    fn columns(&self) -> Vec<String> {
        self.columns.clone()
    }

    fn column(&self, name: &str) -> Result<Option<Vec<String>>> {
        if !self.columns.iter().any(|column| column == name) {
            return Ok(None);
        }
        let read = || {
            let mut values = Vec::with_capacity(self.rows.len());
            for path in &self.tables {
                let mut table = TableReader::open(path)?;
                let column = table.column(name)?;
                while let Some(row) = table.next_row()? {
                    values.push(row.text(&column)?.to_owned());
                }
            }
            Ok(values)
        };
        read().map(Some).map_err(reading)
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}
