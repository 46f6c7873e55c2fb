//! The forward pass, block by block.

use super::arena::Arena;
use super::pass::{Mode, Pass};
use super::plan::{Linear, Value};
use degu_kernels::{Rows, RowsMut, Shape, add_rows, epilogue_forward};
use std::mem::take;

/// A piece of work on a chunk; consecutive pieces that work on one sequence at a time run together
/// while it is in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// The linear part of a block, stored.
    Linear(usize),
    /// Batch-norm statistics of its output.
    Moments(usize),
    /// What follows.
    Epilogue(usize),
    /// Sums of the batch norm's backward pass.
    Sums(usize),
    /// Gradients of the block's input, skip connections and, per chunk, tensors.
    Back(usize),
}

impl Op {
    /// Whether the piece is one product over all sequences of the chunk.
    pub(super) fn stacked(self, pass: &Pass<'_>) -> bool {
        match self {
            Self::Linear(b) | Self::Back(b) => pass.plan.blocks[b].stacked(),
            _ => false,
        }
    }
}

/// The pieces of the forward pass, cut where a batch norm needs the statistics of the whole batch:
/// after each list the norm of the named block is computed.
pub(super) fn phases(plan: &super::plan::Plan) -> Vec<(Vec<Op>, Option<usize>)> {
    let mut phases = vec![];
    let mut ops = vec![];
    for (b, block) in plan.blocks.iter().enumerate() {
        if block.stored() {
            ops.push(Op::Linear(b));
        }
        if block.norm.is_some() {
            ops.push(Op::Moments(b));
            phases.push((take(&mut ops), Some(b)));
        }
        ops.push(Op::Epilogue(b));
    }
    phases.push((ops, None));
    phases
}

/// Runs the pieces on one chunk.
pub(super) fn run(pass: &Pass<'_>, arena: &mut Arena, ops: &[Op]) {
    let mut rest = ops;
    while let Some(op) = rest.first() {
        if op.stacked(pass) {
            match op {
                Op::Linear(b) => pass.linear(arena, *b, 0, arena.count),
                Op::Back(b) => pass.backward_stacked(arena, *b),
                _ => {}
            }
            rest = &rest[1..];
        } else {
            let end = rest
                .iter()
                .position(|op| op.stacked(pass))
                .unwrap_or(rest.len());
            for n in 0..arena.count {
                for op in &rest[..end] {
                    match *op {
                        Op::Linear(b) => pass.linear(arena, b, n, 1),
                        Op::Moments(b) => pass.moments(arena, b, n),
                        Op::Epilogue(b) => pass.epilogue_of(arena, b, n),
                        Op::Sums(b) => pass.sums(arena, b, n),
                        Op::Back(b) => pass.backward(arena, b, n),
                    }
                }
            }
            rest = &rest[end..];
        }
    }
}

/// Predicts on one chunk: every block of `range` in turn, the linear outputs in scratch only.
pub(super) fn infer(pass: &Pass<'_>, arena: &mut Arena, range: std::ops::Range<usize>) {
    let blocks = &pass.plan.blocks[..range.end];
    let mut b = range.start;
    while b < blocks.len() {
        if blocks[b].stacked() {
            let mut scratch = take(&mut arena.scratch);
            pass.compute(arena, b, 0, arena.count, &mut scratch, false);
            for n in 0..arena.count {
                let size = blocks[b].rows * blocks[b].channels;
                pass.finish(
                    arena,
                    b,
                    n,
                    0,
                    blocks[b].rows,
                    &scratch[n * size..(n + 1) * size],
                    blocks[b].channels,
                );
                pass.add(arena, b, n);
            }
            arena.scratch = scratch;
            b += 1;
        } else {
            let end = (b..blocks.len())
                .find(|b| blocks[*b].stacked())
                .unwrap_or(blocks.len());
            for n in 0..arena.count {
                for (b, block) in blocks.iter().enumerate().take(end).skip(b) {
                    if block.stored() {
                        let mut scratch = take(&mut arena.scratch);
                        pass.compute(arena, b, n, 1, &mut scratch, false);
                        pass.finish(arena, b, n, 0, block.rows, &scratch, block.channels);
                        arena.scratch = scratch;
                        pass.add(arena, b, n);
                    } else {
                        pass.epilogue_of(arena, b, n);
                    }
                }
            }
            b = end;
        }
    }
}

