//! Layer norm, softmax, windows of any stride, crops: one sequence at a time, from its input rows.

use crate::engine::arena::Arena;
use crate::engine::operators::Operator;
use crate::engine::pass::{Pass, rows, rows_mut};
use crate::engine::plan::{Block, Value};
use degu_kernels::{
    Shape, add_rows, layer_norm_backward, layer_norm_forward, pool_backward, pool_forward,
    softmax_backward, softmax_forward,
};
use std::mem::take;

fn shape(x: &Value) -> Shape {
    Shape {
        rows: x.rows,
        channels: x.cols,
    }
}

impl Pass<'_> {
    pub(super) fn rowwise(
        &self,
        arena: &mut Arena,
        block: &Block,
        operator: &Operator,
        x: &Value,
        n: usize,
        y: &mut [f32],
    ) {
        let from = self.rows(arena, x, n, 0);
        let to = rows_mut(y, 0, block.channels, false);
        match operator {
            Operator::LayerNorm {
                gamma,
                beta,
                epsilon,
            } => {
                let (gamma, beta) = (gamma.clone(), beta.clone());
                layer_norm_forward(
                    self.isa,
                    shape(x),
                    from,
                    &self.parameters[gamma],
                    &self.parameters[beta],
                    *epsilon,
                    to,
                );
            }
            Operator::Softmax => softmax_forward(self.isa, shape(x), from, to),
            Operator::Windows { pool, stride } => {
                pool_forward(self.isa, shape(x), *pool, *stride, from, to);
            }
            Operator::Crop { left } => {
                let part = Shape {
                    rows: block.rows,
                    channels: block.channels,
                };
                let from = rows(from.values, left * x.pitch, x.pitch);
                add_rows(self.isa, part, from, to);
            }
            Operator::BiLstm(_) | Operator::Attention(_) | Operator::Groups(_) => {}
        }
    }

    pub(super) fn rowwise_back(
        &self,
        arena: &mut Arena,
        b: usize,
        operator: &Operator,
        x: &Value,
        n: usize,
    ) {
        let block = &self.plan.blocks[b];
        let slot = self.plan.roots[x.root].slot;
        let mut target = take(&mut arena.gradients[slot]);
        let mut partial = take(&mut arena.partial);
        let at = self.gradient_at(x, n);
        let from = self.rows(arena, x, n, 0);
        let (dy, offset) = self.linear_gradient(arena, b, n);
        let dy = rows(dy, offset, block.channels);
        let accumulate = block.input_accumulates;
        match operator {
            Operator::LayerNorm { gamma, epsilon, .. } => {
                let channels = block.channels;
                // Outside of training the sums are not wanted: `partial` is cleared at the start of
                // every training pass.
                let ranges = &self.partials.operator[b];
                let [sums_gamma, sums_beta] = two(&mut partial, &ranges[0], &ranges[1]);
                debug_assert_eq!(sums_gamma.len(), channels);
                layer_norm_backward(
                    self.isa,
                    shape(x),
                    from,
                    &self.parameters[gamma.clone()],
                    *epsilon,
                    dy,
                    [sums_gamma, sums_beta],
                    rows_mut(&mut target, at, x.pitch, accumulate),
                );
            }
            Operator::Softmax => {
                let dx = rows_mut(&mut target, at, x.pitch, accumulate);
                softmax_backward(self.isa, shape(x), from, dy, dx);
            }
            Operator::Windows { pool, stride } => {
                let dx = rows_mut(&mut target, at, x.pitch, accumulate);
                pool_backward(self.isa, shape(x), *pool, *stride, from, dy, dx);
            }
            Operator::Crop { left } => {
                if !accumulate {
                    for m in (0..*left).chain(left + block.rows..x.rows) {
                        target[at + m * x.pitch..at + m * x.pitch + x.cols].fill(0.0);
                    }
                }
                let part = Shape {
                    rows: block.rows,
                    channels: block.channels,
                };
                let dx = rows_mut(&mut target, at + left * x.pitch, x.pitch, accumulate);
                add_rows(self.isa, part, dy, dx);
            }
            Operator::BiLstm(_) | Operator::Attention(_) | Operator::Groups(_) => {}
        }
        arena.gradients[slot] = target;
        arena.partial = partial;
    }
}

/// Two ranges of one vector, the first before the second.
fn two<'a>(
    values: &'a mut [f32],
    first: &std::ops::Range<usize>,
    second: &std::ops::Range<usize>,
) -> [&'a mut [f32]; 2] {
    let (a, b) = values.split_at_mut(second.start);
    [&mut a[first.clone()], &mut b[..second.len()]]
}
