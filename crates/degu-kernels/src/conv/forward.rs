//! Forward pass, input gradient, dense layers.

use super::narrow::NarrowForward;
use super::tiles::{by_panel, by_rows};
use super::window::{Start, Window};
use crate::isa::Kernel;
use crate::pack::{Packed, panels};
use crate::simd::Simd;

/// `y[m][o] = start + sum over t, c of x[m*stride + t*dilation][c] * w[t][c][o]`; the row
/// stride of `y` is `y_pitch`.
///
/// # Panics
///
/// If `x`, `y` or the bias are shorter than the shapes say.
pub fn conv_forward(
    weights: &Packed,
    x: &[f32],
    window: Window,
    start: Start<'_>,
    y: &mut [f32],
    y_pitch: usize,
) {
    let n = weights.c_out();
    if window.rows == 0 || n == 0 {
        return;
    }
    assert!(
        window.pitch >= weights.c_in() && y_pitch >= n,
        "row strides below the number of channels"
    );
    assert!(
        x.len() >= window.reach(weights.taps(), weights.c_in()),
        "input of {} values is too short",
        x.len()
    );
    let bias = start.checked(window.rows, n, y, y_pitch);
    if weights.is_narrow() {
        let shape = [weights.taps(), weights.c_in(), n];
        let kernel = NarrowForward::new(shape, x, window, weights.data(), start, y, y_pitch);
        return weights.isa().run(kernel);
    }
    weights.isa().run(Forward {
        x: x.as_ptr(),
        rows: window.rows,
        c_in: weights.c_in(),
        row_step: window.stride * window.pitch,
        taps: weights.taps(),
        tap_step: window.dilation * window.pitch,
        weights: weights.data().as_ptr(),
        bias,
        accumulate: matches!(start, Start::Accumulate),
        y: y.as_mut_ptr(),
        y_pitch,
        n,
    });
}

#[derive(Clone, Copy)]
struct Forward {
    x: *const f32,
    rows: usize,
    c_in: usize,
    row_step: usize,
    taps: usize,
    tap_step: usize,
    weights: *const f32,
    bias: *const f32,
    accumulate: bool,
    y: *mut f32,
    y_pitch: usize,
    n: usize,
}

impl Kernel for Forward {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (mut offset, mut first) = (0, 0);
        for p in panels(self.n.div_ceil(S::LANES), S::PANEL) {
            let width = p * S::LANES;
            // Lanes of the last vector of the last panel, if it is not full.
            let part = if first + width > self.n {
                self.n % S::LANES
            } else {
                0
            };
            // The sum goes on from block to block in `y`, in the same order and with the same
            // roundings as in one go.
            for block in self.blocks(width) {
                let block_sum = self.of_block(block);
                let offset = offset + (block.tap * self.c_in + block.channel) * width;
                by_panel!(s: S, p, self.rows, |m, MR, NR| {
                    // SAFETY: rows m .. m + MR and the columns of this panel lie inside the slices
                    // that `conv_forward` checked.
                    unsafe {
                        if part == 0 {
                            block_sum.tile::<S, MR, NR, false>(s, m, first, offset, 0);
                        } else {
                            block_sum.tile::<S, MR, NR, true>(s, m, first, offset, part);
                        }
                    }
                });
            }
            offset += self.taps * self.c_in * width;
            first += width;
        }
    }
}

/// Taps and channels whose weights are used together: whole taps, or some channels of one tap.
#[derive(Clone, Copy)]
struct Block {
    tap: usize,
    taps: usize,
    channel: usize,
    channels: usize,
}

/// Values of a panel of weights that are used for all rows before the next ones are read: they stay
/// in the first-level cache.
const BLOCK_VALUES: usize = 8 * 1024;

impl Forward {
    /// The blocks of a panel of `width` columns, in the order of the sum.
    #[inline(always)]
    fn blocks(self, width: usize) -> impl Iterator<Item = Block> {
        let depth = (BLOCK_VALUES / width).max(1);
        let channels = self.c_in.div_ceil(self.c_in.div_ceil(depth).max(1)).max(1);
        let taps = (depth / channels).max(1);
        // Without taps or channels there is one empty block: it writes what the sum starts from.
        (0..self.taps.max(1)).step_by(taps).flat_map(move |tap| {
            (0..self.c_in.max(1))
                .step_by(channels)
                .map(move |channel| Block {
                    tap,
                    taps: taps.min(self.taps - tap),
                    channel,
                    channels: channels.min(self.c_in - channel),
                })
        })
    }

    /// The part of the sum over one block.
    #[inline(always)]
    fn of_block(self, block: Block) -> Self {
        let first = block.tap == 0 && block.channel == 0;
        Self {
            x: self
                .x
                .wrapping_add(block.tap * self.tap_step + block.channel),
            taps: block.taps,
            c_in: block.channels,
            accumulate: self.accumulate || !first,
            bias: if first { self.bias } else { std::ptr::null() },
            ..self
        }
    }

    /// MR output rows by NR vectors, accumulated in registers over the whole sum of a block.
    ///
    /// # Safety
    /// Rows `m .. m + MR` and the columns from `first` on, `NR` vectors with `part` lanes in the
    /// last one if `PART`, exist; the panel starts at `offset`.
    #[inline(always)]
    unsafe fn tile<S: Simd, const MR: usize, const NR: usize, const PART: bool>(
        self,
        s: S,
        m: usize,
        first: usize,
        offset: usize,
        part: usize,
    ) {
        // SAFETY: promised by the caller; only the last vector of the last panel is partial.
        unsafe {
            let x = self.x.add(m * self.row_step);
            let y = self.y.add(m * self.y_pitch + first);
            let mut acc = [[s.zero(); NR]; MR];
            if self.accumulate {
                for (i, row) in acc.iter_mut().enumerate() {
                    for (j, a) in row.iter_mut().enumerate() {
                        let at = y.add(i * self.y_pitch + j * S::LANES);
                        *a = if PART && j == NR - 1 {
                            s.load_part(at, part)
                        } else {
                            s.load(at)
                        };
                    }
                }
            } else if !self.bias.is_null() {
                for j in 0..NR {
                    let at = self.bias.add(first + j * S::LANES);
                    let b = if PART && j == NR - 1 {
                        s.load_part(at, part)
                    } else {
                        s.load(at)
                    };
                    for row in &mut acc {
                        row[j] = b;
                    }
                }
            }
            let mut w = self.weights.add(offset);
            for t in 0..self.taps {
                let xt = x.add(t * self.tap_step);
                for c in 0..self.c_in {
                    let mut b = [s.zero(); NR];
                    for (j, v) in b.iter_mut().enumerate() {
                        *v = s.load(w.add(j * S::LANES));
                    }
                    w = w.add(NR * S::LANES);
                    for (i, row) in acc.iter_mut().enumerate() {
                        let a = s.splat(*xt.add(i * self.row_step + c));
                        for (j, v) in row.iter_mut().enumerate() {
                            *v = s.fma(a, b[j], *v);
                        }
                    }
                }
            }
            for (i, row) in acc.iter().enumerate() {
                for (j, v) in row.iter().enumerate() {
                    let at = y.add(i * self.y_pitch + j * S::LANES);
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
