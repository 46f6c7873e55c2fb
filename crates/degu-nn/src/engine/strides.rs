//! Geometry of convolutions: how outputs read the input, and the input gradient, one phase of the
//! stride after the other.

use super::convolution::Weights;
use super::filters::Filters;
use degu_kernels::{Isa, RowsMut, Start, Window};

impl Weights {
    /// How `rows` output rows read input rows that lie `pitch` values apart.
    pub(super) fn window(&self, rows: usize, pitch: usize) -> Window {
        Window {
            rows,
            pitch,
            stride: self.stride,
            dilation: self.dilation,
        }
    }

    /// Rows of zeros that the input gradient reads before and after the gradient of `outputs`
    /// output rows.
    pub(super) fn gradient_halo(&self, outputs: usize) -> (usize, usize) {
        let each = self.phases.iter().map(|p| p.halo(outputs));
        each.fold((0, 0), |(a, b), (front, back)| (a.max(front), b.max(back)))
    }

    /// Room for the weights of the input gradient, by phases.
    pub(super) fn backward(&self, isa: Isa) -> Vec<Filters> {
        let winograd = self.winograd_phases.iter().chain(std::iter::repeat(&false));
        let phases = self.phases.iter().zip(winograd);
        phases
            .map(|(p, winograd)| Filters::new(isa, p.taps, [self.c_out, self.c_in], *winograd))
            .collect()
    }

    /// Packs them from `weights`, `[taps, c_in, c_out]`.
    pub(super) fn pack_backward(&self, packed: &mut [Filters], weights: &[f32]) {
        for (phase, packed) in self.phases.iter().zip(packed) {
            packed.pack_reversed_taps(weights, phase.tap, phase.tap_step);
        }
    }

    /// Calls `product` for each phase that has taps, with its number, the values of the gradient
    /// from the first row it reads on, and the first row it gives; zeroes the others.
    pub(super) fn each_phase(
        &self,
        (dy, front): (&[f32], usize),
        dy_pitch: usize,
        target: &mut RowsMut<'_>,
        mut product: impl FnMut(usize, &[f32], &mut [f32]),
    ) {
        for (i, phase) in self.phases.iter().enumerate() {
            let rows = &mut target.values[phase.row * target.pitch..];
            if phase.taps > 0 {
                let first = front.saturating_add_signed(phase.first);
                product(i, &dy[first * dy_pitch..], rows);
            } else if !target.accumulate {
                let all = rows.chunks_mut(target.pitch * self.stride);
                for row in all.take(phase.rows) {
                    row[..self.c_in].fill(0.0);
                }
            }
        }
    }

    /// The gradient of the input rows from that of the outputs, which lies densely after `front`
    /// rows of zeros; of the rows of `count` sequences where these are one matrix.
    pub(super) fn input_gradient(
        &self,
        packed: &[Filters],
        dy: (&[f32], usize),
        count: usize,
        mut target: RowsMut<'_>,
        work: &mut Vec<f32>,
    ) {
        let start = if target.accumulate {
            Start::Accumulate
        } else {
            Start::Zero
        };
        let pitch = target.pitch * self.stride;
        self.each_phase(dy, self.c_out, &mut target, |i, dy, rows| {
            let mut window = self.phases[i].window(self.c_out);
            window.rows *= count;
            packed[i].forward(dy, window, start, rows, pitch, work);
        });
    }
}
