//! Multi-head self-attention, one sequence at a time: queries, keys and values side by side, the
//! heads, the output's affine map.
//!
//! Training keeps the projections and the results of the heads; the weights of the heads are
//! computed again. The bias of the keys adds one number to all scores of a query, which the softmax
//! takes away: its gradient is 0 and is not computed, since an adaptive optimizer would turn its
//! rounding into steps.

use super::super::arena::Arena;
use super::super::error::EngineError;
use super::super::layout::Layout;
use super::super::pass::Pass;
use super::super::plan::Value;
use super::{SpecialBuffers, SpecialWeights, rows, rows_mut, start};
use degu_core::graph;
use degu_kernels::{
    AttentionWork, Heads, Isa, Packed, Shape, Start, Window, attention_backward, attention_forward,
    column_sums, conv_forward, conv_weight_gradient,
};
use std::mem::take;
use std::ops::Range;

/// Sizes and tensors' places.
#[derive(Clone, Debug)]
pub(in super::super) struct Attention {
    c_in: usize,
    c_out: usize,
    heads: usize,
    inner: usize,
    /// Queries, keys, values, output.
    maps: [Map; 4],
}

/// Places of an affine map's tensors.
#[derive(Clone, Debug)]
struct Map {
    weight: Range<usize>,
    bias: Option<Range<usize>>,
}

/// Buffers of one arena.
#[derive(Debug, Default)]
pub(in super::super) struct AttentionBuffers {
    /// Queries, keys and values, `[sequences, L, 3 A]`.
    projected: Vec<f32>,
    /// Results of the heads, `[sequences, L, A]`.
    mixed: Vec<f32>,
    /// Gradients of both for one sequence.
    d_projected: Vec<f32>,
    d_mixed: Vec<f32>,
    work: AttentionWork<f32>,
}

