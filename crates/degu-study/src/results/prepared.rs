//! The artifact of `prepare`: sequences, labels, parts.

use std::{collections::BTreeMap, sync::Arc};

use degu_core::{DatasetInfo, OutputKind, Split, Truth};
use degu_train::{ExampleSet, Labels, backend::Weights, model_file};
use serde::{Deserialize, Serialize};

use crate::error::{Result, StageError};
use degu_workflow::store::{Artifact, Publication};

const CODES: &str = "codes.u8";
const TARGETS: &str = "targets.safetensors";
const ROWS: &str = "rows.json";
const INFO: &str = "info.json";

/// Sequences, labels and parts of a study.
#[derive(Debug, Clone)]
pub struct PreparedData {
    /// What the dataset says of itself.
    pub info: DatasetInfo,
    /// Whether `info` says its flanks: artifacts of older versions do not.
    pub flanked: bool,
    /// Sequences.
    pub examples: ExampleSet,
    /// Measured labels.
    pub measured: Labels,
    /// Barcodes behind each target, layout of the means; NaN where unknown.
    pub barcodes: Option<Vec<f32>>,
    /// What a simulator knows.
    pub truth: Option<Truth>,
    /// Names of the rows.
    pub ids: Vec<String>,
    /// Category of each row.
    pub category: Option<Vec<String>>,
    /// Part of each row.
    pub part: Vec<Option<Split>>,
    /// Exchange group of each row.
    pub group: Vec<u64>,
    /// Rows that models are only evaluated on, by the name of their set.
    pub sets: BTreeMap<String, Vec<usize>>,
    /// What was converted, dropped or counted.
    pub notes: Vec<String>,
    /// Leakage between parts.
    pub leakage: Vec<LeakageNote>,
}

/// Rows of one part that are in another as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeakageNote {
    /// The part that is searched.
    pub first: Split,
    /// The part that leaks.
    pub second: Split,
    /// Same sequence.
    pub exact: usize,
    /// Reverse complement.
    pub reverse_complement: usize,
    /// A quarter or more of the 16-mers in common.
    pub near_duplicate: usize,
    /// Rows of the second part.
    pub of: usize,
}

/// Columns of `rows.json`.
#[derive(Serialize, Deserialize)]
struct Rows {
    ids: Vec<String>,
    category: Option<Vec<String>>,
    part: Vec<Option<Split>>,
    group: Vec<u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    sets: BTreeMap<String, Vec<usize>>,
}

/// Contents of `info.json`.
#[derive(Serialize, Deserialize)]
struct Info {
    dataset: DatasetInfo,
    /// Whether `dataset` says its flanks: artifacts of older versions do not.
    #[serde(default)]
    flanked: bool,
    notes: Vec<String>,
    leakage: Vec<LeakageNote>,
}

impl PreparedData {
    /// Rows of a part, in the order of the source.
    pub fn rows(&self, part: Split) -> Vec<usize> {
        (0..self.part.len())
            .filter(|i| self.part[*i] == Some(part))
            .collect()
    }

    /// The rows to evaluate on: the parts in their order, then the held-out sets.
    pub fn evaluated(&self, parts: &[Split]) -> Vec<(String, Vec<usize>)> {
        let parts = parts.iter().map(|p| (p.name().to_owned(), self.rows(*p)));
        let sets = self
            .sets
            .iter()
            .map(|(name, rows)| (name.clone(), rows.clone()));
        parts
            .chain(sets)
            .filter(|(_, rows)| !rows.is_empty())
            .collect()
    }

    /// GC content of each row.
    pub fn gc(&self, row: usize) -> f64 {
        degu_genome::gc_content(self.examples.row(row)).unwrap_or(f64::NAN)
    }

    /// Number of tasks.
    pub fn tasks(&self) -> usize {
        self.info.tasks.len()
    }

