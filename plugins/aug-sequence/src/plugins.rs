use degu_core::{Augmentation, Error, PluginConfig, Result, Seed, SequenceBatch};
use degu_genome::{Draws, N, mononucleotide_shuffle, reverse_complement_in_place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// No augmentation; has no parameters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Nothing {}

/// Parameters of `reverse-complement`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReverseComplement {
    /// Probability of the other strand.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub p: f64,
    /// Bp at the left end that stay (an adaptor).
    #[schemars(range(min = 0))]
    pub left: usize,
    /// Bp at the right end that stay.
    #[schemars(range(min = 0))]
    pub right: usize,
}

impl Default for ReverseComplement {
    fn default() -> Self {
        Self {
            p: 0.5,
            left: 0,
            right: 0,
        }
    }
}

/// Parameters of `mutagenesis`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mutagenesis {
    /// Share of positions that change, on average.
    #[schemars(range(min = 0.0, max = 0.75))]
    pub rate: f64,
}

impl Default for Mutagenesis {
    fn default() -> Self {
        Self { rate: 0.05 }
    }
}

/// Shuffled sequences; has no parameters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Random {}

impl PluginConfig for Nothing {}

impl PluginConfig for ReverseComplement {}

impl PluginConfig for Mutagenesis {}

impl PluginConfig for Random {}

/// Changes every row with its own stream.
fn each(
    batch: &mut SequenceBatch,
    seeds: &[Seed],
    change: impl Fn(&mut [u8], &mut Draws),
) -> Result<()> {
    if seeds.len() != batch.len() {
        return Err(Error::Shape {
            name: "seeds",
            expected: "[N]",
            got: vec![seeds.len()],
        });
    }
    if batch.noise.is_some() {
        return Err(Error::Unsupported {
            operation: "an augmentation of sequences after one that adds noise".to_owned(),
            rule: "meaning",
            help: "change the sequences first and add the noise last",
        });
    }
    for (i, seed) in seeds.iter().enumerate() {
        change(batch.row_mut(i), &mut Draws::new(seed.bytes()));
    }
    Ok(())
}

impl Augmentation for Nothing {
    fn apply(&self, _batch: &mut SequenceBatch, _seeds: &[Seed]) -> Result<()> {
        Ok(())
    }
}

impl Augmentation for ReverseComplement {
    fn apply(&self, batch: &mut SequenceBatch, seeds: &[Seed]) -> Result<()> {
        if self.left + self.right > batch.length {
            return Err(Error::Unsupported {
                operation: format!(
                    "reverse-complement with {} bp that stay",
                    self.left + self.right
                ),
                rule: "meaning for shorter sequences",
                help: "`left` and `right` are the lengths of the adaptors",
            });
        }
        each(batch, seeds, |row, draws| {
            if draws.unit() < self.p {
                let end = row.len() - self.right;
                reverse_complement_in_place(&mut row[self.left..end]);
            }
        })
    }
}

impl Augmentation for Mutagenesis {
    fn apply(&self, batch: &mut SequenceBatch, seeds: &[Seed]) -> Result<()> {
        each(batch, seeds, |row, draws| {
            let count = (self.rate / 0.75 * row.len() as f64).round_ties_even() as usize;
            let mut positions: Vec<usize> = (0..row.len()).collect();
            for i in 0..count.min(row.len()) {
                let chosen = i + draws.below(positions.len() - i);
                positions.swap(i, chosen);
                let base = draws.below(4) as u8;
                if row[positions[i]] < N {
                    row[positions[i]] = base;
                }
            }
        })
    }
}

impl Augmentation for Random {
    fn apply(&self, batch: &mut SequenceBatch, seeds: &[Seed]) -> Result<()> {
        each(batch, seeds, |row, draws| {
            let shuffled = mononucleotide_shuffle(row, draws);
            row.copy_from_slice(&shuffled);
        })
    }
}
