use degu_core::{Build, Dataset, Error, FileRef, Invalid, PluginConfig, Result, Split};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of DeepSTARR data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeepStarr {
    /// Tables of activities, in order, or one HDF5 file.
    pub files: Vec<FileRef>,
    /// FASTA files with the sequences of the tables in the same order of rows; none if the tables
    /// have the column `Sequence`.
    pub sequences: Vec<FileRef>,
    /// The part of each table, if the tables have no column `set`, or a wrong one.
    pub splits: Vec<Split>,
    /// Columns of the activities.
    pub columns: Vec<String>,
    /// Names of the tasks, one for each column.
    pub tasks: Vec<String>,
    /// Order of the bases in one-hot arrays.
    pub base_order: String,
}

impl Default for DeepStarr {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            sequences: Vec::new(),
            splits: Vec::new(),
            columns: vec![
                "Dev_log2_enrichment".to_owned(),
                "Hk_log2_enrichment".to_owned(),
            ],
            tasks: vec!["Dev".to_owned(), "Hk".to_owned()],
            base_order: "ACGT".to_owned(),
        }
    }
}

impl PluginConfig for DeepStarr {
    fn check(&self) -> Result<(), Invalid> {
        let invalid = |field, message: String| Err(Invalid { field, message });
        for (field, given) in [
            ("sequences", self.sequences.len()),
            ("splits", self.splits.len()),
        ] {
            if given > 0 && given != self.files.len() {
                return invalid(
                    field,
                    format!(
                        "must have one entry for each of the {} `files`, found {given}",
                        self.files.len()
                    ),
                );
            }
        }
        if self.tasks.is_empty() || self.tasks.len() != self.columns.len() {
            return invalid(
                "tasks",
                format!(
                    "must name each of the {} `columns`, found {}",
                    self.columns.len(),
                    self.tasks.len()
                ),
            );
        }
        if degu_genome::BaseOrder::parse(&self.base_order).is_err() {
            return invalid(
                "base_order",
                format!(
                    "must be an order of A, C, G and T, found `{}`",
                    self.base_order
                ),
            );
        }
        Ok(())
    }
}

impl Build<dyn Dataset> for DeepStarr {
    fn build(self) -> Result<Box<dyn Dataset>> {
        let Some(first) = self.files.first() else {
            return Err(Error::Missing {
                what: "`files`",
                by: "the dataset `deepstarr`",
                help: "name the tables, as in files = [{ path = \"Sequences_activity_Train.txt\" }, ..], or one HDF5 file",
            });
        };
        let data = if crate::hdf5::is_hdf5(&first.path)? {
            crate::hdf5::read(&self)
        } else {
            crate::table::read(&self)
        }?;
        Ok(Box::new(data))
    }
}
