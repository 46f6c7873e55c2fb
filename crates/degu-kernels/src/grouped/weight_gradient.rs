//! Weight gradient.

use super::shared::Shared;
use crate::conv::Window;
use crate::isa::{Isa, Kernel};
use crate::simd::{Simd, by_channels};

/// Adds the weight gradient of one stretch of rows to `dw` `[taps, group, channels]`.
///
/// # Panics
///
/// If a slice is shorter than the shapes say.
pub fn grouped_conv_weight_gradient(
    isa: Isa,
    [taps, group, channels]: [usize; 3],
    x: &[f32],
    window: Window,
    dy: &[f32],
    dy_pitch: usize,
    dw: &mut [f32],
) {
    if window.rows == 0 || channels == 0 || taps == 0 {
        return;
    }
    assert!(
        group > 0 && channels.is_multiple_of(group),
        "groups of {group} in {channels} channels"
    );
    assert!(
        window.pitch >= channels && dy_pitch >= channels,
        "row strides below the number of channels"
    );
    assert!(
        x.len() >= window.reach(taps, channels),
        "input of {} values is too short",
        x.len()
    );
    assert!(
        dy.len() >= (window.rows - 1) * dy_pitch + channels,
        "gradient of {} values is too short",
        dy.len()
    );
    assert!(
        dw.len() >= taps * group * channels,
        "weight gradient of {} values is too short",
        dw.len()
    );
    isa.run(WeightGradient {
        shared: Shared {
            rows: window.rows,
            channels,
            taps,
            group,
            x: x.as_ptr(),
            row_step: window.stride * window.pitch,
            tap_step: window.dilation * window.pitch,
        },
        dy: dy.as_ptr(),
        dy_pitch,
        dw: dw.as_mut_ptr(),
    });
}

struct WeightGradient {
    shared: Shared,
    dy: *const f32,
    dy_pitch: usize,
    dw: *mut f32,
}

impl Kernel for WeightGradient {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let h = self.shared;
        by_channels!(S, h.channels, |c, PART, part| {
            for d in 0..2 * h.group - 1 {
                let mut t = 0;
                // SAFETY: taps t .. t + 4 or t, all rows and the channels from `c` on exist, as the
                // caller checked.
                unsafe {
                    while t + 4 <= h.taps {
                        self.taps::<S, 4, PART>(s, t, d, c, part);
                        t += 4;
                    }
                    while t < h.taps {
                        self.taps::<S, 1, PART>(s, t, d, c, part);
                        t += 1;
                    }
                }
            }
        });
    }
}

impl WeightGradient {
    /// Diagonal `d` of taps `first .. first + W`.
    ///
    /// # Safety
    /// The taps and the channels from `c` on exist.
    #[inline(always)]
    unsafe fn taps<S: Simd, const W: usize, const PART: bool>(
        &self,
        s: S,
        first: usize,
        d: usize,
        c: usize,
        part: usize,
    ) {
        let h = &self.shared;
        let (q, shift) = (h.group, d as isize - (h.group as isize - 1));
        let mut acc = [s.zero(); W];
        // SAFETY: promised by the caller; only weights of one group are written.
        unsafe {
            for m in 0..h.rows {
                let dy = s.load_up_to::<PART>(self.dy.add(m * self.dy_pitch + c), part);
                for (i, a) in acc.iter_mut().enumerate() {
                    let x = h.x.add(m * h.row_step + (first + i) * h.tap_step);
                    *a = s.fma(h.shifted(s, x, c, shift), dy, *a);
                }
            }
            let lanes = if PART { part } else { S::LANES };
            for (i, a) in acc.iter().enumerate() {
                let mut values = [0.0; 16];
                s.store(values.as_mut_ptr(), *a);
                for (k, v) in values.iter().enumerate().take(lanes) {
                    let output = c + k;
                    let input = output as isize + shift - (output - output % q) as isize;
                    if (0..q as isize).contains(&input) {
                        let at = ((first + i) * q + input as usize) * h.channels + output;
                        let at = self.dw.add(at);
                        *at += *v;
                    }
                }
            }
        }
    }
}
