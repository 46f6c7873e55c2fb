//! Convolutions whose channels fall into groups that see only each other.

use super::super::arena::Arena;
use super::super::pass::Pass;
use super::super::plan::{Value, Weights};
use super::{SpecialWeights, rows_mut, start};
use degu_kernels::{
    Diagonals, Isa, Packed, Start, conv_forward, conv_weight_gradient_columns, diagonal_forward,
    diagonal_weight_gradient,
};
use std::mem::take;

/// Channels of a group up to which groups are computed along the diagonals of the weights.
const SMALL: usize = 8;

/// A grouped convolution.
#[derive(Clone, Debug)]
pub(in super::super) struct Groups {
    pub(in super::super) weights: Weights,
    pub(in super::super) groups: usize,
}

impl Groups {
    /// Input and output channels of a group.
    fn sizes(&self) -> (usize, usize) {
        let w = &self.weights;
        (w.c_in / self.groups, w.c_out / self.groups)
    }

    fn small(&self) -> bool {
        let (inputs, outputs) = self.sizes();
        inputs == outputs && inputs <= SMALL
    }

    pub(super) fn weights(&self, isa: Isa) -> SpecialWeights {
        let (inputs, outputs) = self.sizes();
        let taps = self.weights.taps;
        let phases = &self.weights.phases;
        if self.small() {
            let diagonals = |taps: usize| Diagonals::new(isa, taps, inputs, self.weights.c_out);
            return SpecialWeights {
                diagonals: Some((
                    diagonals(taps),
                    phases.iter().map(|p| diagonals(p.taps)).collect(),
                )),
                ..SpecialWeights::default()
            };
        }
        let each = 0..self.groups;
        let back = |_| {
            let of = |taps: usize| Packed::new(isa, taps, outputs, inputs);
            phases.iter().map(move |p| of(p.taps))
        };
        SpecialWeights {
            forward: each
                .clone()
                .map(|_| Packed::new(isa, taps, inputs, outputs))
                .collect(),
            backward: each.flat_map(back).collect(),
            diagonals: None,
        }
    }

    pub(super) fn pack(
        &self,
        packed: &mut SpecialWeights,
        parameters: &[f32],
        [forward, backward]: [bool; 2],
    ) {
        let values = &parameters[self.weights.weight.clone()];
        let phases = &self.weights.phases;
        if let Some((there, back)) = &mut packed.diagonals {
            if forward {
                there.pack(values);
            }
            if backward {
                for (phase, back) in phases.iter().zip(back) {
                    back.pack_reversed_taps(values, phase.tap, phase.tap_step);
                }
            }
            return;
        }
        let (_, outputs) = self.sizes();
        let by_group = packed.backward.chunks_mut(phases.len());
        let both = packed.forward.iter_mut().zip(by_group);
        for (g, (there, back)) in both.enumerate() {
            let columns = values
                .chunks_exact(self.weights.c_out)
                .flat_map(|row| &row[g * outputs..(g + 1) * outputs]);
            let own: Vec<f32> = columns.copied().collect();
            if forward {
                there.pack(&own);
            }
            if backward {
                for (phase, packed) in phases.iter().zip(back) {
                    packed.pack_reversed_taps(&own, phase.tap, phase.tap_step);
                }
            }
        }
    }
}

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
        let weights = &self.weights[b].special;
        if let Some((there, _)) = &weights.diagonals {
            let start = bias.map_or(Start::Zero, Start::Bias);
            diagonal_forward(there, input, window, start, y, block.channels);
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
            let own = &dy[from + block.front * block.channels..];
            let dw = &mut partial[range.clone()];
            if g.small() {
                let shape = [w.taps, inputs, w.c_out];
                diagonal_weight_gradient(self.isa, shape, input, window, own, block.channels, dw);
            } else {
                for i in 0..g.groups {
                    conv_weight_gradient_columns(
                        self.isa,
                        [w.taps, inputs, outputs],
                        &input[i * inputs..],
                        window,
                        &own[i * outputs..],
                        block.channels,
                        &mut dw[i * outputs..],
                        w.c_out,
                    );
                }
            }
        }
        let begin = start(block.input_accumulates);
        let at = self.gradient_at(x, n);
        let weights = &self.weights[b].special;
        let pitch = x.pitch * w.stride;
        let mut dx = rows_mut(&mut target, at, x.pitch, block.input_accumulates);
        let dy = (&dy[from..], block.front);
        w.each_phase(dy, block.channels, &mut dx, |i, dy, dx| {
            let window = w.phases[i].window(block.channels);
            if let Some((_, back)) = &weights.diagonals {
                diagonal_forward(&back[i], dy, window, begin, dx, pitch);
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
