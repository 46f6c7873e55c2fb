//! The first layer's batch norm from counts of base pairs.
//!
//! The output `y` of a look-up layer is linear in indicators of the bases under its taps, so that
//! the mean and variance of `y` follow from how often each pair of bases stands under each pair of
//! taps, exactly and without a pass over `y`. Backward, `dy = s g + A + B (y - mean)` for every
//! row: the table's gradient is that of `g`, plus counts times `A`, plus `B` times sums of `y` that
//! follow from the same pairs; and `sum g (y - mean)` follows from the table's gradient. Each
//! direction passes over `y` once where it passed twice.

use super::arena::Arena;
use super::norm::Batch;
use super::pass::{Coefficients, Pass};
use super::plan::{Block, Linear, Plan};
use degu_kernels::{Rows, RowsMut, Shape, column_sums, epilogue_backward, lookup_weight_gradient};
use std::mem::take;

/// Taps up to which counting is cheaper than the passes it saves.
const TAPS: usize = 24;

/// Decides for every block.
pub(super) fn decide(plan: &mut Plan) {
    for block in &mut plan.blocks {
        let few = matches!(&block.linear, Linear::Lookup(w) if w.taps <= TAPS);
        block.counted = few && block.norm.is_some() && block.skip.is_none() && block.add.is_none();
    }
}

impl Pass<'_> {
    /// Counts the pairs of sequence `n`.
    pub(super) fn count_pairs(&self, arena: &mut Arena, b: usize, n: usize) {
        let block = &self.plan.blocks[b];
        if let Some(w) = block.table() {
            let codes = self.codes_of(arena, n);
            arena.counts[b].add(codes, w.codes(0, block.rows));
        }
    }

    /// Adds the table's gradient of `g`, the gradient at the batch norm's output, and the sum of
    /// `g`.
    pub(super) fn first_back(&self, arena: &mut Arena, b: usize, n: usize) {
        let block = &self.plan.blocks[b];
        let (Some(w), Some(weight)) = (block.table(), &self.partials.weight[b]) else {
            return;
        };
        let epilogue = self.epilogue(b, arena.first + n);
        let codes = self.codes_of(arena, n);
        self.with_rows(arena, b, n, |arena, first, rows, y, pitch| {
            let shape = Shape {
                rows,
                channels: block.channels,
            };
            let mut g = take(&mut arena.band);
            // What a skip connection would get is the gradient at the batch norm's output.
            epilogue_backward(
                self.isa,
                &epilogue,
                shape,
                first,
                RowsMut {
                    values: y,
                    pitch,
                    accumulate: false,
                },
                None,
                self.output_gradient(arena, b, n, first),
                None,
                Some(RowsMut {
                    values: &mut g,
                    pitch: block.channels,
                    accumulate: false,
                }),
                None,
            );
            let rows_of_g = Rows {
                values: &g,
                pitch: block.channels,
            };
            column_sums(self.isa, shape, rows_of_g, &mut arena.sums[b][0]);
            lookup_weight_gradient(
                self.isa,
                &mut arena.partial[weight.clone()],
                w.c_out,
                codes,
                w.codes(first, rows),
                &g,
                block.channels,
            );
            arena.band = g;
        });
    }
}

/// Gradients of table, gamma and beta from the table's gradient of `g`, which `gradients` holds,
/// and the sums of `g`.
pub(super) fn finish(
    block: &Block,
    b: usize,
    arenas: &[Arena],
    parameters: &[f32],
    norm: &Coefficients,
    batch: &Batch,
    gradients: &mut [f32],
) {
    let (Some(w), Some(tensors)) = (block.table(), &block.norm) else {
        return;
    };
    let (n, rows) = (batch.count(), 4 * w.taps);
    let weights = &parameters[w.weight.clone()];
    for o in 0..w.c_out {
        let bias = w
            .bias
            .clone()
            .map_or(0.0, |r| f64::from(parameters[r.start + o]));
        let offset = bias - batch.mean[o];
        let sum_g: f64 = arenas.iter().map(|a| f64::from(a.sums[b][0][o])).sum();
        let of = |r: usize| w.weight.start + r * w.c_out + o;
        let along: f64 = (0..rows)
            .map(|r| f64::from(weights[r * w.c_out + o]) * f64::from(gradients[of(r)]))
            .sum();
        let sum_gy = along + offset * sum_g;
        let (inverse, scale) = (f64::from(norm.inverse_std[o]), f64::from(norm.scale[o]));
        let constant = -scale * sum_g / n;
        let slope = -scale * sum_gy * inverse * inverse / n;
        for r in 0..rows {
            let count = batch.counts.single(r);
            let sum_y = batch.product[r * w.c_out + o] + offset * count;
            let g = &mut gradients[of(r)];
            *g = (scale * f64::from(*g) + constant * count + slope * sum_y) as f32;
        }
        gradients[tensors.beta.start + o] = sum_g as f32;
        gradients[tensors.gamma.start + o] = (sum_gy * inverse) as f32;
    }
}
