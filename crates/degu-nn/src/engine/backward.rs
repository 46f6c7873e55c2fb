//! The backward pass, block by block.

use super::arena::Arena;
use super::forward::Op;
use super::pass::{Pass, rows_mut};
use super::plan::{Keep, Linear, Plan, Source};
use degu_kernels::{
    NormGradient, Rows, RowsMut, Shape, Window, add_rows, column_sums, conv_weight_gradient,
    epilogue_backward, epilogue_sums, lookup_weight_gradient, winograd_fold,
};
use std::mem::take;

/// The pieces of the backward pass, cut where a batch norm needs its sums over the whole batch.
pub(super) fn phases(plan: &Plan, train: bool) -> Vec<(Vec<Op>, Option<usize>)> {
    let mut phases = vec![];
    let mut ops = vec![];
    for (b, block) in plan.blocks.iter().enumerate().rev() {
        if block.norm.is_some() && train && !block.counted {
            ops.push(Op::Sums(b));
            phases.push((take(&mut ops), Some(b)));
        }
        ops.push(Op::Back(b));
    }
    phases.push((ops, None));
    phases
}

impl Pass<'_> {
    /// Adds a sequence's sums of `g` and `g (y - mean)` to those of the chunk.
    pub(super) fn sums(&self, arena: &mut Arena, b: usize, n: usize) {
        let block = &self.plan.blocks[b];
        let epilogue = self.epilogue(b, arena.first + n);
        self.with_rows(arena, b, n, |arena, first, rows, y, pitch| {
            let [mut sum_g, mut sum_gy] = take(&mut arena.sums[b]);
            epilogue_sums(
                self.isa,
                &epilogue,
                Shape {
                    rows,
                    channels: block.channels,
                },
                first,
                Rows { values: y, pitch },
                block.skip.as_ref().map(|s| self.rows(arena, s, n, first)),
                self.output_gradient(arena, b, n, first),
                &self.norms[b].mean,
                [&mut sum_g, &mut sum_gy],
            );
            arena.sums[b] = [sum_g, sum_gy];
        });
    }

    /// The gradient of a block's result from the row on that linear row `first` is pooled into.
    pub(super) fn output_gradient<'b>(
        &self,
        arena: &'b Arena,
        b: usize,
        n: usize,
        first: usize,
    ) -> Rows<'b> {
        let block = &self.plan.blocks[b];
        let slot = self.plan.roots[block.output.root].slot;
        let at = self.gradient_at(&block.output, n) + block.pooled(first) * block.output.pitch;
        Rows {
            values: &arena.gradients[slot][at..],
            pitch: block.output.pitch,
        }
    }

    /// All gradients of a block for one sequence.
    pub(super) fn backward(&self, arena: &mut Arena, b: usize, n: usize) {
        if self.plan.blocks[b].counted && self.trains() {
            self.first_back(arena, b, n);
            return;
        }
        self.restore_line(arena, b, n);
        self.epilogue_back(arena, b, n);
        match &self.plan.blocks[b].linear {
            Linear::Operator(_) => self.operator_back(arena, b, n, 1),
            Linear::Conv(_) => {
                self.weight_back(arena, b, n);
                self.input_back(arena, b, n, 1);
            }
            Linear::Lookup(_) if !self.trains() => self.codes_back(arena, b, n),
            Linear::None | Linear::Lookup(_) => {}
        }
    }

    /// All gradients of a stacked block but that of its weights, which needs the whole batch.
    pub(super) fn backward_stacked(&self, arena: &mut Arena, b: usize) {
        for n in 0..arena.count {
            self.epilogue_back(arena, b, n);
        }
        self.operator_back(arena, b, 0, arena.count);
        self.input_back(arena, b, 0, arena.count);
    }

    /// From the gradient of the result to those of the skip connections and of the linear output.
    fn epilogue_back(&self, arena: &mut Arena, b: usize, n: usize) {
        let block = &self.plan.blocks[b];
        if let Some(add) = &block.add {
            let slot = self.plan.roots[add.root].slot;
            let mut target = take(&mut arena.gradients[slot]);
            let at = self.gradient_at(add, n);
            self.clear_rest(&mut target, add, n, block.add_accumulates);
            add_rows(
                self.isa,
                Shape {
                    rows: add.rows,
                    channels: add.cols,
                },
                self.output_gradient(arena, b, n, 0),
                RowsMut {
                    values: &mut target[at..],
                    pitch: add.pitch,
                    accumulate: block.add_accumulates,
                },
            );
            arena.gradients[slot] = target;
        }
        if let Some(skip) = &block.skip {
            let slot = self.plan.roots[skip.root].slot;
            self.clear_rest(&mut arena.gradients[slot], skip, n, block.skip_accumulates);
        }
        let epilogue = self.epilogue(b, arena.first + n);
        let norm = &self.norms[b];
        let norm_gradient = (block.norm.is_some() && self.trains()).then_some(NormGradient {
            mean: &norm.mean,
            constant: &norm.constant,
            slope: &norm.slope,
        });
        self.with_rows(arena, b, n, |arena, first, rows, y, pitch| {
            let shape = Shape {
                rows,
                channels: block.channels,
            };
            let slot_of = |root: usize| self.plan.roots[root].slot;
            let into_value = match (&block.linear, block.input) {
                (Linear::None, Source::Value(x)) => Some(x),
                _ => None,
            };
            let mut skip_buffer = block
                .skip
                .map(|s| take(&mut arena.gradients[slot_of(s.root)]))
                .unwrap_or_default();
            let mut into_buffer = into_value
                .map(|x| take(&mut arena.gradients[slot_of(x.root)]))
                .unwrap_or_default();
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
                // Signs are those of the sum with the skip connection.
                block
                    .skip
                    .as_ref()
                    .filter(|_| arena.keeps(block) || block.keep != Keep::Signs)
                    .map(|s| self.rows(arena, s, n, first)),
                self.output_gradient(arena, b, n, first),
                norm_gradient,
                block.skip.map(|s| RowsMut {
                    values: &mut skip_buffer[self.gradient_at(&s, n) + first * s.pitch..],
                    pitch: s.pitch,
                    accumulate: block.skip_accumulates,
                }),
                into_value.map(|x| RowsMut {
                    values: &mut into_buffer[self.gradient_at(&x, n) + first * x.pitch..],
                    pitch: x.pitch,
                    accumulate: block.input_accumulates,
                }),
            );
            if let Some(s) = block.skip {
                arena.gradients[slot_of(s.root)] = skip_buffer;
            }
            if let Some(x) = into_value {
                arena.gradients[slot_of(x.root)] = into_buffer;
            }
            self.gradient_rows(arena, b, n, first, shape, y, pitch);
        });
    }

    /// What a block takes from the gradient of its linear output while it is in the cache: the
    /// bias, and the table of a look-up.
    fn gradient_rows(
        &self,
        arena: &mut Arena,
        b: usize,
        n: usize,
        first: usize,
        shape: Shape,
        dy: &[f32],
        pitch: usize,
    ) {
        if !self.trains() {
            self.keep_code_gradient(arena, b, first, dy);
            return;
        }
        if let Some(bias) = &self.partials.bias[b] {
            column_sums(
                self.isa,
                shape,
                Rows { values: dy, pitch },
                &mut arena.partial[bias.clone()],
            );
        }
        if let (Linear::Lookup(w), Some(weight)) =
            (&self.plan.blocks[b].linear, &self.partials.weight[b])
        {
            let codes = self.codes_of(arena, n);
            let table = &mut arena.partial[weight.clone()];
            lookup_weight_gradient(
                self.isa,
                table,
                w.c_out,
                codes,
                w.codes(first, shape.rows),
                dy,
                pitch,
            );
        }
    }

    /// Adds the weight gradient of one sequence to that of the chunk.
    fn weight_back(&self, arena: &mut Arena, b: usize, n: usize) {
        let block = &self.plan.blocks[b];
        let (Linear::Conv(w), Source::Value(x), Some(range)) =
            (&block.linear, block.input, &self.partials.weight[b])
        else {
            return;
        };
        if !self.trains() {
            return;
        }
        let at = self.plan.at(&x, n, arena.step[x.root]) - w.left * self.plan.roots[x.root].cols;
        let mut partial = take(&mut arena.partial);
        let mut work = take(&mut arena.work);
        let (dy, from) = self.linear_gradient(arena, b, n);
        w.add_gradient(
            self.isa,
            (&arena.data[x.root][at..], w.window(block.rows, x.pitch)),
            (&dy[from + block.front * block.channels..], block.channels),
            &mut partial[range.clone()],
            &mut work,
        );
        arena.work = work;
        arena.partial = partial;
    }

    /// Turns the sums of products of a chunk into its weight gradients.
    pub(super) fn fold(&self, arena: &mut Arena) {
        for (block, range) in self.plan.blocks.iter().zip(&self.partials.weight) {
            if let (Linear::Conv(w), Some(range)) = (&block.linear, range)
                && w.winograd
            {
                winograd_fold(w.shape(), &mut arena.partial[range.clone()]);
            }
        }
    }

    /// The gradient of the input of `count` sequences from `n` on.
    fn input_back(&self, arena: &mut Arena, b: usize, n: usize, count: usize) {
        let block = &self.plan.blocks[b];
        let (Linear::Conv(w), Source::Value(x)) = (&block.linear, block.input) else {
            return;
        };
        let slot = self.plan.roots[x.root].slot;
        let mut target = take(&mut arena.gradients[slot]);
        let mut work = take(&mut arena.work);
        let at = self.gradient_at(&x, n);
        let (dy, from) = self.linear_gradient(arena, b, n);
        w.input_gradient(
            &self.weights[b].backward,
            (&dy[from..], block.front),
            count,
            rows_mut(&mut target, at, x.pitch, block.input_accumulates),
            &mut work,
        );
        arena.work = work;
        arena.gradients[slot] = target;
    }

    /// The weight gradient of a stacked block over all chunks, for the input channels `first ..`,
    /// into `rows` of it.
    pub(super) fn stacked_weight_gradient(
        &self,
        arenas: &[Arena],
        b: usize,
        first: usize,
        rows: &mut [f32],
    ) {
        let block = &self.plan.blocks[b];
        let (Linear::Conv(w), Source::Value(x)) = (&block.linear, block.input) else {
            return;
        };
        rows.fill(0.0);
        for arena in arenas.iter().filter(|a| a.count > 0) {
            let at = self.plan.at(&x, 0, arena.step[x.root]) + first;
            conv_weight_gradient(
                self.isa,
                [1, rows.len() / w.c_out, w.c_out],
                &arena.data[x.root][at..],
                Window {
                    rows: block.rows * arena.count,
                    pitch: x.pitch,
                    stride: 1,
                    dilation: 1,
                },
                &arena.y[b],
                block.channels,
                rows,
            );
        }
    }
}
