//! The pointwise part of one LSTM step, for all sequences.

use crate::isa::{Isa, Kernel};
use crate::math;
use crate::simd::{Simd, by_channels};

/// Pointers of one step; `before` is null at the start of a sequence.
#[derive(Clone, Copy)]
struct Step {
    sequences: usize,
    units: usize,
    gates: *mut f32,
    gates_pitch: usize,
    cells: *mut f32,
    before: *const f32,
    cells_pitch: usize,
    hidden: *mut f32,
    hidden_pitch: usize,
}

impl Step {
    /// The caller has checked that every buffer holds its rows ([`super::LstmSteps`]).
    fn new(
        [sequences, units]: [usize; 2],
        (gates, gates_pitch): (&mut [f32], usize),
        (cells, cells_pitch): (&mut [f32], usize),
        [at, before]: [Option<usize>; 2],
        (hidden, hidden_pitch): (&mut [f32], usize),
    ) -> Self {
        let reach = |step: usize, width: usize| (sequences - 1) * step + width;
        assert!(gates.len() >= reach(gates_pitch, 4 * units), "gates");
        assert!(hidden.len() >= reach(hidden_pitch, units), "hidden");
        let at = at.unwrap_or(0);
        let most = at.max(before.unwrap_or(0));
        assert!(cells.len() >= most + reach(cells_pitch, units), "cells");
        let base = cells.as_mut_ptr();
        Self {
            sequences,
            units,
            gates: gates.as_mut_ptr(),
            gates_pitch,
            cells: base.wrapping_add(at),
            before: before.map_or(std::ptr::null(), |b| base.wrapping_add(b).cast_const()),
            cells_pitch,
            hidden: hidden.as_mut_ptr(),
            hidden_pitch,
        }
    }
}

/// Arguments of the gates to gates, in place; new cell states and outputs.
pub(super) fn cell_forward(
    isa: Isa,
    shape: [usize; 2],
    gates: (&mut [f32], usize),
    cells: (&mut [f32], usize),
    at: [Option<usize>; 2],
    hidden: (&mut [f32], usize),
) {
    isa.run(Forward(Step::new(shape, gates, cells, at, hidden)));
}

struct Forward(Step);

impl Kernel for Forward {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Step { units, .. } = self.0;
        for n in 0..self.0.sequences {
            by_channels!(S, units, |c, PART, part| {
                // SAFETY: the four gates, the states and the outputs of sequence n have the units
                // from `c` on, as `Step::new` checked.
                unsafe {
                    let z = self.0.gates.add(n * self.0.gates_pitch + c);
                    let gate = |k: usize| s.load_up_to::<PART>(z.add(k * units).cast_const(), part);
                    let i = math::sigmoid(s, gate(0));
                    let f = math::sigmoid(s, gate(1));
                    let g = math::tanh(s, gate(2));
                    let o = math::sigmoid(s, gate(3));
                    let mut cell = s.mul(i, g);
                    if !self.0.before.is_null() {
                        let at = self.0.before.add(n * self.0.cells_pitch + c);
                        cell = s.fma(f, s.load_up_to::<PART>(at, part), cell);
                    }
                    for (k, v) in [i, f, g, o].into_iter().enumerate() {
                        s.store_up_to::<PART>(z.add(k * units), part, v);
                    }
                    let at = self.0.cells.add(n * self.0.cells_pitch + c);
                    s.store_up_to::<PART>(at, part, cell);
                    let h = s.mul(o, math::tanh(s, cell));
                    let at = self.0.hidden.add(n * self.0.hidden_pitch + c);
                    s.store_up_to::<PART>(at, part, h);
                }
            });
        }
    }
}

/// Gates to the gradients of their arguments, in place; gradients of `h` to `h`, in place; `carry`
/// is the gradient of the cell state.
pub(super) fn cell_backward(
    isa: Isa,
    shape: [usize; 2],
    gates: (&mut [f32], usize),
    cells: (&mut [f32], usize),
    at: [Option<usize>; 2],
    hidden: (&mut [f32], usize),
    carry: &mut [f32],
) {
    assert!(carry.len() >= shape[0] * shape[1], "carry");
    let step = Step::new(shape, gates, cells, at, hidden);
    let carry = carry.as_mut_ptr();
    isa.run(Backward { step, carry });
}

struct Backward {
    step: Step,
    carry: *mut f32,
}

impl Kernel for Backward {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let step = self.step;
        let units = step.units;
        let one = s.constant(1.0);
        for n in 0..step.sequences {
            by_channels!(S, units, |c, PART, part| {
                // SAFETY: as in the forward pass; `carry` has a value per sequence and unit.
                unsafe {
                    let z = step.gates.add(n * step.gates_pitch + c);
                    let gate = |k: usize| s.load_up_to::<PART>(z.add(k * units).cast_const(), part);
                    let (i, f, g, o) = (gate(0), gate(1), gate(2), gate(3));
                    let cell = step.cells.add(n * step.cells_pitch + c).cast_const();
                    let squashed = math::tanh(s, s.load_up_to::<PART>(cell, part));
                    let h = step.hidden.add(n * step.hidden_pitch + c);
                    let dh = s.load_up_to::<PART>(h.cast_const(), part);
                    let carried = self.carry.add(n * units + c);
                    let slope = s.sub(one, s.mul(squashed, squashed));
                    let dc = s.fma(
                        s.mul(dh, o),
                        slope,
                        s.load_up_to::<PART>(carried.cast_const(), part),
                    );
                    let logistic = |d: S::V, y: S::V| s.mul(d, s.mul(y, s.sub(one, y)));
                    let df = if step.before.is_null() {
                        s.zero()
                    } else {
                        let at = step.before.add(n * step.cells_pitch + c);
                        logistic(s.mul(dc, s.load_up_to::<PART>(at, part)), f)
                    };
                    let dz = [
                        logistic(s.mul(dc, g), i),
                        df,
                        s.mul(s.mul(dc, i), s.sub(one, s.mul(g, g))),
                        logistic(s.mul(dh, squashed), o),
                    ];
                    for (k, v) in dz.into_iter().enumerate() {
                        s.store_up_to::<PART>(z.add(k * units), part, v);
                    }
                    s.store_up_to::<PART>(carried, part, s.mul(dc, f));
                    s.store_up_to::<PART>(h, part, s.mul(o, squashed));
                }
            });
        }
    }
}
