//! Convolutions with few outputs, such as the head of a profile (64 channels and 75 taps to one
//! output): a vector of outputs would be nearly empty.
//!
//! The forward pass is vectorised along the sum instead: each lane adds up its own input channels,
//! and the lanes are added at the end, in one order for every row. The weight gradient is
//! vectorised along the input channels; taps take the place of the rows of a tile, and each element
//! is the same chain over the rows as in the other kernel, bit for bit.

use super::window::{Start, Window};
use crate::isa::Kernel;
use crate::pack::FEW;
use crate::simd::Simd;

/// The forward pass; `weights` are `[c_out, taps, c_in]`.
#[derive(Clone, Copy)]
pub(super) struct NarrowForward {
    x: *const f32,
    rows: usize,
    row_step: usize,
    taps: usize,
    tap_step: usize,
    c_in: usize,
    weights: *const f32,
    bias: *const f32,
    accumulate: bool,
    y: *mut f32,
    y_pitch: usize,
    n: usize,
}

impl NarrowForward {
    /// The kernel's view of slices that the caller has checked: `x` reaches as far as `window`
    /// says, `weights` are `[n, taps, c_in]`, a bias has `n` values and `y` holds `window.rows`
    /// rows.
    pub(super) fn new(
        [taps, c_in, n]: [usize; 3],
        x: &[f32],
        window: Window,
        weights: &[f32],
        start: Start<'_>,
        y: &mut [f32],
        y_pitch: usize,
    ) -> Self {
        Self {
            x: x.as_ptr(),
            rows: window.rows,
            row_step: window.stride * window.pitch,
            taps,
            tap_step: window.dilation * window.pitch,
            c_in,
            weights: weights.as_ptr(),
            bias: match start {
                Start::Bias(b) => b.as_ptr(),
                _ => std::ptr::null(),
            },
            accumulate: matches!(start, Start::Accumulate),
            y: y.as_mut_ptr(),
            y_pitch,
            n,
        }
    }
}

impl Kernel for NarrowForward {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.n {
            1 => self.all::<S, 8, 1>(s),
            2 => self.all::<S, 6, 2>(s),
            3 => self.all::<S, 4, 3>(s),
            _ => self.all::<S, 3, FEW>(s),
        }
    }
}

impl NarrowForward {
    /// All rows: tiles of MR, then one by one.
    #[inline(always)]
    fn all<S: Simd, const MR: usize, const NO: usize>(self, s: S) {
        let whole = self.rows - self.rows % MR;
        // SAFETY: these rows and the NO outputs lie inside the slices that the caller of `new`
        // checked.
        unsafe {
            for m in (0..whole).step_by(MR) {
                self.tile::<S, MR, NO>(s, m);
            }
            for m in whole..self.rows {
                self.tile::<S, 1, NO>(s, m);
            }
        }
    }

    /// MR output rows by NO outputs, each a vector of partial sums.
    ///
    /// # Safety
    /// Rows `m .. m + MR` exist, and there are `NO` outputs.
    #[inline(always)]
    unsafe fn tile<S: Simd, const MR: usize, const NO: usize>(self, s: S, m: usize) {
        let part = self.c_in % S::LANES;
        let whole = self.c_in - part;
        let depth = self.taps * self.c_in;
        let mut acc = [[s.zero(); NO]; MR];
        // SAFETY: promised by the caller; a partial load reads the channels that are there.
        unsafe {
            let x = self.x.add(m * self.row_step);
            for t in 0..self.taps {
                let (xt, wt) = (x.add(t * self.tap_step), self.weights.add(t * self.c_in));
                for c in (0..whole).step_by(S::LANES) {
                    self.step::<S, MR, NO, false>(s, &mut acc, xt.add(c), wt.add(c), depth, 0);
                }
                if part > 0 {
                    let (xt, wt) = (xt.add(whole), wt.add(whole));
                    self.step::<S, MR, NO, true>(s, &mut acc, xt, wt, depth, part);
                }
            }
            for (i, row) in acc.iter().enumerate() {
                for (o, sums) in row.iter().enumerate() {
                    let y = self.y.add((m + i) * self.y_pitch + o);
                    let first = if self.accumulate {
                        *y
                    } else if self.bias.is_null() {
                        0.0
                    } else {
                        *self.bias.add(o)
                    };
                    *y = first + total(s, *sums);
                }
            }
        }
    }

