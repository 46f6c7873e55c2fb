//! What every pass over the network shares: parameters, statistics, and how a block's pieces are
//! found in an arena.

use super::arena::{Arena, Partials};
use super::filters::Filters;
use super::operators::OperatorWeights;
use super::plan::{Block, Drop, Linear, Plan, Source, Value};
use degu_kernels::{DropoutMask, Epilogue, Isa, Pool, Rows, RowsMut, Start, lookup_forward};
use std::mem::take;

/// Packed weights of a block.
#[derive(Debug, Default)]
pub(super) struct BlockWeights {
    pub(super) forward: Option<Filters>,
    /// Of the input gradient, by phases of the stride.
    pub(super) backward: Vec<Filters>,
    pub(super) operator: OperatorWeights,
}

/// Batch norm of a block as one multiply-add per value, and the terms of its gradient.
#[derive(Debug, Default)]
pub(super) struct Coefficients {
    pub(super) mean: Vec<f32>,
    pub(super) inverse_std: Vec<f32>,
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
    pub(super) constant: Vec<f32>,
    pub(super) slope: Vec<f32>,
}

/// Batch statistics and dropout, batch statistics and none, running statistics and none, or running
/// statistics and the dropout of [`Pass::masks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Train { seed: u64 },
    Statistics,
    Eval,
    Sample,
}

/// Everything a pass reads.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub(super) isa: Isa,
    pub(super) plan: &'a Plan,
    pub(super) partials: &'a Partials,
    pub(super) parameters: &'a [f32],
    pub(super) weights: &'a [BlockWeights],
    pub(super) norms: &'a [Coefficients],
    pub(super) codes: &'a [u8],
    pub(super) mode: Mode,
    /// Seeds of the dropout masks of the sequences, in [`Mode::Sample`].
    pub(super) masks: &'a [u64],
}