    /// Writes the artifact.
    ///
    /// # Errors
    ///
    /// A store that cannot be written.
    pub fn write(&self, output: &Publication<'_>) -> Result<()> {
        output.write_bytes(CODES, &self.examples.codes)?;
        let n = self.ids.len();
        let shape = vec![n, self.measured.width];
        let mut tensors = Weights::new();
        tensors.insert("y".to_owned(), (shape.clone(), self.measured.mean.clone()));
        if let Some(std) = &self.measured.aleatoric {
            tensors.insert("replicate_std".to_owned(), (shape.clone(), std.clone()));
        }
        if let Some(weight) = &self.measured.weight {
            tensors.insert("weight".to_owned(), (vec![n], weight.clone()));
        }
        if let Some(barcodes) = &self.barcodes {
            tensors.insert("barcodes".to_owned(), (shape.clone(), barcodes.clone()));
        }
        if let Some(truth) = &self.truth {
            tensors.insert("truth_mean".to_owned(), (shape.clone(), truth.mean.clone()));
            tensors.insert(
                "truth_noise_std".to_owned(),
                (shape, truth.noise_std.clone()),
            );
        }
        output.write_bytes(TARGETS, &model_file::weights_to_bytes(&tensors)?)?;
        let rows = Rows {
            ids: self.ids.clone(),
            category: self.category.clone(),
            part: self.part.clone(),
            group: self.group.clone(),
            sets: self.sets.clone(),
        };
        output.write_json(ROWS, &rows)?;
        let info = Info {
            dataset: self.info.clone(),
            flanked: self.flanked,
            notes: self.notes.clone(),
            leakage: self.leakage.clone(),
        };
        output.write_json(INFO, &info)?;
        Ok(())
    }

    /// What parts share, of an artifact whose rows are not needed.
    pub(crate) fn leakage_of(artifact: &Artifact<'_>) -> Result<Vec<LeakageNote>> {
        let info: Info = artifact.json(INFO)?;
        Ok(info.leakage)
    }

    /// Reads the artifact.
    ///
    /// # Errors
    ///
    /// A damaged artifact.
    pub fn read(artifact: &Artifact<'_>) -> Result<Self> {
        let info: Info = artifact.json(INFO)?;
        let rows: Rows = artifact.json(ROWS)?;
        let mut tensors = model_file::weights_from_bytes(&artifact.bytes(TARGETS)?)?;
        let mut take = |name: &str| tensors.remove(name).map(|(_, values)| values);
        let y = take("y").ok_or(StageError::Artifact {
            file: TARGETS,
            problem: "expected a tensor `y`".to_owned(),
        })?;
        let tasks = info.dataset.tasks.len();
        let width = tasks * info.dataset.output.bins();
        let measured = Labels::measured(width, y, take("replicate_std"), take("weight"));
        let barcodes = take("barcodes");
        let truth = take("truth_mean")
            .zip(take("truth_noise_std"))
            .map(|(mean, noise_std)| Truth { mean, noise_std });
        let codes = Arc::new(artifact.bytes(CODES)?);
        Ok(Self {
            examples: ExampleSet::new(codes, info.dataset.length, tasks, info.dataset.output)?,
            info: info.dataset,
            flanked: info.flanked,
            measured,
            barcodes,
            truth,
            ids: rows.ids,
            category: rows.category,
            part: rows.part,
            group: rows.group,
            sets: rows.sets,
            notes: info.notes,
            leakage: info.leakage,
        })
    }

    /// Reads `prepare` from the inputs of a task.
    ///
    /// # Errors
    ///
    /// As [`PreparedData::read`].
    pub fn of(context: &degu_workflow::execute::TaskContext<'_>) -> Result<Self> {
        let artifact = context.inputs_of("prepare").next();
        Self::read(artifact.ok_or_else(|| StageError::bug("a task without prepared data"))?)
    }

    /// Scalar or profile.
    pub fn output(&self) -> OutputKind {
        self.info.output
    }
}
