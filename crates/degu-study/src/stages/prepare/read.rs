//! Rows of a dataset with their parts.

use std::sync::Arc;

use degu_config::SplitConfig;
use degu_core::{Dataset, OutputKind, Seed, Split, Truth};
use degu_train::{ExampleSet, Labels};

use super::split::assign;
use crate::{
    error::{Result, StageError},
    results::PreparedData,
};

/// Rows that are read at once.
const CHUNK: usize = 8192;

/// Columns of a dataset, row after row.
#[derive(Default)]
struct Columns {
    codes: Vec<u8>,
    y: Vec<f32>,
    std: Option<Vec<f32>>,
    weight: Option<Vec<f32>>,
    truth: Option<Truth>,
    barcodes: Option<Vec<f32>>,
}

impl Columns {
    fn read(dataset: &dyn Dataset) -> Result<Self> {
        let index: Vec<usize> = (0..dataset.rows().len()).collect();
        let mut all = Self::default();
        for chunk in index.chunks(CHUNK) {
            let examples = dataset.read(chunk)?;
            all.codes.extend(examples.codes);
            all.y.extend(examples.y);
            if let Some(part) = examples.replicate_std {
                all.std.get_or_insert_default().extend(part);
            }
            if let Some(part) = examples.weight {
                all.weight.get_or_insert_default().extend(part);
            }
            // Counts belong to a task: a profile has none per bin.
            if let (Some(part), OutputKind::Scalar) =
                (dataset.barcodes(chunk)?, dataset.info().output)
            {
                all.barcodes.get_or_insert_default().extend(part);
            }
            if let Some(part) = dataset.truth(chunk)? {
                let truth = all.truth.get_or_insert_with(|| Truth {
                    mean: Vec::new(),
                    noise_std: Vec::new(),
                });
                truth.mean.extend(part.mean);
                truth.noise_std.extend(part.noise_std);
            }
        }
        Ok(all)
    }
}

/// Reads a dataset and assigns its rows; leakage is not measured yet.
///
/// # Errors
///
/// A dataset that cannot be read, a split that does not fit it, a part without rows.
pub(super) fn prepare(
    dataset: &dyn Dataset,
    split: &SplitConfig,
    seed: &Seed,
) -> Result<PreparedData> {
    let info = dataset.info().clone();
    let rows = dataset.rows();
    let columns = Columns::read(dataset)?;
    let assignment = assign(dataset, &columns.codes, split, seed)?;
    measured_everywhere(&info.tasks, &columns.y, &assignment.part)?;
    let codes = Arc::new(columns.codes);
    let examples = ExampleSet::new(codes, info.length, info.tasks.len(), info.output)?;
    let width = examples.width();
    let category = rows.iter().any(|r| r.category.is_some()).then(|| {
        rows.iter()
            .map(|r| r.category.clone().unwrap_or_else(|| "none".to_owned()))
            .collect()
    });
    let notes = dataset.notes().iter().cloned();
    let prepared = PreparedData {
        flanked: true,
        info,
        examples,
        measured: Labels::measured(width, columns.y, columns.std, columns.weight),
        barcodes: columns.barcodes,
        truth: columns.truth,
        ids: rows.iter().map(|r| r.id.clone()).collect(),
        category,
        part: assignment.part,
        group: assignment.group,
        sets: assignment.sets,
        notes: notes.chain(assignment.notes).collect(),
        leakage: Vec::new(),
    };
    for part in [Split::Train, Split::Validation, Split::Test] {
        if prepared.rows(part).is_empty() {
            return Err(StageError::Study {
                what: format!("the {} part has no rows", part.name()),
                help: "see `[split]`, and `degu-lab data inspect` for what the file holds",
            });
        }
    }
    Ok(prepared)
}

/// Refuses a task that no row of a part measured: it could not be learned, watched or judged.
fn measured_everywhere(tasks: &[String], y: &[f32], part: &[Option<Split>]) -> Result<()> {
    let width = y.len() / part.len().max(1);
    for split in [Split::Train, Split::Validation, Split::Test] {
        let mut rows = (0..part.len())
            .filter(|row| part[*row] == Some(split))
            .peekable();
        if rows.peek().is_none() {
            continue;
        }
        let mut seen = vec![false; tasks.len()];
        for row in rows {
            // `[N, T]`, or `[N, B, T]`: the task runs fastest.
            for (k, value) in y[row * width..][..width].iter().enumerate() {
                seen[k % tasks.len()] |= value.is_finite();
            }
        }
        if let Some(task) = seen.iter().position(|seen| !seen) {
            return Err(StageError::Study {
                what: format!(
                    "no {} row has a measurement of `{}`",
                    split.name(),
                    tasks[task]
                ),
                help: "leave the task out, or see `[split]` and `degu-lab data inspect` for what the file holds",
            });
        }
    }
    Ok(())
}
