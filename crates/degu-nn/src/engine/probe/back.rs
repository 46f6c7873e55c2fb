//! The backward pass of the rescale rule, block by block.

use crate::engine::arena::{Arena, Partials};
use crate::engine::convolution::Weights;
use crate::engine::pass::{Pass, rows_mut};
use crate::engine::plan::{Block, Linear, Plan, Source};
use degu_kernels::{
    Packed, Rows, RowsMut, Shape, Start, Window, add_rows, conv_forward, epilogue_rescale,
    lookup_forward,
};
use std::mem::take;

/// Buffers of a tile of pairs.
#[derive(Debug)]
pub(super) struct PairBuffers {
    pub(super) arena: Arena,
    /// Gradients of the linear outputs: of all pairs for stacked blocks, of one pair for the
    /// others, with halo.
    dy: Vec<Vec<f32>>,
    /// Linear outputs of look-up layers for the sequence in row `own_row`.
    own: Vec<Vec<f32>>,
    pub(super) own_row: Option<usize>,
    /// A band of a look-up layer: the reference's outputs, their gradients, and these spread over
    /// the taps.
    band: [Vec<f32>; 3],
}

impl PairBuffers {
    /// Bytes of one row of a tile.
    pub(super) fn bytes_of_row(plan: &Plan) -> usize {
        let matrices = plan.roots.iter().map(super::super::plan::Root::stride);
        let outputs = plan
            .blocks
            .iter()
            .filter(|b| b.stored())
            .map(super::super::plan::Block::stride);
        let values: usize = matrices
            .chain(outputs)
            .chain(plan.slots.iter().copied())
            .sum();
        values * size_of::<f32>()
    }

    pub(super) fn new(plan: &Plan, rows: usize) -> Self {
        let dy = |b: &Block| match (b.stored(), b.stacked()) {
            (true, true) => b.stride() * rows,
            (true, false) => b.stride(),
            (false, _) => 0,
        };
        let lookup = |values: fn(&Block, &Weights) -> usize| {
            let blocks = plan.blocks.iter();
            blocks.map(move |b| match &b.linear {
                Linear::Lookup(w) => values(b, w),
                _ => 0,
            })
        };
        let widest =
            |values: fn(&Block, &Weights) -> usize| vec![0.0; lookup(values).max().unwrap_or(0)];
        Self {
            arena: Arena::for_training(plan, &Partials::none(plan), rows),
            dy: plan.blocks.iter().map(|b| vec![0.0; dy(b)]).collect(),
            own: lookup(|b, _| b.rows * b.channels)
                .map(|n| vec![0.0; n])
                .collect(),
            own_row: None,
            band: [
                widest(|b, _| b.band() * b.channels),
                widest(|b, _| b.band() * b.channels),
                widest(|b, w| b.band() * w.taps * 4),
            ],
        }
    }
}

