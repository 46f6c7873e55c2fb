use std::collections::BTreeMap;

use degu_core::{Build, Dataset, FileRef, Invalid, PluginConfig, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Table {
    /// Table with a header (TSV, CSV or with semicolons; `.gz` or not).
    pub file: FileRef,
    /// FASTA file with the sequences, named as in the column `id`; without it they stand in the
    /// column `sequence`.
    pub fasta: Option<FileRef>,
    /// Column of the sequences.
    pub sequence: String,
    /// Column of the names; the first column if left out.
    pub id: Option<String>,
    /// Names of the tasks: columns, unless `replicates` says otherwise.
    pub tasks: Vec<String>,
    /// Replicate columns of a task, as in `{ tobacco = ["tobacco_rep1", "tobacco_rep2"] }`.
    pub replicates: BTreeMap<String, Vec<String>>,
    /// Columns of barcode counts of a task, one for each of its measurements.
    pub barcodes: BTreeMap<String, Vec<String>>,
    /// Smallest number of barcodes of a measurement; with fewer it counts as missing.
    #[schemars(range(min = 0))]
    pub min_barcodes: u32,
    /// Column of the weight of a row in the loss.
    pub weight: Option<String>,
    /// Column of the chromosome, for splits by chromosome.
    pub chromosome: Option<String>,
    /// Column of a category, for tables by category.
    pub category: Option<String>,
    /// Column of groups that never straddle two parts; without it, equal sequences on either
    /// strand.
    pub group: Option<String>,
    /// Column of the part that the source assigns: train, validation (val, valid, dev),
    /// calibration, test; a blank cell leaves it open.
    pub split: Option<String>,
    /// Length of the sequences in bp; the one they have if left out.
    #[schemars(range(min = 1))]
    pub length: Option<usize>,
    /// What happens to sequences of another length.
    pub fit: Fit,
    /// Lines before the header.
    #[schemars(range(min = 0))]
    pub skip_lines: u64,
    /// Unit of the targets.
    pub unit: String,
}

/// What happens to sequences of another length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// They are an error.
    #[default]
    Refuse,
    /// Shorter ones get N on both sides; longer ones are an error.
    Pad,
    /// Longer ones lose both ends; shorter ones are an error.
    Crop,
    /// Shorter ones are padded, longer ones cropped.
    Both,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            file: FileRef::default(),
            fasta: None,
            sequence: "sequence".to_owned(),
            id: None,
            tasks: Vec::new(),
            replicates: BTreeMap::new(),
            barcodes: BTreeMap::new(),
            min_barcodes: 0,
            weight: None,
            chromosome: None,
            category: None,
            group: None,
            split: None,
            length: None,
            fit: Fit::Refuse,
            skip_lines: 0,
            unit: "log2 activity".to_owned(),
        }
    }
}

impl Table {
    /// Columns of the measurements of a task.
    pub(crate) fn measurements(&self, task: &str) -> Vec<String> {
        self.replicates
            .get(task)
            .cloned()
            .unwrap_or_else(|| vec![task.to_owned()])
    }
}

impl PluginConfig for Table {
    fn check(&self) -> Result<(), Invalid> {
        let invalid = |field, message: String| Err(Invalid { field, message });
        if self.tasks.is_empty() {
            return invalid("tasks", "must name at least one column".to_owned());
        }
        for (i, task) in self.tasks.iter().enumerate() {
            if self.tasks[..i].contains(task) {
                return invalid("tasks", format!("must be distinct, found `{task}` twice"));
            }
        }
        for (field, map) in [
            ("replicates", &self.replicates),
            ("barcodes", &self.barcodes),
        ] {
            if let Some(task) = map.keys().find(|task| !self.tasks.contains(task)) {
                return invalid(
                    field,
                    format!("names `{task}`, which is none of the `tasks`"),
                );
            }
        }
        for (task, columns) in &self.replicates {
            if columns.len() < 2 {
                return invalid(
                    "replicates",
                    format!(
                        "must name at least 2 columns for `{task}`, found {}",
                        columns.len()
                    ),
                );
            }
        }
        for (task, columns) in &self.barcodes {
            let measured = self.measurements(task).len();
            if columns.len() != measured {
                return invalid(
                    "barcodes",
                    format!(
                        "must name one column for each of the {measured} measurements of `{task}`, found {}",
                        columns.len()
                    ),
                );
            }
        }
        if self.min_barcodes > 0 && self.barcodes.is_empty() {
            return invalid("min_barcodes", "needs the columns of `barcodes`".to_owned());
        }
        if self.length == Some(0) {
            return invalid("length", "must be at least 1, found 0".to_owned());
        }
        Ok(())
    }
}

impl Build<dyn Dataset> for Table {
    fn build(self) -> Result<Box<dyn Dataset>> {
        Ok(Box::new(crate::read::read(&self)?))
    }
}
