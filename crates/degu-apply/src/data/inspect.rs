//! Summary of a data set: lengths, bases, targets, duplicates, leakage.

use std::collections::BTreeMap;
use std::path::Path;

use degu_core::{Dataset, Error, OutputKind, Result, Split};
use degu_genome::{GC_BINS, NearDuplicates, SequenceSummary, duplicate_ids};
use serde::{Deserialize, Serialize};

use super::material::Material;
pub use super::material::ReplicatePair;

/// Bins of the histograms of targets.
pub const TARGET_BINS: usize = 20;
/// Rows read at a time.
const PIECE: usize = 4096;

/// Summary of a data set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// What was inspected.
    pub title: String,
    /// What the columns of a bare file were taken for, one sentence each.
    pub guesses: Vec<String>,
    /// Rows.
    pub rows: usize,
    /// How many sequences have each length, bp.
    pub lengths: BTreeMap<usize, usize>,
    /// Counts of A, C, G, T and N.
    pub bases: [u64; 5],
    /// Sequences with at least one N.
    pub with_n: usize,
    /// Sequences by GC content, bins of 0.05.
    pub gc_histogram: Vec<usize>,
    /// Mean GC content over sequences; `None` without a known base.
    pub gc_mean: Option<f64>,
    /// Its standard deviation (ddof 1); `None` below two sequences.
    pub gc_std: Option<f64>,
    /// Rows that repeat an earlier sequence on the same strand.
    pub exact_duplicates: usize,
    /// Rows that repeat an earlier sequence only as its reverse complement.
    pub reverse_complements: usize,
    /// Names that occur more than once.
    pub duplicate_ids: usize,
    /// Targets.
    pub targets: Vec<TargetInspection>,
    /// Agreement of replicate columns, where a file shows them.
    pub replicates: Vec<ReplicatePair>,
    /// Rows of each category.
    pub categories: BTreeMap<String, usize>,
    /// Rows of each part that the source assigns.
    pub splits: BTreeMap<String, usize>,
    /// Sequences of one part that are also in another.
    pub leakage: Vec<PartLeakage>,
    /// What the dataset plugin said of itself.
    pub notes: Vec<String>,
}

/// One target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetInspection {
    /// Task.
    pub name: String,
    /// Values measured.
    pub measured: usize,
    /// Values missing.
    pub missing: usize,
    /// Mean; `None` without a value.
    pub mean: Option<f64>,
    /// Standard deviation (ddof 1); `None` below two values.
    pub std: Option<f64>,
    /// Smallest and largest value.
    pub range: Option<[f64; 2]>,
    /// Values in 20 bins of equal width over the range.
    pub histogram: Vec<usize>,
    /// Rows with a standard deviation between replicates.
    pub with_replicates: usize,
    /// Mean of these standard deviations.
    pub replicate_std: Option<f64>,
    /// Correlation between two replicates that mean and spread imply, `(v - s^2/R) / (v - s^2/R +
    /// s^2)`, with the number R of replicates that the data set states; `None` without replicates.
    pub replicate_correlation: Option<f64>,
}

/// Sequences of the part `test` that are also in `train`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartLeakage {
    /// Part that is searched.
    pub train: String,
    /// Part whose sequences are looked up.
    pub test: String,
    /// Equal sequences.
    pub exact: usize,
    /// Reverse complements.
    pub reverse_complement: usize,
    /// Near-duplicates: at least a quarter of sampled 16-mers shared, either strand.
    pub near_duplicate: usize,
    /// Groups of the data set that straddle both parts.
    pub groups: usize,
}

