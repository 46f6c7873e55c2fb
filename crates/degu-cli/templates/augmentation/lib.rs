//! Example: a window of unknown bases.
//!
//! Use it to keep a network from leaning on one motif: it must do without any window now and then.
//! It assumes that the rest of a sequence still has the label, which is wrong where a single site
//! decides.
//!
//! # Model
//!
//! With probability `p`, `width` neighbouring bases at a random place become N, whose one-hot row
//! is zero.
//!
//! # Parameters
//!
//! See [`Example`].
//!
//! # Citation
//!
//! DeVries and Taylor 2017, arXiv:1708.04552, for images.
//!
//! # Differs from the original in
//!
//! - a window of bases instead of a square of pixels.
//!
//! # Source of golden numbers
//!
//! None.

use degu_core::{Augmentation, Error, PluginConfig, Result, Seed, SequenceBatch};
use degu_genome::{Draws, N};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A window that becomes N.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Example {
    /// Probability that a sequence is changed.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub p: f64,
    /// Width of the window in bp; shorter sequences are covered whole.
    #[schemars(range(min = 1))]
    pub width: usize,
}

impl Default for Example {
    fn default() -> Self {
        Self { p: 0.5, width: 10 }
    }
}

impl PluginConfig for Example {}

impl Augmentation for Example {
    fn apply(&self, batch: &mut SequenceBatch, seeds: &[Seed]) -> Result<()> {
        if seeds.len() != batch.len() {
            return Err(Error::Shape {
                name: "seeds",
                expected: "[N]",
                got: vec![seeds.len()],
            });
        }
        for (i, seed) in seeds.iter().enumerate() {
            // All randomness comes from the stream of the sequence: batches do not matter.
            let mut draws = Draws::new(seed.bytes());
            if draws.unit() < self.p {
                let row = batch.row_mut(i);
                let width = self.width.min(row.len());
                let start = draws.below(row.len() - width + 1);
                row[start..start + width].fill(N);
            }
        }
        Ok(())
    }
}

degu_core::register!(Augmentation "example", Example, revision = 1,
    "a window of unknown bases at a random place",
    cite = "arXiv:1708.04552");

degu_core::document!("lib.rs");