impl Attention {
    pub(in super::super) fn new(
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
    fn places(&self, tensors: &[Range<usize>]) -> [Map; 4] {
        let mut next = tensors.iter().cloned();
        self.maps.each_ref().map(|m| Map {
            weight: next.next().unwrap_or_default(),
            bias: m.bias.as_ref().and_then(|_| next.next()),
        })
    }

    fn heads(&self, length: usize) -> Heads {
        Heads {
            length,
            heads: self.heads,
            width: self.inner / self.heads,
        }
    }

    /// Input and output channels of the maps.
    fn sizes(&self) -> [(usize, usize); 4] {
        let project = (self.c_in, self.inner);
        [project, project, project, (self.inner, self.c_out)]
    }

    pub(super) fn weights(&self, isa: Isa) -> SpecialWeights {
        let there = |(from, to)| Packed::new(isa, 1, from, to);
        let back = |(from, to)| Packed::new(isa, 1, to, from);
        SpecialWeights {
            forward: self.sizes().map(there).into(),
            backward: self.sizes().map(back).into(),
            diagonals: None,
        }
    }

    pub(super) fn pack(
        &self,
        weights: &mut SpecialWeights,
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

    pub(super) fn training_buffers(&self, length: usize, capacity: usize) -> SpecialBuffers {
        let size = length * self.inner;
        SpecialBuffers {
            attention: AttentionBuffers {
                projected: vec![0.0; capacity * 3 * size],
                mixed: vec![0.0; capacity * size],
                d_projected: vec![0.0; 3 * size],
                d_mixed: vec![0.0; size],
                ..AttentionBuffers::default()
            },
            ..SpecialBuffers::default()
        }
    }

    /// Of one sequence.
    pub(super) fn inference_buffers(&self, length: usize) -> SpecialBuffers {
        let size = length * self.inner;
        SpecialBuffers {
            attention: AttentionBuffers {
                projected: vec![0.0; 3 * size],
                mixed: vec![0.0; size],
                ..AttentionBuffers::default()
            },
            ..SpecialBuffers::default()
        }
    }
}

fn window(rows: usize, pitch: usize) -> Window {
    Window {
        rows,
        pitch,
        stride: 1,
        dilation: 1,
    }
}

impl Pass<'_> {
    /// Sequence `n` of the chunk, into `y` `[L, O]`.
    pub(super) fn attention(
        &self,
        arena: &mut Arena,
        b: usize,
        a: &Attention,
        x: &Value,
        n: usize,
        y: &mut [f32],
        keep: bool,
    ) {
        let (length, inner) = (x.rows, a.inner);
        let mut buffers = take(&mut arena.special[b].attention);
        let place = if keep { n * length * inner } else { 0 };
        let projected = &mut buffers.projected[3 * place..];
        let mixed = &mut buffers.mixed[place..];
        let input = &arena.data[x.root][self.plan.at(x, n, arena.step[x.root])..];
        let weights = &self.weights[b].special.forward;
        let start = |map: &Map| match &map.bias {
            Some(bias) => Start::Bias(&self.parameters[bias.clone()]),
            None => Start::Zero,
        };
        for (i, map) in a.maps[..3].iter().enumerate() {
            let z = &mut projected[i * inner..];
            let window = window(length, x.pitch);
            conv_forward(&weights[i], input, window, start(map), z, 3 * inner);
        }
        attention_forward(
            self.isa,
            a.heads(length),
            rows(projected, 0, 3 * inner),
            rows_mut(mixed, 0, inner, false),
            &mut buffers.work,
        );
        let window = window(length, inner);
        conv_forward(&weights[3], mixed, window, start(&a.maps[3]), y, a.c_out);
        arena.special[b].attention = buffers;
    }

    /// Gradients of sequence `n`: of the input and, in training, of the tensors.
    pub(super) fn attention_back(
        &self,
        arena: &mut Arena,
        b: usize,
        a: &Attention,
        x: &Value,
        n: usize,
    ) {
        let (length, inner) = (x.rows, a.inner);
        let mut buffers = take(&mut arena.special[b].attention);
        let projected = &buffers.projected[n * length * 3 * inner..];
        let weights = &self.weights[b].special.backward;
        let (dy, from) = self.linear_gradient(arena, b, n);
        conv_forward(
            &weights[3],
            &dy[from..],
            window(length, a.c_out),
            Start::Zero,
            &mut buffers.d_mixed,
            inner,
        );
        attention_backward(
            self.isa,
            a.heads(length),
            rows(projected, 0, 3 * inner),
            rows(&buffers.d_mixed, 0, inner),
            rows_mut(&mut buffers.d_projected, 0, 3 * inner, false),
            &mut buffers.work,
        );
        if self.trains() {
            self.attention_tensors(arena, b, a, x, n, &buffers);
        }
        let slot = self.plan.roots[x.root].slot;
        let at = self.gradient_at(x, n);
        for (i, packed) in weights[..3].iter().enumerate() {
            conv_forward(
                packed,
                &buffers.d_projected[i * inner..],
                window(length, 3 * inner),
                start(i > 0 || self.plan.blocks[b].input_accumulates),
                &mut arena.gradients[slot][at..],
                x.pitch,
            );
        }
        arena.special[b].attention = buffers;
    }

    /// Adds the gradients of the tensors for sequence `n`.
    fn attention_tensors(
        &self,
        arena: &mut Arena,
        b: usize,
        a: &Attention,
        x: &Value,
        n: usize,
        buffers: &AttentionBuffers,
    ) {
        let (length, inner) = (x.rows, a.inner);
        let mut partial = take(&mut arena.partial);
        let input = &arena.data[x.root][self.plan.at(x, n, arena.step[x.root])..];
        let mixed = &buffers.mixed[n * length * inner..];
        let (dy, from) = self.linear_gradient(arena, b, n);
        let project = |i: usize| {
            let dz = &buffers.d_projected[i * inner..];
            (input, x.pitch, dz, 3 * inner)
        };
        let output = (mixed, inner, &dy[from..], a.c_out);
        let products = [project(0), project(1), project(2), output];
        let mut places = a.places(&self.partials.special[b]);
        places[1].bias = None;
        for ((map, (x, x_pitch, dz, dz_pitch)), (from, to)) in
            places.iter().zip(products).zip(a.sizes())
        {
            conv_weight_gradient(
                self.isa,
                [1, from, to],
                x,
                window(length, x_pitch),
                dz,
                dz_pitch,
                &mut partial[map.weight.clone()],
            );
            if let Some(bias) = &map.bias {
                let shape = Shape {
                    rows: length,
                    channels: to,
                };
                let sums = &mut partial[bias.clone()];
                column_sums(self.isa, shape, rows(dz, 0, dz_pitch), sums);
            }
        }
        arena.partial = partial;
    }
}
