//! Channels-last convolution as a matrix product over overlapping rows: no im2col matrix is ever made.
//!
//! Output row `m` needs the input rows `m * stride + t * dilation`; with dilation 1 these are `taps * c_in` consecutive values,
//! and with dilation only the step between taps changes. Every output is one chain of multiply-adds: the bias first, then taps,
//! then channels, whatever the tile it falls into; equal windows therefore give equal bits at any position.
//!
//! The same loop computes dense layers (one tap) and input gradients ([`Packed::pack_reversed`] on a gradient with halo rows).

use crate::element::Element;
use crate::isa::{Isa, Kernel};
use crate::pack::{Packed, panels};
use crate::simd::Simd;

/// How output rows read the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Output rows.
    pub rows: usize,
    /// Values from one input row to the next (at least the number of input channels).
    pub pitch: usize,
    /// Input rows from one output row to the next.
    pub stride: usize,
    /// Input rows from one tap to the next.
    pub dilation: usize,
}

impl Window {
    /// Values of the input that `rows` output rows of a convolution read.
    fn reach(&self, taps: usize, c_in: usize) -> usize {
        if self.rows == 0 {
            return 0;
        }
        ((self.rows - 1) * self.stride + taps.saturating_sub(1) * self.dilation) * self.pitch + c_in
    }
}

/// What a matrix kernel starts from.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a, T> {
    /// From zero.
    Zero,
    /// From one value per output channel.
    Bias(&'a [T]),
    /// From the values that the output holds.
    Accumulate,
}

/// `y[m][o] = start + sum over t, c of x[m*stride + t*dilation][c] * w[t][c][o]`; the row stride of `y` is `y_pitch`.
///
/// # Panics
///
/// If `x`, `y` or the bias are shorter than the shapes say.
pub fn conv_forward<T: Element>(
    weights: &Packed<T>,
    x: &[T],
    window: Window,
    start: Start<'_, T>,
    y: &mut [T],
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
    assert!(
        y.len() >= (window.rows - 1) * y_pitch + n,
        "output of {} values is too short",
        y.len()
    );
    let bias = match start {
        Start::Bias(b) => {
            assert!(b.len() >= n, "bias of {} values for {n} channels", b.len());
            b.as_ptr()
        }
        _ => std::ptr::null(),
    };
    T::dispatch(
        weights.isa(),
        Forward {
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
        },
    );
}

#[derive(Clone, Copy)]
struct Forward<T> {
    x: *const T,
    rows: usize,
    c_in: usize,
    row_step: usize,
    taps: usize,
    tap_step: usize,
    weights: *const T,
    bias: *const T,
    accumulate: bool,
    y: *mut T,
    y_pitch: usize,
    n: usize,
}

/// Runs `$tile` over all rows: full tiles of the height `$mr`, then one of exactly the remaining height.
macro_rules! by_rows {
    ($total:expr, $mr:literal, [$($rest:literal),*], |$at:ident, $h:ident| $call:expr) => {{
        let mut $at = 0;
        while $at + $mr <= $total {
            { const $h: usize = $mr; $call }
            $at += $mr;
        }
        match $total - $at {
            $($rest => { const $h: usize = $rest; $call })*
            _ => {}
        }
    }};
}

/// Picks the tile height for the panel width `$p` of the token `$s`: sixteen lanes with 32 registers, or fewer with 16.
macro_rules! by_panel {
    ($s:ident: $S:ident, $p:expr, $total:expr, |$at:ident, $h:ident, $w:ident| $call:expr) => {
        if $S::LANES == 16 {
            match $p {
                1 => {
                    const $w: usize = 1;
                    by_rows!(
                        $total,
                        14,
                        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
                        |$at, $h| $call
                    )
                }
                2 => {
                    const $w: usize = 2;
                    by_rows!(
                        $total,
                        12,
                        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
                        |$at, $h| $call
                    )
                }
                3 => {
                    const $w: usize = 3;
                    by_rows!($total, 8, [1, 2, 3, 4, 5, 6, 7], |$at, $h| $call)
                }
                _ => {
                    const $w: usize = 4;
                    by_rows!($total, 6, [1, 2, 3, 4, 5], |$at, $h| $call)
                }
            }
        } else if $S::LANES == 8 {
            match $p {
                1 => {
                    const $w: usize = 1;
                    by_rows!($total, 10, [1, 2, 3, 4, 5, 6, 7, 8, 9], |$at, $h| $call)
                }
                _ => {
                    const $w: usize = 2;
                    by_rows!($total, 6, [1, 2, 3, 4, 5], |$at, $h| $call)
                }
            }
        } else {
            match $p {
                1 => {
                    const $w: usize = 1;
                    by_rows!($total, 6, [1, 2, 3, 4, 5], |$at, $h| $call)
                }
                _ => {
                    const $w: usize = 2;
                    by_rows!($total, 4, [1, 2, 3], |$at, $h| $call)
                }
            }
        }
    };
}

