//! Bidirectional LSTM: the products with the input for many steps at once, the recurrent ones for
//! all sequences of the chunk at once.

use super::super::error::EngineError;
use super::super::layout::Layout;
use super::state::{OperatorBuffers, OperatorWeights};
use degu_core::graph;
use degu_kernels::{Isa, Packed};
use std::ops::Range;

/// Steps whose gates are computed in prediction before the recurrence runs through them: many
/// enough to use the weights while they are in the cache, few enough to keep the gates small.
/// Training keeps all gates, and computes them at once.
pub(in crate::engine) const STRETCH: usize = 64;

/// Sizes and tensors' places.
#[derive(Clone, Debug)]
pub(in crate::engine) struct BiLstm {
    pub(in crate::engine) c_in: usize,
    pub(in crate::engine) units: usize,
    /// Forward and backward in position.
    pub(in crate::engine) directions: [Direction; 2],
}

#[derive(Clone, Debug)]
pub(in crate::engine) struct Direction {
    pub(in crate::engine) weight: Range<usize>,
    pub(in crate::engine) recurrent: Range<usize>,
    pub(in crate::engine) bias: Range<usize>,
}

impl Direction {
    fn new(layout: &Layout, name: &str) -> Result<Self, EngineError> {
        Ok(Self {
            weight: layout.range(name, "weight")?,
            recurrent: layout.range(name, "recurrent")?,
            bias: layout.range(name, "bias")?,
        })
    }
}

impl BiLstm {
    pub(in crate::engine) fn new(
        l: &graph::BiLstm,
        c_in: usize,
        layout: &Layout,
    ) -> Result<Self, EngineError> {
        let direction = |name: &str| Direction::new(layout, &format!("{}.{name}", l.name));
        Ok(Self {
            c_in,
            units: l.units,
            directions: [direction("forward")?, direction("backward")?],
        })
    }

    pub(super) fn tensors(&self) -> Vec<Range<usize>> {
        let all = |d: &Direction| [d.weight.clone(), d.recurrent.clone(), d.bias.clone()];
        self.directions.iter().flat_map(all).collect()
    }

    /// Input and recurrent weights of both directions.
    pub(super) fn weights(&self, isa: Isa) -> OperatorWeights {
        let (c, h) = (self.c_in, self.units);
        let forward = || [Packed::new(isa, 1, c, 4 * h), Packed::new(isa, 1, h, 4 * h)];
        let backward = || [Packed::new(isa, 1, 4 * h, c), Packed::new(isa, 1, 4 * h, h)];
        OperatorWeights {
            forward: [forward(), forward()].into_iter().flatten().collect(),
            backward: [backward(), backward()].into_iter().flatten().collect(),
            grouped: None,
        }
    }

    pub(super) fn pack(
        &self,
        weights: &mut OperatorWeights,
        parameters: &[f32],
        [forward, backward]: [bool; 2],
    ) {
        let ranges = self
            .directions
            .iter()
            .flat_map(|d| [&d.weight, &d.recurrent]);
        let packed = weights.forward.iter_mut().zip(&mut weights.backward);
        for (range, (there, back)) in ranges.zip(packed) {
            let values = &parameters[range.clone()];
            if forward {
                there.pack(values);
            }
            if backward {
                back.pack_reversed(values);
            }
        }
    }

    pub(super) fn training_buffers(&self, length: usize, capacity: usize) -> OperatorBuffers {
        let states = capacity * length * 2 * self.units;
        OperatorBuffers {
            gates: vec![0.0; 4 * states],
            cells: vec![0.0; states],
            carry: vec![0.0; capacity * self.units],
            ..OperatorBuffers::default()
        }
    }

    /// Of one stretch of one direction.
    pub(super) fn inference_buffers(&self, length: usize, capacity: usize) -> OperatorBuffers {
        OperatorBuffers {
            gates: vec![0.0; capacity * STRETCH.min(length) * 4 * self.units],
            cells: vec![0.0; capacity * self.units],
            ..OperatorBuffers::default()
        }
    }
}