impl Pass<'_> {
    /// From the gradients of the outputs, in the place of the output's gradient, to the multipliers
    /// of the one-hot rows.
    pub(super) fn pairs_back(
        &self,
        spread: &[Option<Packed>],
        t: &mut PairBuffers,
        pairs: &[(usize, usize)],
        multipliers: &mut [f32],
    ) {
        multipliers.fill(0.0);
        let size = self.plan.length * 4;
        let blocks = &self.plan.blocks;
        let mut end = blocks.len();
        while end > 0 {
            if blocks[end - 1].stacked() {
                end -= 1;
                for (n, pair) in pairs.iter().enumerate() {
                    self.epilogue_pair(t, end, n, *pair);
                }
                self.input_pair(t, end, 0, pairs.len());
                continue;
            }
            let start = blocks[..end]
                .iter()
                .rposition(Block::stacked)
                .map_or(0, |b| b + 1);
            for (n, pair) in pairs.iter().enumerate() {
                for b in (start..end).rev() {
                    if let Linear::Lookup(w) = &blocks[b].linear {
                        let target = &mut multipliers[n * size..(n + 1) * size];
                        self.codes_pair(spread[b].as_ref(), w, t, b, n, *pair, target);
                    } else {
                        self.epilogue_pair(t, b, n, *pair);
                        self.input_pair(t, b, n, 1);
                    }
                }
            }
            end = start;
        }
    }

    /// The skip connection around a whole block.
    fn add_pair(&self, arena: &mut Arena, b: usize, n: usize) {
        let block = &self.plan.blocks[b];
        let Some(add) = &block.add else { return };
        let slot = self.plan.roots[add.root].slot;
        let mut target = take(&mut arena.gradients[slot]);
        self.clear_rest(&mut target, add, n, block.add_accumulates);
        add_rows(
            self.isa,
            Shape {
                rows: add.rows,
                channels: add.cols,
            },
            self.output_gradient(arena, b, n, 0),
            RowsMut {
                values: &mut target[self.gradient_at(add, n)..],
                pitch: add.pitch,
                accumulate: block.add_accumulates,
            },
        );
        arena.gradients[slot] = target;
    }

    /// From the gradient of the result of pair `n` to those of the skip connections and of the
    /// linear output.
    fn epilogue_pair(&self, t: &mut PairBuffers, b: usize, n: usize, (own, other): (usize, usize)) {
        let block = &self.plan.blocks[b];
        self.add_pair(&mut t.arena, b, n);
        let slot_of = |root: usize| self.plan.roots[root].slot;
        let into = match (&block.linear, block.input) {
            (Linear::None, Source::Value(x)) => Some(x),
            _ => None,
        };
        let mut skip_buffer = block
            .skip
            .map_or_else(Vec::new, |s| take(&mut t.arena.gradients[slot_of(s.root)]));
        if let Some(skip) = &block.skip {
            self.clear_rest(&mut skip_buffer, skip, n, block.skip_accumulates);
        }
        let mut target = match into {
            Some(x) => take(&mut t.arena.gradients[slot_of(x.root)]),
            None => take(&mut t.dy[b]),
        };
        let arena = &t.arena;
        let stored = |row: usize| Rows {
            values: &arena.y[b][row * block.stride() + block.front * block.channels..],
            pitch: block.channels,
        };
        let (y, out) = match into {
            Some(x) => (
                [own, other].map(|row| self.rows(arena, &x, row, 0)),
                RowsMut {
                    values: &mut target[self.gradient_at(&x, n)..],
                    pitch: x.pitch,
                    accumulate: block.input_accumulates,
                },
            ),
            None => (
                [stored(own), stored(other)],
                RowsMut {
                    values: &mut target[block.halo(n)..],
                    pitch: block.channels,
                    accumulate: false,
                },
            ),
        };
        epilogue_rescale(
            self.isa,
            &self.epilogue(b, 0),
            Shape {
                rows: block.rows,
                channels: block.channels,
            },
            y,
            block
                .skip
                .map(|s| [own, other].map(|row| self.rows(arena, &s, row, 0))),
            self.output_gradient(arena, b, n, 0),
            block.skip.map(|s| RowsMut {
                values: &mut skip_buffer[self.gradient_at(&s, n)..],
                pitch: s.pitch,
                accumulate: block.skip_accumulates,
            }),
            out,
        );
        if let Some(s) = block.skip {
            t.arena.gradients[slot_of(s.root)] = skip_buffer;
        }
        match into {
            Some(x) => t.arena.gradients[slot_of(x.root)] = target,
            None => t.dy[b] = target,
        }
    }

    /// The gradient of the input of a convolution, for `count` pairs from `n` on.
    fn input_pair(&self, t: &mut PairBuffers, b: usize, n: usize, count: usize) {
        let block = &self.plan.blocks[b];
        let (Linear::Conv(w), Source::Value(x)) = (&block.linear, block.input) else {
            return;
        };
        let slot = self.plan.roots[x.root].slot;
        let at = self.gradient_at(&x, n);
        let target = &mut t.arena.gradients[slot];
        w.input_gradient(
            &self.weights[b].backward,
            (&t.dy[b], block.front),
            count,
            rows_mut(target, at, x.pitch, block.input_accumulates),
            &mut t.arena.work,
        );
    }

    /// The multipliers of the one-hot rows from those of a look-up layer, added to `multipliers`.
    fn codes_pair(
        &self,
        spread: Option<&Packed>,
        w: &Weights,
        t: &mut PairBuffers,
        b: usize,
        n: usize,
        (own, other): (usize, usize),
        multipliers: &mut [f32],
    ) {
        let Some(spread) = spread else { return };
        self.add_pair(&mut t.arena, b, n);
        self.look_up_own(t, own);
        let block = &self.plan.blocks[b];
        let mut skip_buffer = block.skip.map_or_else(Vec::new, |s| {
            take(&mut t.arena.gradients[self.plan.roots[s.root].slot])
        });
        if let Some(skip) = &block.skip {
            self.clear_rest(&mut skip_buffer, skip, n, block.skip_accumulates);
        }
        let [reference, gradient, parts] = &mut t.band;
        let (width, arena) = (w.taps * 4, &t.arena);
        for first in (0..block.rows).step_by(block.band()) {
            let rows = block.band().min(block.rows - first);
            self.look_up(w, self.codes_of(arena, other), first, rows, reference);
            epilogue_rescale(
                self.isa,
                &self.epilogue(b, 0),
                Shape {
                    rows,
                    channels: block.channels,
                },
                [&t.own[b][first * w.c_out..], &reference[..]].map(|values| Rows {
                    values,
                    pitch: w.c_out,
                }),
                block
                    .skip
                    .map(|s| [own, other].map(|row| self.rows(arena, &s, row, first))),
                self.output_gradient(arena, b, n, first),
                block.skip.map(|s| RowsMut {
                    values: &mut skip_buffer[self.gradient_at(&s, n) + first * s.pitch..],
                    pitch: s.pitch,
                    accumulate: block.skip_accumulates,
                }),
                RowsMut {
                    values: gradient,
                    pitch: w.c_out,
                    accumulate: false,
                },
            );
            let window = Window {
                rows,
                pitch: w.c_out,
                stride: 1,
                dilation: 1,
            };
            conv_forward(spread, gradient, window, Start::Zero, parts, width);
            for (m, taps) in parts.chunks_exact(width).take(rows).enumerate() {
                for (tap, four) in taps.chunks_exact(4).enumerate() {
                    let position = ((first + m) * w.stride + tap * w.dilation).checked_sub(w.left);
                    let Some(at) = position.filter(|p| *p < self.plan.length) else {
                        continue;
                    };
                    for (sum, v) in multipliers[at * 4..at * 4 + 4].iter_mut().zip(four) {
                        *sum += v;
                    }
                }
            }
        }
        if let Some(s) = block.skip {
            t.arena.gradients[self.plan.roots[s.root].slot] = skip_buffer;
        }
    }

    /// The linear outputs of all look-up layers for row `row`, if they are not there yet.
    fn look_up_own(&self, t: &mut PairBuffers, row: usize) {
        if t.own_row == Some(row) {
            return;
        }
        for (block, own) in self.plan.blocks.iter().zip(&mut t.own) {
            if let Linear::Lookup(w) = &block.linear {
                self.look_up(w, self.codes_of(&t.arena, row), 0, block.rows, own);
            }
        }
        t.own_row = Some(row);
    }

    /// Rows `first ..` of the linear output of a look-up layer.
    pub(super) fn look_up(
        &self,
        w: &Weights,
        codes: &[u8],
        first: usize,
        rows: usize,
        y: &mut [f32],
    ) {
        lookup_forward(
            self.isa,
            &self.parameters[w.weight.clone()],
            w.c_out,
            codes,
            w.codes(first, rows),
            w.bias.clone().map(|r| &self.parameters[r]),
            y,
            w.c_out,
        );
    }
}
