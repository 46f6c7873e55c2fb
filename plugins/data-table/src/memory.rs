use std::path::{Path, PathBuf};

use degu_core::{Dataset, DatasetInfo, Error, Examples, Result, Row, Slot};
use degu_genome::{GenomeError, TableOptions, TableReader};

/// The data set in memory: base codes, one byte a base, and targets.
pub(crate) struct InMemory {
    pub(crate) info: DatasetInfo,
    pub(crate) rows: Vec<Row>,
    /// `[N, L]`
    pub(crate) codes: Vec<u8>,
    /// `[N, T]`
    pub(crate) y: Vec<f32>,
    /// `[N, T]`
    pub(crate) replicate_std: Option<Vec<f32>>,
    /// `[N]`
    pub(crate) weight: Option<Vec<f32>>,
    /// `[N, T]`, NaN where a task has no such column
    pub(crate) barcodes: Option<Vec<f32>>,
    pub(crate) notes: Vec<String>,
    /// The table, which is read again when a column is asked for.
    pub(crate) path: PathBuf,
    pub(crate) options: TableOptions,
    pub(crate) columns: Vec<String>,
    /// Lines of the rows in use, ascending.
    pub(crate) lines: Vec<u64>,
}

/// Wraps an error of a reader, whose message says where and what.
pub(crate) fn reading(source: GenomeError) -> Error {
    Error::Plugin {
        slot: Slot::Dataset,
        name: "table",
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
            replicate_std: self
                .replicate_std
                .as_deref()
                .map(|std| pick(std, tasks, index)),
            weight: self.weight.as_deref().map(|w| pick(w, 1, index)),
        })
    }

    fn barcodes(&self, index: &[usize]) -> Result<Option<Vec<f32>>> {
        let tasks = self.info.tasks.len();
        Ok(self.barcodes.as_deref().map(|b| pick(b, tasks, index)))
    }

    fn columns(&self) -> Vec<String> {
        self.columns.clone()
    }

    fn column(&self, name: &str) -> Result<Option<Vec<String>>> {
        if !self.columns.iter().any(|column| column == name) {
            return Ok(None);
        }
        let read = || {
            let mut table = TableReader::open_with(&self.path, &self.options)?;
            let column = table.column(name)?;
            let mut values = Vec::with_capacity(self.lines.len());
            while let Some(row) = table.next_row()? {
                if self.lines.get(values.len()) == Some(&row.line()) {
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
