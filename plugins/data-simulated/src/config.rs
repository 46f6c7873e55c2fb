use degu_core::{Build, Dataset, Invalid, PluginConfig, Result, check};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dataset::SimulatedData;
use crate::motif::{COMPACT_MOTIFS, REFERENCE_MOTIFS};

/// Parameters of the simulator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Simulated {
    /// Names the sequences and their noise; the same seed gives the same rows, whatever the number
    /// of rows.
    pub seed: u64,
    /// Rows of the training part.
    #[schemars(range(max = 100_000_000))]
    pub train: usize,
    /// Rows of the validation part.
    #[schemars(range(max = 100_000_000))]
    pub validation: usize,
    /// Rows of a calibration part of its own; 0 if the study takes it from validation.
    #[schemars(range(max = 100_000_000))]
    pub calibration: usize,
    /// Rows of the test part.
    #[schemars(range(max = 100_000_000))]
    pub test: usize,
    /// Length in bp.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub length: usize,
    /// Number of tasks (cell types), named `task_0`, `task_1`, ...
    #[schemars(range(min = 1, max = 64))]
    pub tasks: usize,
    /// Correlation of every further task's mean with that of `task_0`, on the reference sequences.
    #[schemars(range(min = -1.0, max = 1.0))]
    pub task_correlation: f64,
    /// Replicate measurements of each row; with 1 there is no replicate spread.
    #[schemars(range(min = 1, max = 100))]
    pub replicates: usize,
    /// Chance that one replicate of one task was not measured; a row without any has a missing
    /// target.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub missing: f64,
    /// Share of G and C in the background.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub gc: f64,
    /// Mean of the Poisson number of motif instances, of which at most 8 are written.
    #[schemars(range(min = 0.0, max = 50.0))]
    pub density: f64,
    /// Factor on the noise's standard deviation; 1 is the shift benchmark's.
    #[schemars(range(min = 0.0))]
    pub noise: f64,
    /// Standard deviation of noise that does not depend on the sequence, in units of the target.
    #[schemars(range(min = 0.0))]
    pub noise_add: f64,
    /// Motifs and weights: what the sequences hold and what the activity reads.
    pub programme: ProgrammeChoice,
    /// Consensus sequences in the letters A, C, G and T, for `programme = "random"`; empty: the
    /// twelve of `reference`.
    pub motifs: Vec<String>,
}

/// Motifs and their weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProgrammeChoice {
    /// Two activators that act together and a repressor: a few thousand rows of 120 bp teach it to
    /// a small network.
    #[default]
    Compact,
    /// Twelve motifs and three pairs with stored weights: the shift benchmark; needs about 20,000
    /// rows.
    Reference,
    /// Weights drawn from the seed, `W ~ N(0.6, 1)` and `V ~ N(1.5, 0.25)` (variances), for the
    /// motifs given.
    Random,
}

impl Simulated {
    /// Consensus sequences of the motifs in use.
    pub fn consensus(&self) -> Vec<String> {
        let names: &[&str] = match self.programme {
            ProgrammeChoice::Compact => &COMPACT_MOTIFS,
            ProgrammeChoice::Random if !self.motifs.is_empty() => return self.motifs.clone(),
            ProgrammeChoice::Reference | ProgrammeChoice::Random => &REFERENCE_MOTIFS,
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    }
}

impl Default for Simulated {
    fn default() -> Self {
        Self {
            seed: 0,
            train: 3000,
            validation: 600,
            calibration: 0,
            test: 600,
            length: 200,
            tasks: 1,
            task_correlation: 0.8,
            replicates: 3,
            missing: 0.0,
            gc: 0.5,
            density: 3.0,
            noise: 0.7,
            noise_add: 0.0,
            programme: ProgrammeChoice::Compact,
            motifs: Vec::new(),
        }
    }
}

impl PluginConfig for Simulated {
    fn check(&self) -> Result<(), Invalid> {
        if self.train + self.validation + self.calibration + self.test == 0 {
            return Err(Invalid {
                field: "train",
                message: "must be above 0 if no other part has rows".to_owned(),
            });
        }
        check::each(
            "motifs",
            &self.motifs,
            |motif| (1..=30).contains(&motif.len()) && motif.bytes().all(|b| b"ACGT".contains(&b)),
            "1 to 30 of the letters A, C, G and T",
        )?;
        let widest = self.consensus().iter().map(String::len).max().unwrap_or(1);
        check::range("length", self.length, widest..=1_000_000)?;
        if self.programme != ProgrammeChoice::Random && !self.motifs.is_empty() {
            return Err(Invalid {
                field: "motifs",
                message: "must be empty unless `programme` is `random`: the other programmes have motifs of their own"
                    .to_owned(),
            });
        }
        Ok(())
    }
}

impl Build<dyn Dataset> for Simulated {
    fn build(self) -> Result<Box<dyn Dataset>> {
        Ok(Box::new(SimulatedData::new(self)))
    }
}
