use degu_core::{
    Augmentation, Error, Invalid, PluginConfig, Result, Seed, SequenceBatch, augment::FineTune,
    check,
};
use degu_genome::Draws;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation::{
    add_noise, delete, insert, invert, mutate, reverse_complement_with, translocate,
};

/// Parameters of EvoAug.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvoAug {
    /// Operations to choose from, in the order in which those chosen are applied; `noise` is the
    /// last.
    #[schemars(length(min = 1, max = 7), extend("uniqueItems" = true))]
    pub operations: Vec<Operation>,
    /// Operations per sequence: exactly (`hard`) or at most.
    #[schemars(range(min = 1, max = 7))]
    pub max_augs: usize,
    /// Whether every sequence gets exactly `max_augs` operations instead of 1 to `max_augs`.
    pub hard: bool,
    /// Shortest and longest deletion in bp.
    pub deletion: [usize; 2],
    /// Shortest and longest insertion in bp.
    pub insertion: [usize; 2],
    /// Smallest and largest roll in bp.
    pub translocation: [usize; 2],
    /// Shortest and longest inversion in bp.
    pub inversion: [usize; 2],
    /// Share of positions that a mutation changes, on average.
    #[schemars(range(min = 0.0, max = 0.75))]
    pub mutation: f64,
    /// Probability that the operation `reverse-complement` acts.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub reverse_complement: f64,
    /// Standard deviation of the noise, in units of the one-hot tensor.
    #[schemars(range(min = 0.0))]
    pub noise: f64,
    /// Epochs of training on unchanged data afterwards, at most; 0 for none.
    #[schemars(range(min = 0))]
    pub fine_tune_epochs: usize,
    /// Learning rate of these epochs.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub fine_tune_learning_rate: f64,
}

/// One of the seven operations.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Removes a segment and fills the ends with random bases.
    Deletion,
    /// Inserts random bases and cuts the ends.
    Insertion,
    /// Rolls the sequence.
    Translocation,
    /// Reverse-complements a segment.
    Inversion,
    /// Replaces single bases.
    Mutation,
    /// Reverse-complements the sequence.
    ReverseComplement,
    /// Adds noise to the one-hot tensor.
    Noise,
}

impl Default for EvoAug {
    fn default() -> Self {
        Self {
            operations: vec![
                Operation::Deletion,
                Operation::Translocation,
                Operation::Mutation,
                Operation::Noise,
            ],
            max_augs: 1,
            hard: true,
            deletion: [0, 20],
            insertion: [0, 20],
            translocation: [0, 20],
            inversion: [0, 20],
            mutation: 0.05,
            reverse_complement: 0.5,
            noise: 0.2,
            fine_tune_epochs: 30,
            fine_tune_learning_rate: 1e-4,
        }
    }
}

impl PluginConfig for EvoAug {
    fn check(&self) -> Result<(), Invalid> {
        let invalid = |field, message: String| Err(Invalid { field, message });
        for (i, operation) in self.operations.iter().enumerate() {
            if *operation == Operation::Noise && i + 1 < self.operations.len() {
                return invalid(
                    "operations",
                    "must have `noise` last: it leaves the space of sequences".to_owned(),
                );
            }
        }
        check::range("max_augs", self.max_augs, 1..=self.operations.len())?;
        for (field, [least, most]) in [
            ("deletion", self.deletion),
            ("insertion", self.insertion),
            ("translocation", self.translocation),
            ("inversion", self.inversion),
        ] {
            if least > most {
                return invalid(
                    field,
                    format!("must be [least, most], found [{least}, {most}]"),
                );
            }
        }
        Ok(())
    }
}

impl EvoAug {
    /// The longest change in bp, which no sequence may be shorter than.
    fn longest(&self) -> usize {
        self.operations
            .iter()
            .map(|operation| match operation {
                Operation::Deletion => self.deletion[1],
                Operation::Insertion => self.insertion[1],
                Operation::Inversion => self.inversion[1],
                Operation::Translocation
                | Operation::Mutation
                | Operation::ReverseComplement
                | Operation::Noise => 0,
            })
            .max()
            .unwrap_or(0)
    }

    /// The operations of one sequence, in the order of the list.
    fn choose(&self, draws: &mut Draws) -> Vec<Operation> {
        let count = if self.hard {
            self.max_augs
        } else {
            1 + draws.below(self.max_augs)
        };
        let mut chosen = draws.permutation(self.operations.len());
        chosen.truncate(count);
        chosen.sort_unstable();
        chosen.into_iter().map(|i| self.operations[i]).collect()
    }
}

impl Augmentation for EvoAug {
    fn apply(&self, batch: &mut SequenceBatch, seeds: &[Seed]) -> Result<()> {
        if seeds.len() != batch.len() {
            return Err(Error::Shape {
                name: "seeds",
                expected: "[N]",
                got: vec![seeds.len()],
            });
        }
        if self.longest() > batch.length {
            return Err(Error::Unsupported {
                operation: format!("evoaug with changes of up to {} bp", self.longest()),
                rule: "meaning for shorter sequences",
                help: "lower the largest `deletion`, `insertion` or `inversion` to the length of the sequences",
            });
        }
        if batch.noise.is_some() && self.operations != [Operation::Noise] {
            return Err(Error::Unsupported {
                operation: "evoaug after an augmentation that adds noise".to_owned(),
                rule: "meaning",
                help: "apply the operations on sequences first and the noise last",
            });
        }
        let length = batch.length;
        for (i, seed) in seeds.iter().enumerate() {
            let mut draws = Draws::new(seed.bytes());
            for operation in self.choose(&mut draws) {
                let row = batch.row_mut(i);
                match operation {
                    Operation::Deletion => delete(row, self.deletion, &mut draws),
                    Operation::Insertion => insert(row, self.insertion, &mut draws),
                    Operation::Translocation => translocate(row, self.translocation, &mut draws),
                    Operation::Inversion => invert(row, self.inversion, &mut draws),
                    Operation::Mutation => mutate(row, self.mutation, &mut draws),
                    Operation::ReverseComplement => {
                        reverse_complement_with(row, self.reverse_complement, &mut draws);
                    }
                    Operation::Noise => {
                        let size = 4 * batch.codes.len();
                        let noise = batch.noise.get_or_insert_with(|| vec![0.0; size]);
                        add_noise(
                            &batch.codes[i * length..(i + 1) * length],
                            &mut noise[4 * i * length..4 * (i + 1) * length],
                            self.noise,
                            &mut draws,
                        );
                    }
                }
            }
        }
        Ok(())
    }

    fn adds_noise(&self) -> bool {
        self.operations.contains(&Operation::Noise)
    }

    fn fine_tune(&self) -> Option<FineTune> {
        (self.fine_tune_epochs > 0).then_some(FineTune {
            epochs: self.fine_tune_epochs,
            learning_rate: self.fine_tune_learning_rate,
        })
    }
}
