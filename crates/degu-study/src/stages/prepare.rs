//! Reads a dataset, splits it, measures leakage.

use std::sync::Arc;

use degu_core::{Dataset, OutputKind, Seed, Split, Truth};
use degu_genome::NearDuplicates;
use degu_train::{ExampleSet, Labels};

use super::{
    PreparedData, Result, StageError, StudyPlan, Work, options,
    prepared::LeakageNote,
    split::{SplitSpec, assign},
};
use degu_workflow::store::Store;

/// Rows that are read at once.
const CHUNK: usize = 8192;

/// Pairs of names that a message about leakage shows.
const EXAMPLES: usize = 3;

/// Reads a dataset and assigns its rows.
///
/// # Errors
///
/// A dataset that cannot be read, a split that does not fit it, a part without rows, leakage that
/// is not allowed.
pub(crate) fn prepare(
    dataset: &dyn Dataset,
    spec: &SplitSpec,
    seed: &Seed,
) -> Result<PreparedData> {
    let info = dataset.info().clone();
    let rows = dataset.rows();
    let n = rows.len();
    let mut codes = Vec::with_capacity(n * info.length);
    let (mut y, mut std, mut weight) = (Vec::new(), None::<Vec<f32>>, None::<Vec<f32>>);
    let mut truth: Option<Truth> = None;
    let mut barcodes: Option<Vec<f32>> = None;
    let index: Vec<usize> = (0..n).collect();
    for chunk in index.chunks(CHUNK) {
        let examples = dataset.read(chunk)?;
        codes.extend(examples.codes);
        y.extend(examples.y);
        if let Some(part) = examples.replicate_std {
            std.get_or_insert_default().extend(part);
        }
        if let Some(part) = examples.weight {
            weight.get_or_insert_default().extend(part);
        }
        // Counts belong to a task: a profile has none per bin.
        if let (Some(part), OutputKind::Scalar) = (dataset.barcodes(chunk)?, info.output) {
            barcodes.get_or_insert_default().extend(part);
        }
        if let Some(part) = dataset.truth(chunk)? {
            let all = truth.get_or_insert_with(|| Truth {
                mean: Vec::new(),
                noise_std: Vec::new(),
            });
            all.mean.extend(part.mean);
            all.noise_std.extend(part.noise_std);
        }
    }
    let assignment = assign(dataset, &codes, spec, seed)?;
    measured_everywhere(&info.tasks, &y, &assignment.part)?;
    let examples = ExampleSet::new(Arc::new(codes), info.length, info.tasks.len(), info.output)?;
    let measured = Labels::measured(examples.width(), y, std, weight);
    let category = rows.iter().any(|r| r.category.is_some()).then(|| {
        rows.iter()
            .map(|r| r.category.clone().unwrap_or_else(|| "none".to_owned()))
            .collect()
    });
    let mut prepared = PreparedData {
        flanked: true,
        info,
        examples,
        measured,
        barcodes,
        truth,
        ids: rows.iter().map(|r| r.id.clone()).collect(),
        category,
        part: assignment.part,
        group: assignment.group,
        sets: assignment.sets,
        notes: dataset
            .notes()
            .iter()
            .cloned()
            .chain(assignment.notes)
            .collect(),
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
    prepared.leakage = leakage(&prepared, spec)?;
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

/// Refuses prepared data in the store that leak where these studies do not allow it: what is
/// allowed changes no row, so a run that allowed more has the same.
///
/// # Errors
///
/// [`StageError::Leakage`]. Data that cannot be read are no matter of leakage: they are computed
/// again.
pub(crate) fn refuse_stored_leakage(planned: &StudyPlan, store: &Store) -> Result<()> {
    for (id, assigned) in &planned.work {
        if !matches!(assigned.work, Work::Prepare) {
            continue;
        }
        let node = planned
            .plan
            .position(id)
            .map(|at| &planned.plan.nodes()[at]);
        let Some(Ok(Some(artifact))) = node.map(|node| store.get(&node.key)) else {
            continue;
        };
        let spec = options::split_spec(&assigned.study.split)?;
        for note in PreparedData::leakage_of(&artifact).unwrap_or_default() {
            let count = note.exact + note.reverse_complement;
            if count > 0 && !spec.allows(note.first, note.second) {
                return Err(StageError::Leakage {
                    first: note.first.name(),
                    second: note.second.name(),
                    count,
                    of: note.of,
                    examples: String::new(),
                });
            }
        }
    }
    Ok(())
}

/// Counts what two parts share, and refuses what is not allowed by name.
///
/// The same sequence on either strand is refused; near-duplicates are counted and reported.
fn leakage(prepared: &PreparedData, spec: &SplitSpec) -> Result<Vec<LeakageNote>> {
    let parts = Split::ALL.map(|part| (part, prepared.rows(part)));
    let sequences =
        |rows: &[usize]| -> Vec<&[u8]> { rows.iter().map(|r| prepared.examples.row(*r)).collect() };
    let mut notes = Vec::new();
    for (k, (first, theirs)) in parts.iter().enumerate() {
        let (first, their_sequences) = (*first, sequences(theirs));
        for (second, rows) in &parts[k + 1..] {
            let second = *second;
            if theirs.is_empty() || rows.is_empty() {
                continue;
            }
            let found = NearDuplicates::default().leakage(&their_sequences, &sequences(rows));
            let refused = found.exact.len() + found.reverse_complement.len();
            if refused > 0 && !spec.allows(first, second) {
                let pairs = found.exact.iter().chain(&found.reverse_complement);
                let name = |row: usize| &prepared.ids[row];
                let examples: Vec<String> = pairs
                    .take(EXAMPLES)
                    .map(|(a, b)| format!("`{}` and `{}`", name(theirs[*a]), name(rows[*b])))
                    .collect();
                return Err(StageError::Leakage {
                    first: first.name(),
                    second: second.name(),
                    count: refused,
                    of: rows.len(),
                    examples: examples.join(", "),
                });
            }
            notes.push(LeakageNote {
                first,
                second,
                exact: found.exact.len(),
                reverse_complement: found.reverse_complement.len(),
                near_duplicate: found.near_duplicate.len(),
                of: rows.len(),
            });
        }
    }
    Ok(notes)
}
