//! Convolutions of small groups of channels, depthwise ones included.
//!
//! Where each group has `q` input and `q` output channels, output channel `o` reads only inputs
//! `o - q + 1 .. o + q`: per tap the weights are `2 q - 1` diagonals over the channels, and the
//! loop is vectorised along them with shifted loads. The input gradient is the same loop with
//! transposed diagonals; the weight gradient computes diagonals and keeps those values that belong
//! to a group.

use crate::conv::{Start, Window};
use crate::isa::{Isa, Kernel};
use crate::simd::Simd;
use crate::simd::by_channels;

/// Weights of a convolution whose groups have as many outputs as inputs, as diagonals `[taps, 2 q -
/// 1, channels]`.
#[derive(Clone, Debug)]
pub struct GroupedConv {
    isa: Isa,
    taps: usize,
    group: usize,
    channels: usize,
    data: Vec<f32>,
}

impl GroupedConv {
    /// Room for weights `[taps, group, channels]`, all zero.
    ///
    /// # Panics
    ///
    /// If `group` is 0 or does not divide `channels`.
    pub fn new(isa: Isa, taps: usize, group: usize, channels: usize) -> Self {
        assert!(
            group > 0 && channels.is_multiple_of(group),
            "groups of {group} in {channels} channels"
        );
        Self {
            isa,
            taps,
            group,
            channels,
            data: vec![0.0; taps * (2 * group - 1) * channels],
        }
    }

    /// Packs `weights`, `[taps, group, channels]`.
    ///
    /// # Panics
    ///
    /// If `weights` has another length.
    pub fn pack(&mut self, weights: &[f32]) {
        self.check(weights);
        self.fill(weights, |t| t, |(input, output)| (input, output));
    }

    /// Packs the weights of the input gradient of the convolution with `weights`: taps reversed,
    /// groups transposed.
    ///
    /// # Panics
    ///
    /// If `weights` has another length.
    pub fn pack_reversed(&mut self, weights: &[f32]) {
        self.check(weights);
        self.pack_reversed_taps(weights, 0, 1);
    }

    /// As [`GroupedConv::pack_reversed`] from the taps `first`, `first + step`, .. of `weights`
    /// alone, as many as `self` has.
    ///
    /// # Panics
    ///
    /// If `weights` has fewer taps.
    pub fn pack_reversed_taps(&mut self, weights: &[f32], first: usize, step: usize) {
        let taps = self.taps;
        let tap = |t: usize| first + (taps - 1 - t) * step;
        self.fill(weights, tap, |(input, output)| (output, input));
    }

    fn check(&self, weights: &[f32]) {
        assert_eq!(
            weights.len(),
            self.taps * self.group * self.channels,
            "weights [taps, group, channels]"
        );
    }

    /// `tap` maps a tap to that of the weights, `place` a pair (read channel, written channel) to
    /// theirs.
    fn fill(
        &mut self,
        weights: &[f32],
        tap: impl Fn(usize) -> usize,
        place: impl Fn((usize, usize)) -> (usize, usize),
    ) {
        let (q, channels) = (self.group, self.channels);
        self.data.fill(0.0);
        for t in 0..self.taps {
            for written in 0..channels {
                let first = written - written % q;
                for read in first..first + q {
                    let (input, output) = place((read, written));
                    let value = weights[(tap(t) * q + input % q) * channels + output];
                    let diagonal = q - 1 + read - written;
                    self.data[(t * (2 * q - 1) + diagonal) * channels + written] = value;
                }
            }
        }
    }

    /// The instruction set that these weights are packed for.
    pub fn isa(&self) -> Isa {
        self.isa
    }
}

/// Values of an input that `window` reads.
fn reach(window: Window, taps: usize, channels: usize) -> usize {
    ((window.rows - 1) * window.stride + (taps - 1) * window.dilation) * window.pitch + channels
}

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
        x.len() >= reach(window, weights.taps, channels),
        "input of {} values is too short",
        x.len()
    );
    assert!(
        y.len() >= (window.rows - 1) * y_pitch + channels,
        "output of {} values is too short",
        y.len()
    );
    let bias = match start {
        Start::Bias(b) => {
            assert!(b.len() >= channels, "bias shorter than {channels} channels");
            b.as_ptr()
        }
        _ => std::ptr::null(),
    };
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

#[derive(Clone, Copy)]
struct Shared {
    rows: usize,
    channels: usize,
    taps: usize,
    group: usize,
    x: *const f32,
    row_step: usize,
    tap_step: usize,
}

impl Shared {
    /// Channels `c + shift ..` of the row at `x`; zero where there are none.
    ///
    /// # Safety
    /// All channels of the row are readable.
    #[inline(always)]
    unsafe fn shifted<S: Simd>(&self, s: S, x: *const f32, c: usize, shift: isize) -> S::V {
        let from = c as isize + shift;
        // SAFETY: only channels of the row are read.
        unsafe {
            if from >= 0 {
                let from = from as usize;
                if from + S::LANES <= self.channels {
                    s.load(x.wrapping_add(from))
                } else {
                    s.load_part(x.wrapping_add(from), self.channels.saturating_sub(from))
                }
            } else {
                let mut lanes = [0.0; 16];
                for (i, lane) in lanes.iter_mut().enumerate().take(S::LANES) {
                    let at = from + i as isize;
                    if (0..self.channels as isize).contains(&at) {
                        *lane = *x.offset(at);
                    }
                }
                s.load(lanes.as_ptr())
            }
        }
    }
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
        x.len() >= reach(window, taps, channels),
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
                        *at = *at + *v;
                    }
                }
            }
        }
    }
}
