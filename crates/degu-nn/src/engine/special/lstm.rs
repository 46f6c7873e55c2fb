//! Bidirectional LSTM: the products with the input for many steps at once, the recurrent ones for
//! all sequences of the chunk at once.

use super::super::arena::Arena;
use super::super::error::EngineError;
use super::super::layout::Layout;
use super::super::pass::Pass;
use super::super::plan::Value;
use super::{SpecialBuffers, SpecialWeights, rows, start};
use degu_core::graph;
use degu_kernels::{
    Isa, LstmSteps, Packed, Series, Shape, Start, Window, column_sums, conv_forward,
    conv_weight_gradient, lstm_backward, lstm_forward,
};
use std::mem::take;
use std::ops::Range;

/// Steps whose gates are computed in prediction before the recurrence runs through them: many
/// enough to use the weights while they are in the cache, few enough to keep the gates small.
/// Training keeps all gates, and computes them at once.
const STRETCH: usize = 64;

/// Sizes and tensors' places.
#[derive(Clone, Debug)]
pub(in super::super) struct BiLstm {
    c_in: usize,
    units: usize,
    /// Forward and backward in position.
    directions: [Direction; 2],
}

#[derive(Clone, Debug)]
struct Direction {
    weight: Range<usize>,
    recurrent: Range<usize>,
    bias: Range<usize>,
}

impl Direction {
    fn new(layout: &Layout, name: &str) -> Result<Self, EngineError> {
        Ok(Self {
            weight: layout.range(name, "weight")?,
            recurrent: layout.range(name, "recurrent")?,
            bias: layout.range(name, "bias")?,
        })
    }
}

impl BiLstm {
    pub(in super::super) fn new(
        l: &graph::BiLstm,
        c_in: usize,
        layout: &Layout,
    ) -> Result<Self, EngineError> {
        let direction = |name: &str| Direction::new(layout, &format!("{}.{name}", l.name));
        Ok(Self {
            c_in,
            units: l.units,
            directions: [direction("forward")?, direction("backward")?],
        })
    }

    pub(super) fn tensors(&self) -> Vec<Range<usize>> {
        let all = |d: &Direction| [d.weight.clone(), d.recurrent.clone(), d.bias.clone()];
        self.directions.iter().flat_map(all).collect()
    }

    /// Input and recurrent weights of both directions.
    pub(super) fn weights(&self, isa: Isa) -> SpecialWeights {
        let (c, h) = (self.c_in, self.units);
        let forward = || [Packed::new(isa, 1, c, 4 * h), Packed::new(isa, 1, h, 4 * h)];
        let backward = || [Packed::new(isa, 1, 4 * h, c), Packed::new(isa, 1, 4 * h, h)];
        SpecialWeights {
            forward: [forward(), forward()].into_iter().flatten().collect(),
            backward: [backward(), backward()].into_iter().flatten().collect(),
            diagonals: None,
        }
    }

    pub(super) fn pack(
        &self,
        weights: &mut SpecialWeights,
        parameters: &[f32],
        [forward, backward]: [bool; 2],
    ) {
        let ranges = self
            .directions
            .iter()
            .flat_map(|d| [&d.weight, &d.recurrent]);
        let packed = weights.forward.iter_mut().zip(&mut weights.backward);
        for (range, (there, back)) in ranges.zip(packed) {
            let values = &parameters[range.clone()];
            if forward {
                there.pack(values);
            }
            if backward {
                back.pack_reversed(values);
            }
        }
    }

    pub(super) fn training_buffers(&self, length: usize, capacity: usize) -> SpecialBuffers {
        let states = capacity * length * 2 * self.units;
        SpecialBuffers {
            gates: vec![0.0; 4 * states],
            cells: vec![0.0; states],
            carry: vec![0.0; capacity * self.units],
            ..SpecialBuffers::default()
        }
    }

    /// Of one stretch of one direction.
    pub(super) fn inference_buffers(&self, length: usize, capacity: usize) -> SpecialBuffers {
        SpecialBuffers {
            gates: vec![0.0; capacity * STRETCH.min(length) * 4 * self.units],
            cells: vec![0.0; capacity * self.units],
            ..SpecialBuffers::default()
        }
    }
}

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
        let mut buffers = take(&mut arena.special[b]);
        let weights = &self.weights[b].special.forward;
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
        arena.special[b] = buffers;
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
        let mut buffers = take(&mut arena.special[b]);
        let mut y = take(&mut arena.y[b]);
        for side in 0..l.directions.len() {
            lstm_backward(
                &self.weights[b].special.backward[2 * side + 1],
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
                    &self.weights[b].special.backward[2 * side],
                    dz,
                    window,
                    start(side == 1 || self.plan.blocks[b].input_accumulates),
                    &mut arena.gradients[slot][at..],
                    x.pitch,
                );
            }
        }
        arena.y[b] = y;
        arena.special[b] = buffers;
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
        let [weight, recurrent, bias] = &self.partials.special[b][3 * side..3 * side + 3] else {
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
