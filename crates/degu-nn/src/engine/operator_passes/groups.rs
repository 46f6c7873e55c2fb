//! Grouped convolutions, one sequence at a time.

use crate::engine::arena::Arena;
use crate::engine::operators::Groups;
use crate::engine::pass::{Pass, rows_mut, start};
use crate::engine::plan::Value;
use degu_kernels::{
    Start, conv_forward, conv_weight_gradient_columns, grouped_conv_forward,
    grouped_conv_weight_gradient,
};
use std::mem::take;

impl Pass<'_> {
    /// First value that the convolution reads of sequence `n`.
    fn group_input(&self, arena: &Arena, g: &Groups, x: &Value, n: usize) -> usize {
        self.plan.at(x, n, arena.step[x.root]) - g.weights.left * self.plan.roots[x.root].cols
    }

    pub(super) fn groups(
        &self,
        arena: &mut Arena,
        b: usize,
        g: &Groups,
        x: &Value,
        n: usize,
        y: &mut [f32],
    ) {
        let block = &self.plan.blocks[b];
        let window = g.weights.window(block.rows, x.pitch);
        let at = self.group_input(arena, g, x, n);
        let input = &arena.data[x.root][at..];
        let bias = g.weights.bias.clone().map(|r| &self.parameters[r]);
        let weights = &self.weights[b].operator;
        if let Some((there, _)) = &weights.grouped {
            let start = bias.map_or(Start::Zero, Start::Bias);
            grouped_conv_forward(there, input, window, start, y, block.channels);
            return;
        }
        let (inputs, outputs) = g.sizes();
        for (i, packed) in weights.forward.iter().enumerate() {
            let start = bias.map_or(Start::Zero, |b| Start::Bias(&b[i * outputs..]));
            conv_forward(
                packed,
                &input[i * inputs..],
                window,
                start,
                &mut y[i * outputs..],
                block.channels,
            );
        }
    }

    pub(super) fn groups_back(&self, arena: &mut Arena, b: usize, g: &Groups, x: &Value, n: usize) {
        let block = &self.plan.blocks[b];
        let slot = self.plan.roots[x.root].slot;
        let mut target = take(&mut arena.gradients[slot]);
        let mut partial = take(&mut arena.partial);
        let (dy, from) = self.linear_gradient(arena, b, n);
        let (inputs, outputs) = g.sizes();
        let w = &g.weights;
        if let (true, Some(range)) = (self.trains(), &self.partials.weight[b]) {
            let window = w.window(block.rows, x.pitch);
            let input = &arena.data[x.root][self.group_input(arena, g, x, n)..];
            let rows_of_dy = &dy[from + block.front * block.channels..];
            let dw = &mut partial[range.clone()];
            if g.small() {
                let shape = [w.taps, inputs, w.c_out];
                grouped_conv_weight_gradient(
                    self.isa,
                    shape,
                    input,
                    window,
                    rows_of_dy,
                    block.channels,
                    dw,
                );
            } else {
                for i in 0..g.groups {
                    conv_weight_gradient_columns(
                        self.isa,
                        [w.taps, inputs, outputs],
                        &input[i * inputs..],
                        window,
                        &rows_of_dy[i * outputs..],
                        block.channels,
                        &mut dw[i * outputs..],
                        w.c_out,
                    );
                }
            }
        }
        let begin = start(block.input_accumulates);
        let at = self.gradient_at(x, n);
        let weights = &self.weights[b].operator;
        let pitch = x.pitch * w.stride;
        let mut dx = rows_mut(&mut target, at, x.pitch, block.input_accumulates);
        let dy = (&dy[from..], block.front);
        w.each_phase(dy, block.channels, &mut dx, |i, dy, dx| {
            let window = w.phases[i].window(block.channels);
            if let Some((_, back)) = &weights.grouped {
                grouped_conv_forward(&back[i], dy, window, begin, dx, pitch);
            }
            for (j, packed) in weights.backward.chunks(w.phases.len()).enumerate() {
                let (dy, dx) = (&dy[j * outputs..], &mut dx[j * inputs..]);
                conv_forward(&packed[i], dy, window, begin, dx, pitch);
            }
        });
        arena.gradients[slot] = target;
        arena.partial = partial;
    }
}