impl Pass<'_> {
    /// Computes and stores the linear part.
    fn linear(&self, arena: &mut Arena, b: usize, n: usize, count: usize) {
        let block = &self.plan.blocks[b];
        let mut y = arena.take_linear(b, block);
        let at = arena.linear_at(block, n) + block.front * block.channels;
        self.compute(arena, b, n, count, &mut y[at..], true);
        self.note_signs(arena, b, n, &y[at..]);
        arena.put_linear(b, block, y);
    }

    /// The linear part of block `b`, whatever it is; `keep` for a backward pass to follow.
    fn compute(
        &self,
        arena: &mut Arena,
        b: usize,
        n: usize,
        count: usize,
        y: &mut [f32],
        keep: bool,
    ) {
        match self.plan.blocks[b].linear {
            Linear::Operator(_) => self.operator(arena, b, n, count, y, keep),
            _ => self.convolve(arena, b, n, count, y),
        }
    }

    /// Adds the rows of a sequence to the batch-norm statistics of the chunk.
    fn moments(&self, arena: &mut Arena, b: usize, n: usize) {
        if self.plan.blocks[b].counted {
            self.count_pairs(arena, b, n);
            return;
        }
        let channels = self.plan.blocks[b].channels;
        self.with_rows(arena, b, n, |arena, _, rows, y, pitch| {
            arena.moments[b].add(
                self.isa,
                Shape { rows, channels },
                Rows { values: y, pitch },
            );
        });
    }

    /// Everything after the linear part.
    fn epilogue_of(&self, arena: &mut Arena, b: usize, n: usize) {
        self.with_rows(arena, b, n, |arena, first, rows, y, pitch| {
            self.finish(arena, b, n, first, rows, y, pitch);
        });
        self.add(arena, b, n);
    }

    /// Rows `first .. first + rows` of the linear output to the block's result.
    pub(super) fn finish(
        &self,
        arena: &mut Arena,
        b: usize,
        n: usize,
        first: usize,
        rows: usize,
        y: &[f32],
        pitch: usize,
    ) {
        let block = &self.plan.blocks[b];
        let epilogue = self.epilogue(b, arena.first + n);
        let out = &block.output;
        let mut data = take(&mut arena.data[out.root]);
        let at = self.plan.at(out, n, arena.step[out.root]) + block.pooled(first) * out.pitch;
        let skip = block.skip.as_ref().map(|s| self.rows(arena, s, n, first));
        epilogue_forward(
            self.isa,
            &epilogue,
            Shape {
                rows,
                channels: block.channels,
            },
            first,
            Rows { values: y, pitch },
            skip,
            RowsMut {
                values: &mut data[at..],
                pitch: out.pitch,
                accumulate: false,
            },
        );
        arena.data[out.root] = data;
    }

    /// The skip connection around the whole block.
    fn add(&self, arena: &mut Arena, b: usize, n: usize) {
        let block = &self.plan.blocks[b];
        let Some(add) = &block.add else { return };
        let out = &block.output;
        let mut data = take(&mut arena.data[out.root]);
        let at = self.plan.at(out, n, arena.step[out.root]);
        add_rows(
            self.isa,
            Shape {
                rows: add.rows,
                channels: add.cols,
            },
            self.rows(arena, add, n, 0),
            RowsMut {
                values: &mut data[at..],
                pitch: out.pitch,
                accumulate: true,
            },
        );
        arena.data[out.root] = data;
    }

    /// Copies the network's outputs of a chunk to `out`, one row of numbers per sequence.
    pub(super) fn outputs(&self, arena: &Arena, out: &mut [f32]) {
        let value: &Value = &self.plan.output;
        let size = value.rows * value.cols;
        for (n, row) in out.chunks_exact_mut(size).take(arena.count).enumerate() {
            let at = self.plan.at(value, n, arena.step[value.root]);
            row.copy_from_slice(&arena.data[value.root][at..at + size]);
        }
    }

    /// Whether statistics of this batch are used.
    pub(super) fn trains(&self) -> bool {
        matches!(self.mode, Mode::Train { .. })
    }
}
