//! Convolutions whose channels fall into groups that see only each other.

use super::super::convolution::Weights;
use super::state::OperatorWeights;
use degu_kernels::{GroupedConv, Isa, Packed};

/// Channels of a group up to which groups are computed along the diagonals of the weights.
const SMALL: usize = 8;

/// A grouped convolution.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Groups {
    pub(in crate::engine) weights: Weights,
    pub(in crate::engine) groups: usize,
}

impl Groups {
    /// Input and output channels of a group.
    pub(in crate::engine) fn sizes(&self) -> (usize, usize) {
        let w = &self.weights;
        (w.c_in / self.groups, w.c_out / self.groups)
    }

    pub(in crate::engine) fn small(&self) -> bool {
        let (inputs, outputs) = self.sizes();
        inputs == outputs && inputs <= SMALL
    }

    pub(super) fn weights(&self, isa: Isa) -> OperatorWeights {
        let (inputs, outputs) = self.sizes();
        let taps = self.weights.taps;
        let phases = &self.weights.phases;
        if self.small() {
            let grouped = |taps: usize| GroupedConv::new(isa, taps, inputs, self.weights.c_out);
            return OperatorWeights {
                grouped: Some((
                    grouped(taps),
                    phases.iter().map(|p| grouped(p.taps)).collect(),
                )),
                ..OperatorWeights::default()
            };
        }
        let each = 0..self.groups;
        let back = |_| {
            let of = |taps: usize| Packed::new(isa, taps, outputs, inputs);
            phases.iter().map(move |p| of(p.taps))
        };
        OperatorWeights {
            forward: each
                .clone()
                .map(|_| Packed::new(isa, taps, inputs, outputs))
                .collect(),
            backward: each.flat_map(back).collect(),
            grouped: None,
        }
    }

    pub(super) fn pack(
        &self,
        packed: &mut OperatorWeights,
        parameters: &[f32],
        [forward, backward]: [bool; 2],
    ) {
        let values = &parameters[self.weights.weight.clone()];
        let phases = &self.weights.phases;
        if let Some((there, back)) = &mut packed.grouped {
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
            let filters: Vec<f32> = columns.copied().collect();
            if forward {
                there.pack(&filters);
            }
            if backward {
                for (phase, packed) in phases.iter().zip(back) {
                    packed.pack_reversed_taps(&filters, phase.tap, phase.tap_step);
                }
            }
        }
    }
}
