//! ResidualBind, as in the lentiMPRA studies: a dilated residual block, two poolings, dense layers.
//!
//! Use it for MPRA and other short elements where accuracy counts: the dilated block sees pairs of
//! motifs at a distance, and the mean over positions does not care where they stand. It costs
//! several times a `deepstarr` of the same data, and its mean over positions is wrong where a site
//! only acts at a fixed place.
//!
//! # Model
//!
//! `conv 196 x 19 - residual block of 1 + D convolutions 196 x 3 with dilations 1, 1, 2, 4, ... -
//! pool 5 - conv 256 x 7, pool 5 - dense 256 at each position - mean over positions - dense 256 -
//! head`. Batch normalisation after every convolution and dense layer, SiLU outside of the residual
//! block and ReLU inside, one skip around the whole block. 1,194,189 trained parameters with one
//! output, at any length.
//!
//! # Parameters
//!
//! See [`ResidualBind`].
//!
//! # Citation
//!
//! Koo et al., PLoS Computational Biology 17:e1008925 (2021), doi:10.1371/journal.pcbi.1008925; the
//! version for lentiMPRA is that of Zhou et al., npj Artificial Intelligence 2:3 (2026).
//!
//! # Differs from the original in
//!
//! - one dense head for all outputs; the published variant with a small network per output is not
//!   here.
//!
//! # Source of golden numbers
//!
//! Parameter counts from the published layer table.

use degu_core::{
    GraphArchitecture, PluginConfig,
    graph::{Activation, Graph, NormStyle},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A dilated residual block between wide convolutions, as published for lentiMPRA.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResidualBind {
    /// Filters of the first convolution and of the residual block.
    #[schemars(range(min = 1))]
    pub filters: usize,
    /// Width of the first kernel in bp.
    #[schemars(range(min = 1))]
    pub kernel: usize,
    /// Dilated convolutions in the residual block, with dilations 1, 2, 4, ...
    #[schemars(range(min = 0, max = 12))]
    pub n_dilations: usize,
    /// Nonlinearity after the sum of the residual block.
    pub dilation_activation: Activation,
    /// Filters of the convolution after the first pooling, and units of the dense layers.
    #[schemars(range(min = 1))]
    pub units: usize,
    /// Window of both poolings in positions.
    #[schemars(range(min = 1))]
    pub pool: usize,
    /// Dropout probability after convolutions.
    #[schemars(range(min = 0.0, max = 0.99))]
    pub dropout: f64,
    /// Dropout probability inside of the residual block.
    #[schemars(range(min = 0.0, max = 0.99))]
    pub dropout_block: f64,
    /// Dropout probability after dense layers.
    #[schemars(range(min = 0.0, max = 0.99))]
    pub dropout_dense: f64,
    /// Initial values and batch normalisation.
    pub norm: NormStyle,
}

impl Default for ResidualBind {
    fn default() -> Self {
        Self {
            filters: 196,
            kernel: 19,
            n_dilations: 5,
            dilation_activation: Activation::Silu,
            units: 256,
            pool: 5,
            dropout: 0.2,
            dropout_block: 0.1,
            dropout_dense: 0.5,
            norm: NormStyle::Keras,
        }
    }
}

impl GraphArchitecture for ResidualBind {
    fn graph(&self) -> Graph {
        Graph::new(self.norm)
            .conv("conv1", self.filters, self.kernel)
            .batch_norm("norm1")
            .silu()
            .dropout("dropout1", self.dropout)
            .residual(|body| self.block(body))
            .activation(self.dilation_activation)
            .dropout("dropout2", self.dropout)
            .max_pool(self.pool)
            .conv("conv2", self.units, 7)
            .batch_norm("norm2")
            .silu()
            .dropout("dropout3", self.dropout)
            .max_pool(self.pool)
            .dense("dense1", self.units)
            .batch_norm("norm3")
            .silu()
            .dropout("dropout4", self.dropout_dense)
            .global_mean()
            .dense("dense2", self.units)
            .batch_norm("norm4")
            .silu()
            .dropout("dropout5", self.dropout_dense)
    }
}

impl ResidualBind {
    fn block(&self, body: Graph) -> Graph {
        let mut body = body
            .conv_with("block.conv0", self.filters, 3, |c| c.bias = false)
            .batch_norm("block.norm0");
        for i in 0..self.n_dilations {
            let n = i + 1;
            body = body
                .relu()
                .dropout(&format!("block.dropout{n}"), self.dropout_block)
                .conv_with(&format!("block.conv{n}"), self.filters, 3, |c| {
                    c.bias = false;
                    c.dilation = 1 << i;
                })
                .batch_norm(&format!("block.norm{n}"));
        }
        body
    }
}

impl PluginConfig for ResidualBind {}

degu_core::register!(Architecture "residualbind", ResidualBind, revision = 1,
    "dilated residual block between wide convolutions, for MPRA activity",
    cite = "doi:10.1371/journal.pcbi.1008925");

degu_core::document!("lib.rs");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_counts_are_the_published_ones() {
        for (outputs, expected) in [(1, 1_194_189), (2, 1_194_446), (3, 1_194_703)] {
            let graph = ResidualBind::default().graph().dense("head", outputs);
            assert_eq!(graph.parameter_count(230).unwrap(), expected);
            assert_eq!(graph.parameter_count(200).unwrap(), expected);
        }
    }

    #[test]
    fn dilations_double() {
        let short = ResidualBind {
            n_dilations: 3,
            ..ResidualBind::default()
        };
        assert_eq!(
            short.graph().dense("head", 1).parameter_count(230).unwrap(),
            962_909
        );
    }
}
