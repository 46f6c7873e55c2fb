//! Multi-head self-attention, one sequence at a time: queries, keys and values side by side, the
//! heads, the output's affine map.
//!
//! Training keeps the projections and the results of the heads; the weights of the heads are
//! computed again. The bias of the keys adds one number to all scores of a query, which the softmax
//! takes away: its gradient is 0 and is not computed, since an adaptive optimizer would turn its
//! rounding into steps.

use super::super::error::EngineError;
use super::super::layout::Layout;
use super::state::{AttentionBuffers, OperatorBuffers, OperatorWeights};
use degu_core::graph;
use degu_kernels::{Heads, Isa, Packed};
use std::ops::Range;

/// Sizes and tensors' places.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Attention {
    pub(in crate::engine) c_in: usize,
    pub(in crate::engine) c_out: usize,
    pub(in crate::engine) heads: usize,
    pub(in crate::engine) inner: usize,
    /// Queries, keys, values, output.
    pub(in crate::engine) maps: [Map; 4],
}

/// Places of an affine map's tensors.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Map {
    pub(in crate::engine) weight: Range<usize>,
    pub(in crate::engine) bias: Option<Range<usize>>,
}

impl Attention {
    pub(in crate::engine) fn new(
        a: &graph::Attention,
        c_in: usize,
        layout: &Layout,
    ) -> Result<Self, EngineError> {
        let map = |part: &str, bias: bool| -> Result<Map, EngineError> {
            let name = format!("{}.{part}", a.name);
            Ok(Map {
                weight: layout.range(&name, "weight")?,
                bias: if bias {
                    Some(layout.range(&name, "bias")?)
                } else {
                    None
                },
            })
        };
        Ok(Self {
            c_in,
            c_out: a.channels,
            heads: a.heads,
            inner: a.inner,
            maps: [
                map("query", a.project_bias)?,
                map("key", a.project_bias)?,
                map("value", a.project_bias)?,
                map("output", a.output_bias)?,
            ],
        })
    }

    pub(super) fn tensors(&self) -> Vec<Range<usize>> {
        let all = |m: &Map| [Some(m.weight.clone()), m.bias.clone()];
        self.maps.iter().flat_map(all).flatten().collect()
    }

    /// The same maps with their places in the list that [`Self::tensors`] became.
    pub(in crate::engine) fn places(&self, tensors: &[Range<usize>]) -> [Map; 4] {
        let mut next = tensors.iter().cloned();
        self.maps.each_ref().map(|m| Map {
            weight: next.next().unwrap_or_default(),
            bias: m.bias.as_ref().and_then(|_| next.next()),
        })
    }

    pub(in crate::engine) fn heads(&self, length: usize) -> Heads {
        Heads {
            length,
            heads: self.heads,
            width: self.inner / self.heads,
        }
    }

    /// Input and output channels of the maps.
    pub(in crate::engine) fn sizes(&self) -> [(usize, usize); 4] {
        let project = (self.c_in, self.inner);
        [project, project, project, (self.inner, self.c_out)]
    }

    pub(super) fn weights(&self, isa: Isa) -> OperatorWeights {
        let there = |(from, to)| Packed::new(isa, 1, from, to);
        let back = |(from, to)| Packed::new(isa, 1, to, from);
        OperatorWeights {
            forward: self.sizes().map(there).into(),
            backward: self.sizes().map(back).into(),
            grouped: None,
        }
    }

    pub(super) fn pack(
        &self,
        weights: &mut OperatorWeights,
        parameters: &[f32],
        [forward, backward]: [bool; 2],
    ) {
        let packed = weights.forward.iter_mut().zip(&mut weights.backward);
        for (map, (there, back)) in self.maps.iter().zip(packed) {
            let values = &parameters[map.weight.clone()];
            if forward {
                there.pack(values);
            }
            if backward {
                back.pack_reversed(values);
            }
        }
    }

    pub(super) fn training_buffers(&self, length: usize, capacity: usize) -> OperatorBuffers {
        let size = length * self.inner;
        OperatorBuffers {
            attention: AttentionBuffers {
                projected: vec![0.0; capacity * 3 * size],
                mixed: vec![0.0; capacity * size],
                d_projected: vec![0.0; 3 * size],
                d_mixed: vec![0.0; size],
                ..AttentionBuffers::default()
            },
            ..OperatorBuffers::default()
        }
    }

    /// Of one sequence.
    pub(super) fn inference_buffers(&self, length: usize) -> OperatorBuffers {
        let size = length * self.inner;
        OperatorBuffers {
            attention: AttentionBuffers {
                projected: vec![0.0; 3 * size],
                mixed: vec![0.0; size],
                ..AttentionBuffers::default()
            },
            ..OperatorBuffers::default()
        }
    }
}
