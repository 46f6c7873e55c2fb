//! Weight gradient.

use super::narrow::NarrowGradient;
use super::tiles::{by_panel, by_rows};
use super::window::{Window, span};
use crate::isa::{Isa, Kernel};
use crate::pack::{is_narrow, panels};
use crate::simd::Simd;

/// Adds the weight gradient of one stretch of rows: `dw[t][c][o] += sum over m of x[m*stride +
/// t*dilation][c] * dy[m][o]`, `dw` being `[taps, c_in, c_out]`. Each element is one chain over
/// the rows in order, continued from its old value.
///
/// # Panics
///
/// If a slice is shorter than the shapes say.
pub fn conv_weight_gradient(
    isa: Isa,
    [taps, c_in, c_out]: [usize; 3],
    x: &[f32],
    window: Window,
    dy: &[f32],
    dy_pitch: usize,
    dw: &mut [f32],
) {
    let shape = [taps, c_in, c_out];
    conv_weight_gradient_columns(isa, shape, x, window, dy, dy_pitch, dw, c_out);
}

/// As [`conv_weight_gradient`](crate::conv_weight_gradient) into some columns of a wider
/// matrix: the row stride of `dw` is `dw_pitch`.
///
/// # Panics
///
/// If a slice is shorter than the shapes say.
pub fn conv_weight_gradient_columns(
    isa: Isa,
    [taps, c_in, c_out]: [usize; 3],
    x: &[f32],
    window: Window,
    dy: &[f32],
    dy_pitch: usize,
    dw: &mut [f32],
    dw_pitch: usize,
) {
    if window.rows == 0 || c_in == 0 || c_out == 0 {
        return;
    }
    assert!(
        window.pitch >= c_in && dy_pitch >= c_out && dw_pitch >= c_out,
        "row strides below the number of channels"
    );
    assert!(
        x.len() >= window.reach(taps, c_in),
        "input of {} values is too short",
        x.len()
    );
    assert!(
        dy.len() >= span(window.rows, dy_pitch, c_out),
        "gradient of {} values is too short",
        dy.len()
    );
    assert!(
        taps == 0 || dw.len() >= span(taps * c_in, dw_pitch, c_out),
        "weight gradient of {} values is too short",
        dw.len()
    );
    let (lanes, _) = isa.geometry();
    if window.stride == 1 && is_narrow(taps, c_in, c_out, lanes) {
        let kernel = NarrowGradient {
            x: x.as_ptr(),
            pitch: window.pitch,
            rows: window.rows,
            taps,
            dilation: window.dilation,
            c_in,
            dy: dy.as_ptr(),
            dy_pitch,
            n: c_out,
            dw: dw.as_mut_ptr(),
            dw_pitch,
        };
        return isa.run(kernel);
    }
    // Every block of rows reads and writes the whole result. Where that stays in the second-level
    // cache, blocks are short enough for their panels to stay in the first; where it does not, they
    // are as long as the second level allows. Blocks are equal.
    let most = if taps * c_in * c_out <= SMALL_RESULT {
        BLOCK_ROWS
    } else {
        (BLOCK_VALUES / (c_in + c_out)).max(32)
    };
    let block = window.rows.div_ceil(window.rows.div_ceil(most));
    let mut m = 0;
    while m < window.rows {
        let rows = block.min(window.rows - m);
        isa.run(WeightGradient {
            x: x[m * window.stride * window.pitch..].as_ptr(),
            rows,
            c_in,
            row_step: window.stride * window.pitch,
            taps,
            tap_step: window.dilation * window.pitch,
            dy: dy[m * dy_pitch..].as_ptr(),
            dy_pitch,
            n: c_out,
            dw: dw.as_mut_ptr(),
            dw_pitch,
        });
        m += rows;
    }
}

/// Values of activations and gradient that a block of rows of a large weight gradient reads: a
/// second-level cache.
const BLOCK_VALUES: usize = 224 * 1024;

/// Rows of a block of a small one: a panel of 64 columns of the gradient and a strip of the
/// activations in half of a first-level cache.
const BLOCK_ROWS: usize = 96;

/// Values of a weight gradient that stay in the second-level cache from block to block.
const SMALL_RESULT: usize = 384 * 1024;

#[derive(Clone, Copy)]
struct WeightGradient {
    x: *const f32,
    rows: usize,
    c_in: usize,
    row_step: usize,
    taps: usize,
    tap_step: usize,
    dy: *const f32,
    dy_pitch: usize,
    n: usize,
    dw: *mut f32,
    dw_pitch: usize,
}

impl Kernel for WeightGradient {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut first = 0;
        for p in panels(self.n.div_ceil(S::LANES), S::PANEL) {
            let width = p * S::LANES;
            let part = if first + width > self.n {
                self.n % S::LANES
            } else {
                0
            };
            for t in 0..self.taps {
                by_panel!(s: S, p, self.c_in, |c, MR, NR| {
                    // SAFETY: channels c .. c + MR and the columns of this panel lie inside the
                    // slices that the caller checked.
                    unsafe {
                        if part == 0 {
                            self.tile::<S, MR, NR, false>(s, t, c, first, 0);
                        } else {
                            self.tile::<S, MR, NR, true>(s, t, c, first, part);
                        }
                    }
                });
            }
            first += width;
        }
    }
}

impl WeightGradient {
    /// MR input channels by NR vectors of output channels, accumulated in registers over all rows.
    ///
    /// # Safety
    /// Channels `c .. c + MR` and the columns from `first` on, `NR` vectors with `part` lanes in
    /// the last one if `PART`, exist.
    #[inline(always)]
    unsafe fn tile<S: Simd, const MR: usize, const NR: usize, const PART: bool>(
        self,
        s: S,
        t: usize,
        c: usize,
        first: usize,
        part: usize,
    ) {
        // SAFETY: promised by the caller; only the last vector of the last panel is partial.
        unsafe {
            let dw = self.dw.add((t * self.c_in + c) * self.dw_pitch + first);
            let mut acc = [[s.zero(); NR]; MR];
            for (i, row) in acc.iter_mut().enumerate() {
                for (j, a) in row.iter_mut().enumerate() {
                    let at = dw.add(i * self.dw_pitch + j * S::LANES);
                    *a = if PART && j == NR - 1 {
                        s.load_part(at, part)
                    } else {
                        s.load(at)
                    };
                }
            }
            let mut x = self.x.add(t * self.tap_step + c);
            let mut dy = self.dy.add(first);
            for _ in 0..self.rows {
                let mut d = [s.zero(); NR];
                for (j, v) in d.iter_mut().enumerate() {
                    let at = dy.add(j * S::LANES);
                    *v = if PART && j == NR - 1 {
                        s.load_part(at, part)
                    } else {
                        s.load(at)
                    };
                }
                for (i, row) in acc.iter_mut().enumerate() {
                    let a = s.splat(*x.add(i));
                    for (j, v) in row.iter_mut().enumerate() {
                        *v = s.fma(a, d[j], *v);
                    }
                }
                // `wrapping`: after the last row the pointers may leave the buffers and are not
                // read again.
                x = x.wrapping_add(self.row_step);
                dy = dy.wrapping_add(self.dy_pitch);
            }
            for (i, row) in acc.iter().enumerate() {
                for (j, v) in row.iter().enumerate() {
                    let at = dw.add(i * self.dw_pitch + j * S::LANES);
                    if PART && j == NR - 1 {
                        s.store_part(at, part, *v);
                    } else {
                        s.store(at, *v);
                    }
                }
            }
        }
    }
}
