//! Forward pass and input gradient.

use super::shared::Shared;
use super::weights::GroupedConv;
use crate::conv::{Start, Window};
use crate::isa::Kernel;
use crate::simd::{Simd, by_channels};

/// `y[m][o] = start + sum over t and the channels c of o's group of x[m*stride +
/// t*dilation][c] * w[t][c][o]`, for groups of few channels, as many outputs as inputs.
///
/// # Panics
///
/// If `x`, `y` or the bias are shorter than the shapes say.
pub fn grouped_conv_forward(
    weights: &GroupedConv,
    x: &[f32],
    window: Window,
    start: Start<'_>,
    y: &mut [f32],
    y_pitch: usize,
) {
    let channels = weights.channels;
    if window.rows == 0 || channels == 0 || weights.taps == 0 {
        return;
    }
    assert!(
        window.pitch >= channels && y_pitch >= channels,
        "row strides below the number of channels"
    );
    assert!(
        x.len() >= window.reach(weights.taps, channels),
        "input of {} values is too short",
        x.len()
    );
    let bias = start.checked(window.rows, channels, y, y_pitch);
    weights.isa.run(Forward {
        shared: Shared {
            rows: window.rows,
            channels,
            taps: weights.taps,
            group: weights.group,
            x: x.as_ptr(),
            row_step: window.stride * window.pitch,
            tap_step: window.dilation * window.pitch,
        },
        weights: weights.data.as_ptr(),
        bias,
        accumulate: matches!(start, Start::Accumulate),
        y: y.as_mut_ptr(),
        y_pitch,
    });
}

struct Forward {
    shared: Shared,
    weights: *const f32,
    bias: *const f32,
    accumulate: bool,
    y: *mut f32,
    y_pitch: usize,
}

/// Rows of a tile.
const ROWS: usize = 6;

impl Kernel for Forward {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        by_channels!(S, self.shared.channels, |c, PART, part| {
            let mut m = 0;
            // SAFETY: the rows of each tile and the channels from `c` on exist, as
            // `grouped_conv_forward` checked.
            unsafe {
                while m + ROWS <= self.shared.rows {
                    self.tile::<S, ROWS, PART>(s, m, c, part);
                    m += ROWS;
                }
                while m < self.shared.rows {
                    self.tile::<S, 1, PART>(s, m, c, part);
                    m += 1;
                }
            }
        });
    }
}

impl Forward {
    /// # Safety
    /// Rows `m .. m + R` and the channels from `c` on exist.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const PART: bool>(
        &self,
        s: S,
        m: usize,
        c: usize,
        part: usize,
    ) {
        let h = &self.shared;
        // SAFETY: promised by the caller.
        unsafe {
            let y = self.y.add(m * self.y_pitch + c);
            let mut acc = [s.zero(); R];
            for (i, a) in acc.iter_mut().enumerate() {
                if self.accumulate {
                    *a = s.load_up_to::<PART>(y.add(i * self.y_pitch).cast_const(), part);
                } else if !self.bias.is_null() {
                    *a = s.load_up_to::<PART>(self.bias.add(c), part);
                }
            }
            let mut w = self.weights.add(c);
            for t in 0..h.taps {
                for d in 0..2 * h.group - 1 {
                    let weight = s.load_up_to::<PART>(w, part);
                    w = w.wrapping_add(h.channels);
                    let shift = d as isize - (h.group as isize - 1);
                    for (i, a) in acc.iter_mut().enumerate() {
                        let x = h.x.add((m + i) * h.row_step + t * h.tap_step);
                        *a = s.fma(h.shifted(s, x, c, shift), weight, *a);
                    }
                }
            }
            for (i, a) in acc.iter().enumerate() {
                s.store_up_to::<PART>(y.add(i * self.y_pitch), part, *a);
            }
        }
    }
}