    /// The products of one vector of channels.
    ///
    /// # Safety
    /// As [`Self::tile`]; at `x` and `w` there are a vector's channels, or `part` of them if
    /// `PART`.
    #[inline(always)]
    unsafe fn step<S: Simd, const MR: usize, const NO: usize, const PART: bool>(
        self,
        s: S,
        acc: &mut [[S::V; NO]; MR],
        x: *const f32,
        w: *const f32,
        depth: usize,
        part: usize,
    ) {
        // SAFETY: promised by the caller.
        unsafe {
            let mut weights = [s.zero(); NO];
            for (o, v) in weights.iter_mut().enumerate() {
                *v = s.load_up_to::<PART>(w.add(o * depth), part);
            }
            for (i, row) in acc.iter_mut().enumerate() {
                let a = s.load_up_to::<PART>(x.add(i * self.row_step), part);
                for (o, v) in row.iter_mut().enumerate() {
                    *v = s.fma(a, weights[o], *v);
                }
            }
        }
    }
}

/// The sum of the lanes: halves are added until one is left.
#[inline(always)]
fn total<S: Simd>(s: S, v: S::V) -> f32 {
    let mut lanes = [0.0; 16];
    // SAFETY: sixteen values hold the widest vector.
    unsafe { s.store(lanes.as_mut_ptr(), v) };
    let mut half = S::LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// Rows whose products are added before the sums go back to memory.
const BLOCK_ROWS: usize = 1024;

/// The weight gradient: `dw[t][c][o] += sum over m of x[m + t * dilation][c] * dy[m][o]`.
#[derive(Clone, Copy)]
pub(super) struct NarrowGradient {
    pub(super) x: *const f32,
    /// Values from one input row to the next.
    pub(super) pitch: usize,
    pub(super) rows: usize,
    pub(super) taps: usize,
    pub(super) dilation: usize,
    pub(super) c_in: usize,
    pub(super) dy: *const f32,
    pub(super) dy_pitch: usize,
    pub(super) n: usize,
    pub(super) dw: *mut f32,
    pub(super) dw_pitch: usize,
}

impl Kernel for NarrowGradient {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for m in (0..self.rows).step_by(BLOCK_ROWS) {
            let block = Self {
                x: self.x.wrapping_add(m * self.pitch),
                dy: self.dy.wrapping_add(m * self.dy_pitch),
                rows: BLOCK_ROWS.min(self.rows - m),
                ..self
            };
            for o in 0..self.n {
                if S::PANEL == 4 {
                    block.output::<S, 4>(s, o);
                } else {
                    block.output::<S, 2>(s, o);
                }
            }
        }
    }
}

/// Taps of a tile.
const TAPS: usize = 6;

impl NarrowGradient {
    /// All taps and channels of output `o`: panels of NR vectors, then single ones.
    #[inline(always)]
    fn output<S: Simd, const NR: usize>(self, s: S, o: usize) {
        let mut first = 0;
        while first + NR * S::LANES <= self.c_in {
            self.panel::<S, NR, false>(s, o, first, 0);
            first += NR * S::LANES;
        }
        while first < self.c_in {
            match self.c_in - first {
                part if part < S::LANES => self.panel::<S, 1, true>(s, o, first, part),
                _ => self.panel::<S, 1, false>(s, o, first, 0),
            }
            first += S::LANES;
        }
    }

