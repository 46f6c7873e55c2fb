//! Shifts of sequences, for stress sets without measurements: mutagenesis and shuffles.
//!
//! Use them to ask whether spreads grow where predictions get worse, without new measurements.
//! There are no labels on changed sequences, so only the answers of models are compared; errors
//! under a real shift need data from elsewhere.
//!
//! # Model
//!
//! - `mutagenesis`, the severity being the share of positions that change on average, 0 to 0.75:
//!   round(severity / 0.75 L) different positions (half to even), each replaced by a uniform base
//!   of four;
//! - `shuffle`, the severity being the share of positions, 0 to 1: round(severity L) positions
//!   exchange their bases: composition kept, neighbours not;
//! - `dinucleotide-shuffle`, the severity being the share of positions, 0 to 1: a window of
//!   round(severity L) bp at a random place is shuffled; counts of neighbouring pairs are kept,
//!   uniform over all orderings.
//!
//! Labels of such sets are the teacher's: nothing was measured.
//!
//! # Parameters
//!
//! None; `severities` belongs to the framework.
//!
//! # Citation
//!
//! Zhou, Rizzo, Tang and Koo, DEGU, npj Artificial Intelligence 2:3 (2026),
//! doi:10.1101/2024.11.13.623485: `mutagenesis` at 0.05 is its small shift, `shuffle` at 1 its
//! large one.
//!
//! # Differs from the original in
//!
//! Every sequence has a random stream of its own, so a set is a function of the seed and the row. N
//! is not mutated.
//!
//! # Source of golden numbers
//!
//! None: the tests hold the rules above.

use degu_core::{Error, PluginConfig, Result, Seed, SequenceBatch, Shift};
use degu_genome::{Draws, N, dinucleotide_shuffle};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Random substitutions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mutagenesis {}

/// Positions that exchange their bases.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Shuffle {}

/// A window that is shuffled with its counts of neighbouring pairs kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DinucleotideShuffle {}

degu_core::register!(
    Shift "mutagenesis", Mutagenesis, revision = 1,
    "random substitutions; the severity is the share of positions that change",
    cite = "doi:10.1101/2024.11.13.623485"
);
degu_core::register!(
    Shift "shuffle", Shuffle, revision = 1,
    "shuffled positions; the severity is their share",
    cite = "doi:10.1101/2024.11.13.623485"
);
degu_core::register!(
    Shift "dinucleotide-shuffle", DinucleotideShuffle, revision = 1,
    "a shuffled window that keeps dinucleotide counts; the severity is its share of the sequence"
);

/// Changes every row with its own stream, if the severity is one of the plugin's.
fn each(
    name: &str,
    batch: &mut SequenceBatch,
    seeds: &[Seed],
    severity: f64,
    most: f64,
    change: impl Fn(&mut [u8], &mut Draws),
) -> Result<()> {
    if !(0.0..=most).contains(&severity) {
        return Err(Error::Unsupported {
            operation: format!("shift `{name}` at severity {severity}"),
            rule: "meaning",
            help: "severities are shares: from 0 to 0.75 for mutagenesis, from 0 to 1 for shuffles",
        });
    }
    if seeds.len() != batch.len() {
        return Err(Error::Shape {
            name: "seeds",
            expected: "[N]",
            got: vec![seeds.len()],
        });
    }
    for (i, seed) in seeds.iter().enumerate() {
        change(batch.row_mut(i), &mut Draws::new(seed.bytes()));
    }
    Ok(())
}

/// `count` different positions of `0..length`, in random order.
fn positions(count: usize, length: usize, draws: &mut Draws) -> Vec<usize> {
    let mut all: Vec<usize> = (0..length).collect();
    let count = count.min(length);
    for i in 0..count {
        let chosen = i + draws.below(length - i);
        all.swap(i, chosen);
    }
    all.truncate(count);
    all
}

fn share(severity: f64, length: usize) -> usize {
    (severity * length as f64).round_ties_even() as usize
}

impl PluginConfig for Mutagenesis {}
impl PluginConfig for Shuffle {}
impl PluginConfig for DinucleotideShuffle {}

impl Shift for Mutagenesis {
    fn apply(&self, batch: &mut SequenceBatch, severity: f64, seeds: &[Seed]) -> Result<()> {
        each("mutagenesis", batch, seeds, severity, 0.75, |row, draws| {
            for at in positions(share(severity / 0.75, row.len()), row.len(), draws) {
                let base = draws.below(4) as u8;
                if row[at] < N {
                    row[at] = base;
                }
            }
        })
    }
}

impl Shift for Shuffle {
    fn apply(&self, batch: &mut SequenceBatch, severity: f64, seeds: &[Seed]) -> Result<()> {
        each("shuffle", batch, seeds, severity, 1.0, |row, draws| {
            let to = positions(share(severity, row.len()), row.len(), draws);
            let mut from = to.clone();
            draws.shuffle(&mut from);
            let bases: Vec<u8> = from.iter().map(|at| row[*at]).collect();
            for (at, base) in to.into_iter().zip(bases) {
                row[at] = base;
            }
        })
    }
}

impl Shift for DinucleotideShuffle {
    fn apply(&self, batch: &mut SequenceBatch, severity: f64, seeds: &[Seed]) -> Result<()> {
        each(
            "dinucleotide-shuffle",
            batch,
            seeds,
            severity,
            1.0,
            |row, draws| {
                let width = share(severity, row.len());
                let start = draws.below(row.len() - width + 1);
                let window = &mut row[start..start + width];
                let shuffled = dinucleotide_shuffle(window, draws);
                window.copy_from_slice(&shuffled);
            },
        )
    }
}

degu_core::document!("lib.rs");