/// Inspects a data set; reads it by pieces and keeps sequences as codes, one byte a base.
///
/// # Errors
///
/// Whatever [`Dataset::read`] says; [`Error::Unsupported`] for profiles, whose targets are no
/// single numbers.
pub fn inspect(dataset: &dyn Dataset) -> Result<Inspection> {
    let info = dataset.info();
    if info.output != OutputKind::Scalar {
        return Err(Error::Unsupported {
            operation: "inspection".to_owned(),
            rule: "table for profile targets",
            help: "inspect the file of peaks instead",
        });
    }
    let n = dataset.rows().len();
    let mut sequences = Vec::with_capacity(n);
    let mut values = vec![Vec::with_capacity(n); info.tasks.len()];
    let mut spreads: Option<Vec<Vec<f32>>> = None;
    for start in (0..n).step_by(PIECE) {
        let index: Vec<usize> = (start..n.min(start + PIECE)).collect();
        let examples = dataset.read(&index)?;
        sequences.extend(
            examples
                .codes
                .chunks_exact(info.length.max(1))
                .map(<[u8]>::to_vec),
        );
        let deal = |columns: &mut [Vec<f32>], flat: &[f32]| {
            for row in flat.chunks_exact(columns.len().max(1)) {
                for (column, value) in columns.iter_mut().zip(row) {
                    column.push(*value);
                }
            }
        };
        deal(&mut values, &examples.y);
        if let Some(std) = &examples.replicate_std {
            let columns =
                spreads.get_or_insert_with(|| vec![Vec::with_capacity(n); info.tasks.len()]);
            deal(columns, std);
        }
    }
    let mut spreads = spreads.map_or_else(
        || vec![None; info.tasks.len()],
        |all| all.into_iter().map(Some).collect(),
    );
    let targets = info
        .tasks
        .iter()
        .zip(values)
        .zip(spreads.drain(..))
        .map(|((name, values), spread)| (name.clone(), values, spread))
        .collect();
    Ok(summarize(&Material {
        title: info.title.clone(),
        guesses: Vec::new(),
        rows: dataset.rows().to_vec(),
        sequences,
        targets,
        replicates: info.replicates,
        notes: dataset.notes().to_vec(),
    }))
}

/// Inspects a bare file, whose format and columns are guessed from its content.
///
/// FASTA: sequences alone. Table: the column with the longest sequences of bases is the sequence;
/// columns of numbers with fractions are targets; columns named after replicates are compared; a
/// column of parts and a column with few different texts are taken for split and category. HDF5:
/// one-hot datasets are the sequences; datasets of numbers beside them the targets.
///
/// # Errors
///
/// [`Error::Data`] if nothing in the file looks like sequences, naming what was found; reading
/// errors with their place.
pub fn inspect_file(path: &Path) -> Result<Inspection> {
    super::guess::material(path).map(|(material, replicates)| {
        let mut inspection = summarize(&material);
        inspection.replicates = replicates;
        inspection
    })
}

