//! Example: bases that could not be read.
//!
//! Use it to ask how predictions, spreads and intervals fare on reads of poor quality. It hides
//! bases and changes none, so it is no model of mutations; take `mutagenesis` for that.
//!
//! # Model
//!
//! Each base becomes N with the probability `severity`.
//!
//! # Parameters
//!
//! None.
//!
//! # Citation
//!
//! None yet.
//!
//! # Differs from the original in
//!
//! Nothing: there is no original.
//!
//! # Source of golden numbers
//!
//! None.

use degu_core::{Error, PluginConfig, Result, Seed, SequenceBatch, Shift};
use degu_genome::{Draws, N};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bases that become N; has no parameters.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Example {}

impl PluginConfig for Example {}

impl Shift for Example {
    fn apply(&self, batch: &mut SequenceBatch, severity: f64, seeds: &[Seed]) -> Result<()> {
        if !(0.0..=1.0).contains(&severity) {
            return Err(Error::Unsupported {
                operation: format!("shift `example` at severity {severity}"),
                rule: "meaning",
                help: "a severity is the share of unknown bases, from 0 to 1",
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
            let mut draws = Draws::new(seed.bytes());
            for base in batch.row_mut(i) {
                if draws.unit() < severity {
                    *base = N;
                }
            }
        }
        Ok(())
    }
}

degu_core::register!(Shift "example", Example, revision = 1,
    "bases that could not be read; the severity is their share");

degu_core::document!("lib.rs");