impl<T: Element> Kernel<T> for Forward<T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd<T = T>>(self, s: S) {
        let (mut offset, mut first) = (0, 0);
        for p in panels(self.n.div_ceil(S::LANES), S::PANEL) {
            let width = p * S::LANES;
            // Lanes of the last vector of the last panel, if it is not full.
            let part = if first + width > self.n {
                self.n % S::LANES
            } else {
                0
            };
            by_panel!(s: S, p, self.rows, |m, MR, NR| {
                // SAFETY: rows m .. m + MR and the columns of this panel lie inside the slices that `conv_forward` checked.
                unsafe {
                    if part == 0 {
                        self.tile::<S, MR, NR, false>(s, m, first, offset, 0);
                    } else {
                        self.tile::<S, MR, NR, true>(s, m, first, offset, part);
                    }
                }
            });
            offset += self.taps * self.c_in * width;
            first += width;
        }
    }
}

impl<T: Element> Forward<T> {
    /// MR output rows by NR vectors, accumulated in registers over the whole sum.
    ///
    /// # Safety
    /// Rows `m .. m + MR` and the columns from `first` on, `NR` vectors with `part` lanes in the last one if `PART`, exist;
    /// the panel starts at `offset`.
    #[inline(always)]
    unsafe fn tile<S: Simd<T = T>, const MR: usize, const NR: usize, const PART: bool>(
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

/// Adds the weight gradient of one stretch of rows: `dw[t][c][o] += sum over m of x[m*stride + t*dilation][c] * dy[m][o]`,
/// `dw` being `[taps, c_in, c_out]`. Each element is one chain over the rows in order, continued from its old value.
///
/// # Panics
///
/// If a slice is shorter than the shapes say.
pub fn conv_weight_gradient<T: Element>(
    isa: Isa,
    [taps, c_in, c_out]: [usize; 3],
    x: &[T],
    window: Window,
    dy: &[T],
    dy_pitch: usize,
    dw: &mut [T],
) {
    if window.rows == 0 || c_in == 0 || c_out == 0 {
        return;
    }
    assert!(
        window.pitch >= c_in && dy_pitch >= c_out,
        "row strides below the number of channels"
    );
    assert!(
        x.len() >= window.reach(taps, c_in),
        "input of {} values is too short",
        x.len()
    );
    assert!(
        dy.len() >= (window.rows - 1) * dy_pitch + c_out,
        "gradient of {} values is too short",
        dy.len()
    );
    assert!(
        dw.len() >= taps * c_in * c_out,
        "weight gradient of {} values is too short",
        dw.len()
    );
    // Blocks of rows that stay in the second-level cache together with their gradient.
    let block = (BLOCK_VALUES / (c_in + c_out)).max(32);
    let mut m = 0;
    while m < window.rows {
        let rows = block.min(window.rows - m);
        T::dispatch(
            isa,
            WeightGradient {
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
            },
        );
        m += rows;
    }
}

/// Values of activations and gradient that one block of rows of the weight gradient touches.
const BLOCK_VALUES: usize = 96 * 1024;

#[derive(Clone, Copy)]
struct WeightGradient<T> {
    x: *const T,
    rows: usize,
    c_in: usize,
    row_step: usize,
    taps: usize,
    tap_step: usize,
    dy: *const T,
    dy_pitch: usize,
    n: usize,
    dw: *mut T,
}

impl<T: Element> Kernel<T> for WeightGradient<T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd<T = T>>(self, s: S) {
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
                    // SAFETY: channels c .. c + MR and the columns of this panel lie inside the slices that the caller checked.
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

impl<T: Element> WeightGradient<T> {
    /// MR input channels by NR vectors of output channels, accumulated in registers over all rows.
    ///
    /// # Safety
    /// Channels `c .. c + MR` and the columns from `first` on, `NR` vectors with `part` lanes in the last one if `PART`, exist.
    #[inline(always)]
    unsafe fn tile<S: Simd<T = T>, const MR: usize, const NR: usize, const PART: bool>(
        self,
        s: S,
        t: usize,
        c: usize,
        first: usize,
        part: usize,
    ) {
        // SAFETY: promised by the caller; only the last vector of the last panel is partial.
        unsafe {
            let dw = self.dw.add((t * self.c_in + c) * self.n + first);
            let mut acc = [[s.zero(); NR]; MR];
            for (i, row) in acc.iter_mut().enumerate() {
                for (j, a) in row.iter_mut().enumerate() {
                    let at = dw.add(i * self.n + j * S::LANES);
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
                // `wrapping`: after the last row the pointers may leave the buffers and are not read again.
                x = x.wrapping_add(self.row_step);
                dy = dy.wrapping_add(self.dy_pitch);
            }
            for (i, row) in acc.iter().enumerate() {
                for (j, v) in row.iter().enumerate() {
                    let at = dw.add(i * self.n + j * S::LANES);
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