impl<'a> Pass<'a> {
    /// Codes of sequence `n` of the chunk that starts at `first`.
    pub(super) fn codes_of(&self, arena: &Arena, n: usize) -> &'a [u8] {
        let length = self.plan.length;
        &self.codes[(arena.first + n) * length..(arena.first + n + 1) * length]
    }

    /// What follows the linear part of block `b`, for sample `sample` of the batch.
    pub(super) fn epilogue(&self, b: usize, sample: usize) -> Epilogue<'a> {
        let block = &self.plan.blocks[b];
        let norm = &self.norms[b];
        let mask = |drop: Option<Drop>| match (self.mode, drop) {
            (Mode::Train { seed }, Some(d)) => {
                Some(DropoutMask::new(seed, d.stream, sample as u64, d.rate))
            }
            (Mode::Sample, Some(d)) => {
                Some(DropoutMask::new(self.masks[sample], d.stream, 0, d.rate))
            }
            _ => None,
        };
        Epilogue {
            affine: block
                .norm
                .is_some()
                .then_some((norm.scale.as_slice(), norm.shift.as_slice())),
            activation: block.activation,
            before: mask(block.before),
            pool: block.pool,
            after: mask(block.after),
        }
    }

    /// The linear part of block `b` for sequence `n` of the chunk, or of a stacked block for
    /// `count` sequences from `n` on.
    pub(super) fn convolve(
        &self,
        arena: &mut Arena,
        b: usize,
        n: usize,
        count: usize,
        y: &mut [f32],
    ) {
        let block = &self.plan.blocks[b];
        let (Linear::Conv(w), Source::Value(x), Some(packed)) =
            (&block.linear, block.input, &self.weights[b].forward)
        else {
            return;
        };
        let root = &self.plan.roots[x.root];
        let at = self.plan.at(&x, n, arena.step[x.root]) - w.left * root.cols;
        let window = w.window(block.rows * count, x.pitch);
        let start = match &w.bias {
            Some(bias) => Start::Bias(&self.parameters[bias.clone()]),
            None => Start::Zero,
        };
        packed.forward(
            &arena.data[x.root][at..],
            window,
            start,
            y,
            block.channels,
            &mut arena.work,
        );
    }

    /// Calls `work` with the linear output of sequence `n` of block `b` (first row, rows, values,
    /// row stride): bands of a look-up computed on the spot, the stored output, or the block's
    /// input where there is no linear part.
    pub(super) fn with_rows(
        &self,
        arena: &mut Arena,
        b: usize,
        n: usize,
        mut work: impl FnMut(&mut Arena, usize, usize, &mut [f32], usize),
    ) {
        let block = &self.plan.blocks[b];
        match (&block.linear, block.input) {
            (Linear::Lookup(w), _) => {
                let mut scratch = take(&mut arena.scratch);
                let codes = self.codes_of(arena, n);
                let table = &self.parameters[w.weight.clone()];
                let bias = w.bias.clone().map(|r| &self.parameters[r]);
                let band = block.band();
                for first in (0..block.rows).step_by(band) {
                    let rows = band.min(block.rows - first);
                    lookup_forward(
                        self.isa,
                        table,
                        w.c_out,
                        codes,
                        w.codes(first, rows),
                        bias,
                        &mut scratch,
                        w.c_out,
                    );
                    work(arena, first, rows, &mut scratch[..rows * w.c_out], w.c_out);
                }
                arena.scratch = scratch;
            }
            (Linear::Conv(_) | Linear::Operator(_), _) => {
                let mut y = arena.take_linear(b, block);
                let at = arena.linear_at(block, n) + block.front * block.channels;
                work(
                    arena,
                    0,
                    block.rows,
                    &mut y[at..at + block.rows * block.channels],
                    block.channels,
                );
                arena.put_linear(b, block, y);
            }
            (Linear::None, Source::Value(x)) => {
                let mut data = take(&mut arena.data[x.root]);
                let at = self.plan.at(&x, n, arena.step[x.root]);
                work(arena, 0, block.rows, &mut data[at..], x.pitch);
                arena.data[x.root] = data;
            }
            (Linear::None, Source::Codes) => {}
        }
    }

    /// The rows of a matrix from `row` on, for sequence `n`.
    pub(super) fn rows<'b>(
        &self,
        arena: &'b Arena,
        value: &Value,
        n: usize,
        row: usize,
    ) -> Rows<'b> {
        let at = self.plan.at(value, n, arena.step[value.root]) + row * value.pitch;
        Rows {
            values: &arena.data[value.root][at..],
            pitch: value.pitch,
        }
    }

    /// First value of the gradient of `value`, for sequence `n`.
    pub(super) fn gradient_at(&self, value: &Value, n: usize) -> usize {
        n * self.plan.slots[self.plan.roots[value.root].slot] + value.row * value.pitch + value.col
    }

    /// Zeroes the rows of sequence `n` of a matrix's gradient that `value` leaves out, where it is
    /// the first to write there.
    pub(super) fn clear_rest(
        &self,
        target: &mut [f32],
        value: &Value,
        n: usize,
        accumulates: bool,
    ) {
        let root = &self.plan.roots[value.root];
        if accumulates || value.rows >= root.rows || value.pitch != root.cols {
            return;
        }
        let at = n * self.plan.slots[root.slot];
        let (first, last) = (value.row * root.cols, (value.row + value.rows) * root.cols);
        target[at..at + first].fill(0.0);
        target[at + last..at + root.elements()].fill(0.0);
    }
}

impl Block {
    /// Rows of the result that `rows` rows give.
    pub(super) fn pooled(&self, rows: usize) -> usize {
        match self.pool {
            Pool::Max(n) | Pool::Mean(n) => rows / n,
        }
    }
}

/// A view of `values` from `at` on.
pub(super) fn rows(values: &[f32], at: usize, pitch: usize) -> Rows<'_> {
    Rows {
        values: &values[at..],
        pitch,
    }
}

/// The same, to write to.
pub(super) fn rows_mut(
    values: &mut [f32],
    at: usize,
    pitch: usize,
    accumulate: bool,
) -> RowsMut<'_> {
    RowsMut {
        values: &mut values[at..],
        pitch,
        accumulate,
    }
}

/// Where the products of an input gradient start.
pub(super) fn start(accumulate: bool) -> Start<'static> {
    if accumulate {
        Start::Accumulate
    } else {
        Start::Zero
    }
}
