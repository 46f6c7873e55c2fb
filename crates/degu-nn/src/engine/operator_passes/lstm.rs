//! Bidirectional LSTM, all sequences of a chunk at once.

use crate::engine::arena::Arena;
use crate::engine::operators::{BiLstm, STRETCH};
use crate::engine::pass::{Pass, rows, start};
use crate::engine::plan::Value;
use degu_kernels::{
    LstmSteps, Series, Shape, Start, Window, column_sums, conv_forward, conv_weight_gradient,
    lstm_backward, lstm_forward,
};
use std::mem::take;

impl Pass<'_> {
    /// Both directions of all sequences of the chunk, into `y` `[count, L, 2 H]`.
    pub(super) fn lstm(
        &self,
        arena: &mut Arena,
        b: usize,
        l: &BiLstm,
        x: &Value,
        count: usize,
        y: &mut [f32],
        keep: bool,
    ) {
        let (length, units) = (x.rows, l.units);
        let mut buffers = take(&mut arena.operator[b]);
        let weights = &self.weights[b].operator.forward;
        // Rows of gates and cells are those of both directions, or of the one at hand.
        let (sides, steps) = if keep {
            (2, length)
        } else {
            (1, STRETCH.min(length))
        };
        let row = sides * 4 * units;
        for (side, direction) in l.directions.iter().enumerate() {
            let reversed = side == 1;
            let shift = if keep { side * 4 * units } else { 0 };
            let bias = &self.parameters[direction.bias.clone()];
            let mut starts: Vec<usize> = (0..length).step_by(steps.max(1)).collect();
            if reversed {
                starts.reverse();
            }
            for first in starts {
                let stretch = steps.min(length - first);
                let base = shift + if keep { first * row } else { 0 };
                for n in 0..count {
                    let at = self.plan.at(x, n, arena.step[x.root]) + first * x.pitch;
                    let window = Window {
                        rows: stretch,
                        pitch: x.pitch,
                        stride: 1,
                        dilation: 1,
                    };
                    let z = &mut buffers.gates[base + n * steps * row..];
                    let input = &arena.data[x.root][at..];
                    conv_forward(&weights[2 * side], input, window, Start::Bias(bias), z, row);
                }
                lstm_forward(
                    &weights[2 * side + 1],
                    LstmSteps {
                        first,
                        steps: stretch,
                        ..LstmSteps::whole(count, length, reversed)
                    },
                    &mut Series {
                        values: &mut buffers.gates[base..],
                        sequence: steps * row,
                        row,
                    },
                    &mut Series {
                        values: &mut buffers.cells[if keep { side * units } else { 0 }..],
                        sequence: units * if keep { 2 * length } else { 1 },
                        row: if keep { 2 * units } else { 0 },
                    },
                    &mut Series {
                        values: &mut y[side * units..],
                        sequence: length * 2 * units,
                        row: 2 * units,
                    },
                );
            }
        }
        arena.operator[b] = buffers;
    }

    /// All gradients from that of `y`, which is `y` again afterwards.
    pub(super) fn lstm_back(
        &self,
        arena: &mut Arena,
        b: usize,
        l: &BiLstm,
        x: &Value,
        count: usize,
    ) {
        let (length, units) = (x.rows, l.units);
        let (row, width) = (8 * units, 2 * units);
        let mut buffers = take(&mut arena.operator[b]);
        let mut y = take(&mut arena.y[b]);
        for side in 0..l.directions.len() {
            lstm_backward(
                &self.weights[b].operator.backward[2 * side + 1],
                LstmSteps::whole(count, length, side == 1),
                &mut Series {
                    values: &mut buffers.gates[side * 4 * units..],
                    sequence: length * row,
                    row,
                },
                &mut Series {
                    values: &mut buffers.cells[side * units..],
                    sequence: length * width,
                    row: width,
                },
                &mut Series {
                    values: &mut y[side * units..],
                    sequence: length * width,
                    row: width,
                },
                &mut buffers.carry,
            );
            for n in 0..count {
                let dz = &buffers.gates[n * length * row + side * 4 * units..];
                if self.trains() {
                    let h = &y[n * length * width + side * units..];
                    self.lstm_weights(arena, b, l, x, n, side, dz, h);
                }
                let slot = self.plan.roots[x.root].slot;
                let at = self.gradient_at(x, n);
                let window = Window {
                    rows: length,
                    pitch: row,
                    stride: 1,
                    dilation: 1,
                };
                conv_forward(
                    &self.weights[b].operator.backward[2 * side],
                    dz,
                    window,
                    start(side == 1 || self.plan.blocks[b].input_accumulates),
                    &mut arena.gradients[slot][at..],
                    x.pitch,
                );
            }
        }
        arena.y[b] = y;
        arena.operator[b] = buffers;
    }

    /// Adds the gradients of one direction's tensors for sequence `n`.
    fn lstm_weights(
        &self,
        arena: &mut Arena,
        b: usize,
        l: &BiLstm,
        x: &Value,
        n: usize,
        side: usize,
        dz: &[f32],
        h: &[f32],
    ) {
        let (length, units) = (x.rows, l.units);
        let (row, width) = (8 * units, 2 * units);
        let [weight, recurrent, bias] = &self.partials.operator[b][3 * side..3 * side + 3] else {
            return;
        };
        let input = &arena.data[x.root][self.plan.at(x, n, arena.step[x.root])..];
        let window = |rows: usize, pitch: usize| Window {
            rows,
            pitch,
            stride: 1,
            dilation: 1,
        };
        conv_weight_gradient(
            self.isa,
            [1, l.c_in, 4 * units],
            input,
            window(length, x.pitch),
            dz,
            row,
            &mut arena.partial[weight.clone()],
        );
        // The state before a position is that of its neighbour.
        let (before, after) = if side == 1 { (width, 0) } else { (0, row) };
        if length > 1 {
            conv_weight_gradient(
                self.isa,
                [1, units, 4 * units],
                &h[before..],
                window(length - 1, width),
                &dz[after..],
                row,
                &mut arena.partial[recurrent.clone()],
            );
        }
        let shape = Shape {
            rows: length,
            channels: 4 * units,
        };
        column_sums(
            self.isa,
            shape,
            rows(dz, 0, row),
            &mut arena.partial[bias.clone()],
        );
    }
}