pub(super) fn summarize(material: &Material) -> Inspection {
    let summary = SequenceSummary::of(&material.sequences);
    let ids: Vec<&str> = material.rows.iter().map(|row| row.id.as_str()).collect();
    let mut categories = BTreeMap::new();
    let mut splits = BTreeMap::new();
    for row in &material.rows {
        if let Some(category) = &row.category {
            *categories.entry(category.clone()).or_insert(0) += 1;
        }
        if let Some(split) = row.split {
            *splits.entry(split.name().to_owned()).or_insert(0) += 1;
        }
    }
    Inspection {
        title: material.title.clone(),
        guesses: material.guesses.clone(),
        rows: material.rows.len(),
        lengths: summary.lengths,
        bases: summary.bases,
        with_n: summary.with_n,
        gc_histogram: summary.gc_histogram[..GC_BINS].to_vec(),
        gc_mean: finite(summary.gc_mean),
        gc_std: finite(summary.gc_sd),
        exact_duplicates: summary.exact_duplicates,
        reverse_complements: summary.reverse_complements,
        duplicate_ids: duplicate_ids(&ids).len(),
        targets: material
            .targets
            .iter()
            .map(|(name, values, spread)| {
                target(name, values, spread.as_deref(), material.replicates)
            })
            .collect(),
        replicates: Vec::new(),
        categories,
        splits,
        leakage: leakage(material),
        notes: material.notes.clone(),
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Mean and standard deviation (ddof 1) of the values that are not missing.
fn moments(values: impl Iterator<Item = f64> + Clone) -> (usize, f64, f64) {
    let n = values.clone().count();
    let mean = values.clone().sum::<f64>() / n as f64;
    let squares: f64 = values.map(|v| (v - mean).powi(2)).sum();
    let std = if n > 1 {
        (squares / (n - 1) as f64).sqrt()
    } else {
        f64::NAN
    };
    (n, mean, std)
}

fn target(
    name: &str,
    values: &[f32],
    spread: Option<&[f32]>,
    replicates: usize,
) -> TargetInspection {
    let known = values
        .iter()
        .filter(|v| v.is_finite())
        .map(|v| f64::from(*v));
    let (measured, mean, std) = moments(known.clone());
    let low = known.clone().fold(f64::INFINITY, f64::min);
    let high = known.clone().fold(f64::NEG_INFINITY, f64::max);
    let mut histogram = vec![0; TARGET_BINS];
    for value in known {
        let place = (value - low) / (high - low) * TARGET_BINS as f64;
        // A range of width 0 gives NaN, which becomes bin 0.
        histogram[(place as usize).min(TARGET_BINS - 1)] += 1;
    }
    // The correlation is estimated on the rows whose spread is known.
    let both = spread.map(|spread| {
        values
            .iter()
            .zip(spread)
            .filter(|(v, s)| v.is_finite() && s.is_finite())
            .map(|(v, s)| (f64::from(*v), f64::from(*s)))
            .collect::<Vec<_>>()
    });
    let both = both.unwrap_or_default();
    let (with_replicates, replicate_std, _) = moments(both.iter().map(|(_, s)| *s));
    let (_, _, value_std) = moments(both.iter().map(|(v, _)| *v));
    let within = both.iter().map(|(_, s)| s * s).sum::<f64>() / both.len() as f64;
    let between = value_std.powi(2) - within / replicates.max(2) as f64;
    TargetInspection {
        name: name.to_owned(),
        measured,
        missing: values.len() - measured,
        mean: finite(mean),
        std: finite(std),
        range: (measured > 0).then_some([low, high]),
        histogram,
        with_replicates,
        replicate_std: finite(replicate_std),
        replicate_correlation: finite(between.max(0.0) / (between.max(0.0) + within)),
    }
}

fn leakage(material: &Material) -> Vec<PartLeakage> {
    let part = |split: Split| -> Vec<usize> {
        (0..material.rows.len())
            .filter(|i| material.rows[*i].split == Some(split))
            .collect()
    };
    let parts: Vec<(Split, Vec<usize>)> = Split::ALL
        .into_iter()
        .map(|split| (split, part(split)))
        .filter(|(_, rows)| !rows.is_empty())
        .collect();
    let mut all = Vec::new();
    for (a, (train, train_rows)) in parts.iter().enumerate() {
        for (test, test_rows) in &parts[a + 1..] {
            let pick = |rows: &[usize]| -> Vec<&[u8]> {
                rows.iter()
                    .map(|i| material.sequences[*i].as_slice())
                    .collect()
            };
            let found = NearDuplicates::default().leakage(&pick(train_rows), &pick(test_rows));
            let groups: std::collections::BTreeSet<u64> =
                train_rows.iter().map(|i| material.rows[*i].group).collect();
            let straddling: std::collections::BTreeSet<u64> = test_rows
                .iter()
                .map(|i| material.rows[*i].group)
                .filter(|group| groups.contains(group))
                .collect();
            all.push(PartLeakage {
                train: train.name().to_owned(),
                test: test.name().to_owned(),
                exact: found.exact.len(),
                reverse_complement: found.reverse_complement.len(),
                near_duplicate: found.near_duplicate.len(),
                groups: straddling.len(),
            });
        }
    }
    all
}
