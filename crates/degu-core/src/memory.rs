//! A dataset that has been read into memory, as most are.

use crate::{Dataset, DatasetInfo, Error, Examples, Result, Row};

/// Reads a column of the source again: one value per row, in the order of the rows.
pub type ReadColumn = Box<dyn Fn(&str) -> Result<Vec<String>> + Send + Sync>;

/// Labelled sequences in memory, one byte a base; `W` is `T`, or `B T` for profiles.
pub struct InMemory {
    /// Shapes and names.
    pub info: DatasetInfo,
    /// All rows, in the order of the source.
    pub rows: Vec<Row>,
    /// Base codes, row-major `[N, L]`.
    pub codes: Vec<u8>,
    /// Targets, row-major `[N, W]`; NaN where missing.
    pub y: Vec<f32>,
    /// Standard deviation between replicates, `[N, W]`.
    pub replicate_std: Option<Vec<f32>>,
    /// Weight of each row, `[N]`.
    pub weight: Option<Vec<f32>>,
    /// Number of barcodes behind each target, `[N, T]`, NaN where they are not counted.
    pub barcodes: Option<Vec<f32>>,
    /// What was converted, dropped or counted while reading.
    pub notes: Vec<String>,
    /// Names of the source's columns; they stay on disk until one is asked for.
    pub columns: Vec<String>,
    /// How one of them is read.
    pub read_column: Option<ReadColumn>,
}

impl std::fmt::Debug for InMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InMemory")
            .field("info", &self.info)
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

impl InMemory {
    /// A dataset without rows, to be filled.
    pub fn new(info: DatasetInfo) -> Self {
        Self {
            info,
            rows: Vec::new(),
            codes: Vec::new(),
            y: Vec::new(),
            replicate_std: None,
            weight: None,
            barcodes: None,
            notes: Vec::new(),
            columns: Vec::new(),
            read_column: None,
        }
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
            return Err(Error::Data {
                path: self.info.title.clone().into(),
                at: Some(format!("row {row}")),
                problem: format!("expected a row below {}", self.rows.len()),
            });
        }
        let width = self.info.tasks.len() * self.info.output.bins();
        let values = |v: &[f32]| pick(v, width, index);
        Ok(Examples {
            codes: pick(&self.codes, self.info.length, index),
            y: values(&self.y),
            replicate_std: self.replicate_std.as_deref().map(values),
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
        match &self.read_column {
            Some(read) if self.columns.iter().any(|column| column == name) => read(name).map(Some),
            _ => Ok(None),
        }
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OutputKind;

    fn profiles() -> InMemory {
        let mut data = InMemory::new(DatasetInfo {
            title: "two rows".to_owned(),
            length: 2,
            tasks: vec!["a".to_owned(), "b".to_owned()],
            unit: String::new(),
            output: OutputKind::Profile { bins: 2 },
            flanks: Default::default(),
            replicates: 1,
        });
        for id in ["x", "y"] {
            data.rows.push(Row {
                id: id.to_owned(),
                group: 0,
                split: None,
                chromosome: None,
                category: None,
            });
        }
        data.codes = vec![0, 1, 2, 3];
        data.y = (0..8u8).map(f32::from).collect();
        data.columns = vec!["name".to_owned()];
        data.read_column = Some(Box::new(|_| Ok(vec!["x".to_owned(), "y".to_owned()])));
        data
    }

    #[test]
    fn rows_are_read_whole_in_the_order_asked_for() {
        let read = profiles().read(&[1, 0, 1]).unwrap();
        assert_eq!(read.codes, [2, 3, 0, 1, 2, 3]);
        assert_eq!(read.y, [4., 5., 6., 7., 0., 1., 2., 3., 4., 5., 6., 7.]);
        let error = profiles().read(&[2]).unwrap_err().to_string();
        assert!(error.contains("below 2"), "{error}");
    }

    #[test]
    fn columns_stay_on_disk_until_they_are_asked_for() {
        let data = profiles();
        assert_eq!(data.column("name").unwrap().unwrap(), ["x", "y"]);
        assert_eq!(data.column("other").unwrap(), None);
    }
}
