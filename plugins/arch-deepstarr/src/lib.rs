//! DeepSTARR: four convolutions and two dense layers.
//!
//! Use it first: it is small, trains in minutes and is what most STARR-seq work is compared with.
//! Its dense layers see positions, so it wants sequences of one length, at least 16 bp, and has no
//! profile output. For MPRA elements of 200 bp `residualbind` is usually more accurate, at several
//! times the cost.
//!
//! # Model
//!
//! `conv 256 x 7, pool 2 - conv 60 x 3, pool 2 - conv 60 x 5, pool 2 - conv 120 x 3, pool 2 - dense
//! 256 - dense 256 - head`, each convolution and dense layer with bias, batch normalisation and
//! ReLU; dropout after the dense layers. 622,722 trained parameters at 249 bp with two outputs.
//!
//! # Parameters
//!
//! See [`DeepStarr`].
//!
//! # Citation
//!
//! de Almeida et al., Nature Genetics 54:613 (2022), doi:10.1038/s41588-022-01048-5.
//!
//! # Differs from the original in
//!
//! - one joint dense head instead of one `Dense(1)` per task (the same numbers);
//! - the loss is the mean over tasks, not their sum (the same minimum, half the gradient with two
//!   tasks).
//!
//! # Source of golden numbers
//!
//! Parameter counts from the published layer table; predictions from Keras weights through
//! `degu-lab import keras`.

use degu_core::{
    GraphArchitecture, PluginConfig,
    graph::{Activation, Graph, NormStyle},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Four convolutions and two dense layers, as published for Drosophila STARR-seq.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeepStarr {
    /// Filters of the four convolutions.
    #[schemars(inner(range(min = 1)))]
    pub filters: [usize; 4],
    /// Units of the two dense layers.
    #[schemars(inner(range(min = 1)))]
    pub units: [usize; 2],
    /// Factor on every width, rounded; at least one channel stays.
    #[schemars(range(min = 0.01, max = 16.0))]
    pub width: f64,
    /// Nonlinearity after the first convolution; `exp` makes filters easier to read.
    pub first_activation: Activation,
    /// Dropout probability after each dense layer.
    #[schemars(range(min = 0.0, max = 0.99))]
    pub dropout: f64,
    /// Initial values and batch normalisation.
    pub norm: NormStyle,
}

impl Default for DeepStarr {
    fn default() -> Self {
        Self {
            filters: [256, 60, 60, 120],
            units: [256, 256],
            width: 1.0,
            first_activation: Activation::Relu,
            dropout: 0.4,
            norm: NormStyle::Keras,
        }
    }
}

/// Widths of the four kernels in bp.
const KERNELS: [usize; 4] = [7, 3, 5, 3];

impl GraphArchitecture for DeepStarr {
    fn graph(&self) -> Graph {
        let scaled = |n: usize| ((n as f64 * self.width).round() as usize).max(1);
        let mut graph = Graph::new(self.norm);
        for (i, (filters, kernel)) in self.filters.into_iter().zip(KERNELS).enumerate() {
            let activation = if i == 0 {
                self.first_activation
            } else {
                Activation::Relu
            };
            let n = i + 1;
            graph = graph
                .conv(&format!("conv{n}"), scaled(filters), kernel)
                .batch_norm(&format!("norm{n}"))
                .activation(activation)
                .max_pool(2);
        }
        graph = graph.flatten();
        for (i, units) in self.units.into_iter().enumerate() {
            let n = i + 1;
            graph = graph
                .dense(&format!("dense{n}"), scaled(units))
                .batch_norm(&format!("norm{}", n + 4))
                .relu()
                .dropout(&format!("dropout{n}"), self.dropout);
        }
        graph
    }
}

impl PluginConfig for DeepStarr {}

degu_core::register!(Architecture "deepstarr", DeepStarr, revision = 1,
    "four convolutions and two dense layers, for enhancer activity",
    cite = "doi:10.1038/s41588-022-01048-5");

degu_core::document!("lib.rs");

#[cfg(test)]
mod tests {
    use super::*;

    /// Trained parameters with a dense head of `outputs`.
    fn count(length: usize, outputs: usize) -> usize {
        DeepStarr::default()
            .graph()
            .dense("head", outputs)
            .parameter_count(length)
            .unwrap()
    }

    #[test]
    fn parameter_counts_are_the_published_ones() {
        assert_eq!(count(249, 2), 622_722);
        assert_eq!(count(249, 4), 623_236);
        assert_eq!(count(230, 1), 591_745);
        assert_eq!(count(200, 1), 530_305);
        assert_eq!(count(170, 1), 468_865);
    }

    #[test]
    fn a_sequence_of_15_bp_is_too_short() {
        assert!(DeepStarr::default().graph().output(15).is_err());
        assert!(DeepStarr::default().graph().output(16).is_ok());
    }

    #[test]
    fn width_scales_every_layer() {
        let narrow = DeepStarr {
            width: 0.25,
            ..DeepStarr::default()
        };
        assert_eq!(narrow.graph().features(249).unwrap(), 64);
    }
}
