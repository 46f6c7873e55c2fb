use degu_core::{Build, Dataset, FileRef, Invalid, PluginConfig, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of a lentiMPRA library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LentiMpra {
    /// Table (TSV or CSV, `.gz` or not) or HDF5 archive; told apart by content.
    pub file: FileRef,
    /// Column of the sequences.
    pub sequence: String,
    /// Column of the names; the first column if there is none of this name.
    pub name: String,
    /// Columns of the activities, one per task. With `replicates`, the name of the one task. An
    /// archive has one task, by default `activity`.
    pub tasks: Vec<String>,
    /// Columns of the replicates of the one task; its activity is their mean.
    pub replicates: Vec<String>,
    /// Columns of barcode counts: one per replicate, or one per task without replicates.
    pub barcodes: Vec<String>,
    /// Smallest number of barcodes of a measurement; with fewer it counts as missing.
    #[schemars(range(min = 0))]
    pub min_barcodes: u32,
    /// Whether a row weighs in the loss by its number of barcodes (divided by their mean over the
    /// rows).
    pub weight_by_barcodes: bool,
    /// Column of a category (kind of element), for tables by category.
    pub category: Option<String>,
    /// Column of the chromosome, for splits by chromosome.
    pub chromosome: Option<String>,
    /// Adaptor before the element, as in `AGGACCGGATCAACT`.
    pub left_adapter: String,
    /// Adaptor after the element, as in `CATTGCGTGAACCGA`.
    pub right_adapter: String,
    /// What happens to the adaptors.
    pub adapters: Adapters,
    /// Order of the bases in the one-hot arrays of an archive.
    pub base_order: String,
    /// Unit of the activities.
    pub unit: String,
}

/// What happens to the adaptors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Adapters {
    /// They are put around the sequences, which must not have them.
    #[default]
    Add,
    /// Every sequence has them, and keeps them.
    Keep,
    /// Every sequence has them, and loses them.
    Strip,
}

impl Default for LentiMpra {
    fn default() -> Self {
        Self {
            file: FileRef::default(),
            sequence: "sequence".to_owned(),
            name: "name".to_owned(),
            tasks: Vec::new(),
            replicates: Vec::new(),
            barcodes: Vec::new(),
            min_barcodes: 0,
            weight_by_barcodes: false,
            category: None,
            chromosome: None,
            left_adapter: String::new(),
            right_adapter: String::new(),
            adapters: Adapters::Add,
            base_order: "ACGT".to_owned(),
            unit: "log2 RNA/DNA".to_owned(),
        }
    }
}

impl PluginConfig for LentiMpra {
    fn check(&self) -> Result<(), Invalid> {
        let invalid = |field, message: String| Err(Invalid { field, message });
        if !self.replicates.is_empty() {
            if self.tasks.len() > 1 {
                return invalid(
                    "tasks",
                    format!(
                        "must name one task if `replicates` are given, found {}; the `table` plugin reads replicates of several tasks",
                        self.tasks.len()
                    ),
                );
            }
            if self.replicates.len() < 2 {
                return invalid(
                    "replicates",
                    "must name at least 2 columns, found 1".to_owned(),
                );
            }
        }
        let measured = if self.replicates.is_empty() {
            self.tasks.len()
        } else {
            self.replicates.len()
        };
        if !self.barcodes.is_empty() && self.barcodes.len() != measured {
            return invalid(
                "barcodes",
                format!(
                    "must name one column for each of the {measured} measurements, found {}",
                    self.barcodes.len()
                ),
            );
        }
        if self.barcodes.is_empty() && self.min_barcodes > 0 {
            return invalid("min_barcodes", "needs the columns of `barcodes`".to_owned());
        }
        if self.barcodes.is_empty() && self.weight_by_barcodes {
            return invalid(
                "weight_by_barcodes",
                "needs the columns of `barcodes`".to_owned(),
            );
        }
        for (field, columns) in [("tasks", &self.tasks), ("replicates", &self.replicates)] {
            for (i, column) in columns.iter().enumerate() {
                if columns[..i].contains(column) {
                    return invalid(field, format!("must be distinct, found `{column}` twice"));
                }
            }
        }
        for (field, adapter) in [
            ("left_adapter", &self.left_adapter),
            ("right_adapter", &self.right_adapter),
        ] {
            if let Some(letter) = adapter.chars().find(|c| !"ACGTacgt".contains(*c)) {
                return invalid(
                    field,
                    format!("must hold the letters A, C, G and T, found `{letter}`"),
                );
            }
        }
        if self.adapters != Adapters::Add
            && self.left_adapter.is_empty()
            && self.right_adapter.is_empty()
        {
            return invalid(
                "adapters",
                "needs `left_adapter` or `right_adapter` to look for".to_owned(),
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

impl Build<dyn Dataset> for LentiMpra {
    fn build(self) -> Result<Box<dyn Dataset>> {
        let data = if crate::archive::is_hdf5(&self.file.path)? {
            crate::archive::read(&self)
        } else {
            crate::table::read(&self)
        }?;
        Ok(Box::new(data))
    }
}