    /// All taps of the channels from `first` on.
    #[inline(always)]
    fn panel<S: Simd, const NR: usize, const PART: bool>(
        self,
        s: S,
        o: usize,
        first: usize,
        part: usize,
    ) {
        let whole = self.taps - self.taps % TAPS;
        // SAFETY: these taps, and the channels of this panel by choice of `output`, lie inside the
        // slices that the caller checked.
        unsafe {
            for t in (0..whole).step_by(TAPS) {
                self.tile::<S, TAPS, NR, PART>(s, o, t, first, part);
            }
            for t in whole..self.taps {
                self.tile::<S, 1, NR, PART>(s, o, t, first, part);
            }
        }
    }
}

impl NarrowGradient {
    /// MR taps by NR vectors of input channels for output `o`, accumulated in registers over all
    /// rows of the block.
    ///
    /// # Safety
    /// Taps `t .. t + MR` and the channels from `first` on, `NR` vectors with `part` lanes in the
    /// last one if `PART`, exist.
    #[inline(always)]
    unsafe fn tile<S: Simd, const MR: usize, const NR: usize, const PART: bool>(
        self,
        s: S,
        o: usize,
        t: usize,
        first: usize,
        part: usize,
    ) {
        let width = if PART {
            (NR - 1) * S::LANES + part
        } else {
            NR * S::LANES
        };
        // The sums of a tile lie apart from each other in memory where there are several outputs.
        let mut sums = [[0.0; 64]; MR];
        let mut acc = [[s.zero(); NR]; MR];
        // SAFETY: promised by the caller. Tap t reads input row l for output row l - t * dilation,
        // where there is one.
        unsafe {
            for (i, row) in sums.iter_mut().enumerate() {
                let dw = self
                    .dw
                    .add(((t + i) * self.c_in + first) * self.dw_pitch + o);
                for (c, value) in row.iter_mut().take(width).enumerate() {
                    *value = *dw.add(c * self.dw_pitch);
                }
                for (j, v) in acc[i].iter_mut().enumerate() {
                    *v = s.load(row.as_ptr().add(j * S::LANES));
                }
            }
            let (low, reach) = (t * self.dilation, (MR - 1) * self.dilation);
            let end = low + reach + self.rows;
            // Between these rows all taps have a row to read for.
            let inner = (low + reach).min(end)..(low + self.rows).max(low + reach).min(end);
            let dy = self.dy.add(o);
            for l in low..end {
                let mut row = [s.zero(); NR];
                for (j, v) in row.iter_mut().enumerate() {
                    let at = self.x.add(l * self.pitch + first + j * S::LANES);
                    *v = if PART && j == NR - 1 {
                        s.load_part(at, part)
                    } else {
                        s.load(at)
                    };
                }
                if inner.contains(&l) {
                    for (i, sums) in acc.iter_mut().enumerate() {
                        let m = l - low - i * self.dilation;
                        let a = s.splat(*dy.add(m * self.dy_pitch));
                        for (j, v) in sums.iter_mut().enumerate() {
                            *v = s.fma(a, row[j], *v);
                        }
                    }
                } else {
                    for (i, sums) in acc.iter_mut().enumerate() {
                        let m = (l - low).wrapping_sub(i * self.dilation);
                        if m < self.rows {
                            let a = s.splat(*dy.add(m * self.dy_pitch));
                            for (j, v) in sums.iter_mut().enumerate() {
                                *v = s.fma(a, row[j], *v);
                            }
                        }
                    }
                }
            }
            for (i, row) in sums.iter_mut().enumerate() {
                for (j, v) in acc[i].iter().enumerate() {
                    s.store(row.as_mut_ptr().add(j * S::LANES), *v);
                }
                let dw = self
                    .dw
                    .add(((t + i) * self.c_in + first) * self.dw_pitch + o);
                for (c, value) in row.iter().take(width).enumerate() {
                    *dw.add(c * self.dw_pitch) = *value;
                }
            }
        }
    }
}
