//! Example: a small convolutional network to start from.
//!
//! Use it on a few thousand short sequences, or as a baseline: it trains in seconds and sees motifs
//! and pairs of neighbours. It has no memory of positions, so it cannot learn where a motif must
//! stand; take `residualbind` for that.
//!
//! # Model
//!
//! `conv FILTERS x 11, pool 4 - conv FILTERS x 5 - global mean - dense UNITS - head`, each
//! convolution with batch normalisation and ReLU.
//!
//! # Parameters
//!
//! See [`Example`].
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
//! None yet: export outputs of a reference implementation and compare them in `tests/`.

use degu_core::{
    GraphArchitecture, PluginConfig,
    graph::{Graph, NormStyle},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Two convolutions, a mean over positions and a dense layer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Example {
    /// Filters of each convolution.
    #[schemars(range(min = 1, max = 4096))]
    pub filters: usize,
    /// Units of the dense layer.
    #[schemars(range(min = 1, max = 65536))]
    pub units: usize,
    /// Dropout probability after the dense layer.
    #[schemars(range(min = 0.0, max = 0.99))]
    pub dropout: f64,
}

impl Default for Example {
    fn default() -> Self {
        Self {
            filters: 64,
            units: 64,
            dropout: 0.2,
        }
    }
}

// Ranges stand above, where the framework checks them; relations between parameters go in here.
impl PluginConfig for Example {}

// The framework adds the head, refuses profiles, and trains the graph with its fast engine. A
// network that no graph describes implements `degu_core::Architecture` instead.
impl GraphArchitecture for Example {
    fn graph(&self) -> Graph {
        Graph::new(NormStyle::Keras)
            .conv("conv1", self.filters, 11)
            .batch_norm("norm1")
            .relu()
            .max_pool(4)
            .conv("conv2", self.filters, 5)
            .batch_norm("norm2")
            .relu()
            .global_mean()
            .dense("dense1", self.units)
            .relu()
            .dropout("dropout1", self.dropout)
    }
}

degu_core::register!(Architecture "example", Example, revision = 1,
    "two convolutions, a mean over positions and a dense layer");

degu_core::document!("lib.rs");
