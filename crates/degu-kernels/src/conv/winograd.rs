//! Convolutions with two thirds of the multiplications: Winograd's minimal filtering F(2, 3), in one dimension.
//!
//! Two adjacent outputs of three taps, `d0 g0 + d1 g1 + d2 g2` and `d1 g0 + d2 g1 + d3 g2`, are `m0 + m1 + m2` and `m1 - m2 - m3` with
//! four products in place of six:
//!
//! ```text
//! m0 = (d0 - d2) g0             m1 = (d1 + d2) (g0 + g1 + g2) / 2
//! m3 = (d1 - d3) g2             m2 = (d2 - d1) (g0 - g1 + g2) / 2
//! ```
//!
//! With a dilation the two outputs are `dilation` rows apart. More taps are taken three at a time (at dilation 1), and the one or two
//! that remain are multiplied as they are. Each product is that of a convolution with fewer taps over sums of rows, by the loops of
//! [`conv_forward`]. The weight gradient is the transposed map: four sums of products ([`GRADIENT_PARTS`]) stand for three taps until
//! [`winograd_fold`] turns them into these.
//!
//! An output is the first or the second of its pair: the bits of equal windows at an even and an odd place (in steps of the
//! dilation) may differ, those of whole pairs do not ([`Winograd::grain`]).
//!
//! Source: S. Winograd, Arithmetic Complexity of Computations (1980); Lavin and Gray, arXiv:1509.09308.

use super::{Start, Window, conv_forward, conv_weight_gradient, span};
use crate::element::Element;
use crate::isa::{Isa, Kernel};
use crate::pack::Packed;
use crate::simd::Simd;
use crate::tail::by_channels;

/// Sums of products that stand for three taps of a weight gradient until they are folded.
const GRADIENT_PARTS: usize = 4;

/// Values of the sums of rows and products of a block of pairs: a second-level cache.
const BLOCK_VALUES: usize = 160 * 1024;

/// Which input rows, in steps of the dilation, a product reads: `first + sign * second`.
#[derive(Clone, Copy)]
struct Combination {
    first: Option<usize>,
    second: Option<usize>,
    subtract: bool,
}

impl Combination {
    const fn new(first: Option<usize>, second: Option<usize>, subtract: bool) -> Self {
        Self {
            first,
            second,
            subtract,
        }
    }
}

/// Of the input.
const INPUT: [Combination; 4] = [
    Combination::new(Some(0), Some(2), true),
    Combination::new(Some(1), Some(2), false),
    Combination::new(Some(2), Some(1), true),
    Combination::new(Some(1), Some(3), true),
];

/// Of the gradient of the output.
const GRADIENT: [Combination; 4] = [
    Combination::new(Some(0), None, false),
    Combination::new(Some(0), Some(1), false),
    Combination::new(Some(0), Some(1), true),
    Combination::new(None, Some(1), true),
];

/// Weights of a convolution of stride 1 that is computed by minimal filtering.
#[derive(Clone, Debug)]
pub struct Winograd<T> {
    parts: [Packed<T>; 4],
    /// The taps beyond the last three.
    rest: Option<Packed<T>>,
    /// Combinations of taps before they are packed.
    plain: Vec<T>,
}

impl<T: Element> Winograd<T> {
    /// Whether a convolution of this geometry can be computed this way.
    pub fn fits(taps: usize, stride: usize, dilation: usize) -> bool {
        stride == 1 && (taps == 3 || (taps > 3 && dilation == 1))
    }

    /// Room for weights `[taps, c_in, c_out]`, all zero; at least three taps.
    pub fn new(isa: Isa, taps: usize, c_in: usize, c_out: usize) -> Self {
        let (threes, rest) = (taps / 3, taps % 3);
        let part = || Packed::new(isa, threes, c_in, c_out);
        Self {
            parts: [part(), part(), part(), part()],
            rest: (rest > 0).then(|| Packed::new(isa, rest, c_in, c_out)),
            plain: vec![T::default(); threes * c_in * c_out],
        }
    }

    /// Packs `weights`, `[taps, c_in, c_out]`.
    ///
    /// # Panics
    ///
    /// If `weights` has another length.
    pub fn pack(&mut self, weights: &[T]) {
        let size = self.c_in() * self.c_out();
        assert_eq!(
            weights.len(),
            self.taps() * size,
            "weights [taps, c_in, c_out]"
        );
        let tap = |t: usize| &weights[t * size..(t + 1) * size];
        for part in 0..4 {
            self.combine(part, &tap);
            self.parts[part].pack(&self.plain);
        }
        let threes = self.threes();
        if let Some(rest) = &mut self.rest {
            rest.pack(&weights[3 * threes * size..]);
        }
    }

    /// As [`Packed::pack_reversed_taps`].
    ///
    /// # Panics
    ///
    /// If `weights` has fewer taps.
    pub fn pack_reversed_taps(&mut self, weights: &[T], first: usize, step: usize) {
        let (taps, c_in, size) = (self.taps(), self.c_in(), self.c_in() * self.c_out());
        let tap = |t: usize| &weights[(first + (taps - 1 - t) * step) * size..][..size];
        for part in 0..4 {
            self.combine(part, &tap);
            let plain = &self.plain;
            self.parts[part].transpose(|t| &plain[t * size..(t + 1) * size], c_in);
        }
        let threes = self.threes();
        if let Some(rest) = &mut self.rest {
            rest.transpose(|t| tap(3 * threes + t), c_in);
        }
    }

    /// Fills `plain` with the weights of product `part`.
    fn combine<'a>(&mut self, part: usize, tap: &impl Fn(usize) -> &'a [T]) {
        let half = T::from_f64(0.5);
        let size = (self.c_in() * self.c_out()).max(1);
        for (j, plain) in self.plain.chunks_exact_mut(size).enumerate() {
            let [g0, g1, g2] = [tap(3 * j), tap(3 * j + 1), tap(3 * j + 2)];
            match part {
                0 => plain.copy_from_slice(g0),
                3 => plain.copy_from_slice(g2),
                _ => {
                    let sign = if part == 1 { half } else { -half };
                    let taps = g0.iter().zip(g1).zip(g2);
                    for (value, ((a, b), c)) in plain.iter_mut().zip(taps) {
                        *value = (*a + *c) * half + *b * sign;
                    }
                }
            }
        }
    }

    fn threes(&self) -> usize {
        self.parts[0].taps()
    }
    fn rest(&self) -> usize {
        self.rest.as_ref().map_or(0, Packed::taps)
    }
    /// Taps of the convolution.
    pub fn taps(&self) -> usize {
        3 * self.threes() + self.rest()
    }
    /// Channels that are summed over.
    pub fn c_in(&self) -> usize {
        self.parts[0].c_in()
    }
    /// Columns of the result.
    pub fn c_out(&self) -> usize {
        self.parts[0].c_out()
    }
    /// Rows that come in pairs: a stretch that starts at a multiple of it has the bits of the whole.
    pub fn grain(dilation: usize) -> usize {
        2 * dilation
    }
}

/// Where the pairs of a call lie.
#[derive(Clone, Copy)]
struct Pairs {
    /// Output rows.
    rows: usize,
    dilation: usize,
    /// Taps three at a time.
    threes: usize,
}

impl Pairs {
    fn count(self) -> usize {
        let whole = 2 * self.dilation;
        self.rows / whole * self.dilation + (self.rows % whole).min(self.dilation)
    }

    /// First output row of pair `i`.
    #[inline(always)]
    fn row(self, i: usize) -> usize {
        i / self.dilation * 2 * self.dilation + i % self.dilation
    }

    /// Rows of the sums that `pairs` pairs read.
    fn sums(self, pairs: usize) -> usize {
        if self.threes == 1 {
            pairs
        } else {
            2 * (pairs - 1) + 3 * (self.threes - 1) + 1
        }
    }

    /// Output row, or its place in the input, of sum `v`, counted from pair `first` on.
    #[inline(always)]
    fn source(self, first: usize, v: usize) -> usize {
        if self.threes == 1 {
            self.row(first + v)
        } else {
            2 * first + v
        }
    }

    /// How the products read the sums.
    fn window(self, pairs: usize, pitch: usize) -> Window {
        Window {
            rows: pairs,
            pitch,
            stride: if self.threes == 1 { 1 } else { 2 },
            dilation: 3,
        }
    }

    /// Pairs of a block: equal ones whose sums and products stay in the cache.
    fn block(self, c_in: usize, c_out: usize) -> usize {
        let sums = if self.threes == 1 { c_in } else { 2 * c_in };
        let most = (BLOCK_VALUES / (sums + 4 * c_out)).max(8);
        self.count().div_ceil(self.count().div_ceil(most))
    }
}

/// As [`conv_forward`](super::conv_forward) up to rounding; `work` is scratch.
///
/// # Panics
///
/// If `x`, `y` or the bias are shorter than the shapes say, a row stride is below the channels, there are fewer than three taps, or the
/// window has a stride, or a dilation with more than three taps.
pub(crate) fn winograd_forward<T: Element>(
    weights: &Winograd<T>,
    x: &[T],
    window: Window,
    start: Start<'_, T>,
    y: &mut [T],
    y_pitch: usize,
    work: &mut Vec<T>,
) {
    let isa = weights.parts[0].isa();
    let (taps, c_in, n) = (weights.taps(), weights.c_in(), weights.c_out());
    if window.rows == 0 || n == 0 {
        return;
    }
    let pairs = check(taps, c_in, x, window);
    assert!(
        y_pitch >= n && y.len() >= span(window.rows, y_pitch, n),
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
    let block = pairs.block(c_in, n);
    let products = block * n;
    let room = pairs.sums(block) * c_in;
    work.resize(work.len().max(room + 4 * products), T::default());
    let (sums, rest) = work.split_at_mut(room);
    for first in (0..pairs.count()).step_by(block) {
        let count = block.min(pairs.count() - first);
        for (part, combination) in INPUT.into_iter().enumerate() {
            T::dispatch(
                isa,
                Combine {
                    rows: x.as_ptr(),
                    pitch: window.pitch,
                    available: window.rows + (taps - 1) * window.dilation,
                    channels: c_in,
                    combination,
                    pairs,
                    first,
                    count: pairs.sums(count),
                    out: sums.as_mut_ptr(),
                },
            );
            conv_forward(
                &weights.parts[part],
                sums,
                pairs.window(count, c_in),
                Start::Zero,
                &mut rest[part * products..(part + 1) * products],
                n,
            );
        }
        T::dispatch(
            isa,
            Outputs {
                products: rest.as_ptr(),
                part: products,
                channels: n,
                bias,
                accumulate: matches!(start, Start::Accumulate),
                pairs,
                first,
                count,
                y: y.as_mut_ptr(),
                y_pitch,
            },
        );
    }
    if let Some(rest) = &weights.rest {
        let at = (taps - rest.taps()) * window.dilation * window.pitch;
        conv_forward(rest, &x[at..], window, Start::Accumulate, y, y_pitch);
    }
}

/// Values of the sums of products that [`winograd_weight_gradient`](crate::winograd_weight_gradient) adds to.
pub fn winograd_sums([taps, c_in, c_out]: [usize; 3]) -> usize {
    (taps / 3 * GRADIENT_PARTS + taps % 3) * c_in * c_out
}

/// Adds the weight gradient of one stretch of rows to `sums`, [`winograd_sums`] values that start as zeros and that
/// [`winograd_fold`] turns into the gradient; `work` is scratch.
///
/// # Panics
///
/// As [`winograd_forward`].
pub(crate) fn winograd_weight_gradient<T: Element>(
    isa: Isa,
    [taps, c_in, c_out]: [usize; 3],
    x: &[T],
    window: Window,
    dy: &[T],
    dy_pitch: usize,
    sums: &mut [T],
    work: &mut Vec<T>,
) {
    let size = c_in * c_out;
    if window.rows == 0 || size == 0 {
        return;
    }
    let pairs = check(taps, c_in, x, window);
    assert!(
        dy_pitch >= c_out && dy.len() >= span(window.rows, dy_pitch, c_out),
        "gradient of {} values is too short",
        dy.len()
    );
    assert!(
        sums.len() >= winograd_sums([taps, c_in, c_out]),
        "{} values for the sums of a weight gradient",
        sums.len()
    );
    let block = pairs.block(c_in, c_out);
    let room = pairs.sums(block) * c_in;
    work.resize(work.len().max(room + block * c_out), T::default());
    let (inputs, gradients) = work.split_at_mut(room);
    for first in (0..pairs.count()).step_by(block) {
        let count = block.min(pairs.count() - first);
        for (part, (input, gradient)) in INPUT.into_iter().zip(GRADIENT).enumerate() {
            let of_input = Combine {
                rows: x.as_ptr(),
                pitch: window.pitch,
                available: window.rows + (taps - 1) * window.dilation,
                channels: c_in,
                combination: input,
                pairs,
                first,
                count: pairs.sums(count),
                out: inputs.as_mut_ptr(),
            };
            T::dispatch(isa, of_input);
            T::dispatch(
                isa,
                Combine {
                    rows: dy.as_ptr(),
                    pitch: dy_pitch,
                    available: window.rows,
                    channels: c_out,
                    combination: gradient,
                    pairs: Pairs { threes: 1, ..pairs },
                    first,
                    count,
                    out: gradients.as_mut_ptr(),
                },
            );
            for j in 0..pairs.threes {
                let at = (GRADIENT_PARTS * j + part) * size;
                conv_weight_gradient(
                    isa,
                    [1, c_in, c_out],
                    &inputs[3 * j * c_in..],
                    pairs.window(count, c_in),
                    gradients,
                    c_out,
                    &mut sums[at..at + size],
                );
            }
        }
    }
    if !taps.is_multiple_of(3) {
        let done = taps - taps % 3;
        conv_weight_gradient(
            isa,
            [taps % 3, c_in, c_out],
            &x[done * window.dilation * window.pitch..],
            window,
            dy,
            dy_pitch,
            &mut sums[GRADIENT_PARTS * (taps / 3) * size..],
        );
    }
}

/// Turns the sums of [`winograd_weight_gradient`](crate::winograd_weight_gradient) into the weight gradient `[taps, c_in, c_out]`, at the start of `sums`.
///
/// # Panics
///
/// If `sums` is shorter than the shape says.
pub fn winograd_fold<T: Element>([taps, c_in, c_out]: [usize; 3], sums: &mut [T]) {
    let (size, half) = (c_in * c_out, T::from_f64(0.5));
    let threes = taps / 3;
    for j in 0..threes {
        // The sums of three taps move down over those that were folded before.
        let (to, from) = (3 * j * size, GRADIENT_PARTS * j * size);
        for k in 0..size {
            let [s0, s1, s2, s3] = [0, 1, 2, 3].map(|part| sums[from + part * size + k]);
            let (even, odd) = ((s1 + s2) * half, (s1 - s2) * half);
            sums[to + k] = s0 + even;
            sums[to + size + k] = odd;
            sums[to + 2 * size + k] = even + s3;
        }
    }
    sums.copy_within(
        GRADIENT_PARTS * threes * size..(GRADIENT_PARTS * threes + taps % 3) * size,
        3 * threes * size,
    );
}

/// The pairs of a call whose input is long enough.
fn check<T>(taps: usize, c_in: usize, x: &[T], window: Window) -> Pairs {
    assert!(
        taps >= 3 && window.stride == 1 && window.dilation > 0 && window.pitch >= c_in,
        "minimal filtering has three taps or more and no stride"
    );
    assert!(
        taps == 3 || window.dilation == 1,
        "minimal filtering of {taps} taps has no dilation"
    );
    assert!(
        x.len() >= window.reach(taps, c_in),
        "input of {} values is too short",
        x.len()
    );
    Pairs {
        rows: window.rows,
        dilation: window.dilation,
        threes: taps / 3,
    }
}

/// Sums or differences of two rows, one after the other; rows from `available` on are zero.
struct Combine<T> {
    rows: *const T,
    pitch: usize,
    available: usize,
    channels: usize,
    combination: Combination,
    pairs: Pairs,
    first: usize,
    count: usize,
    out: *mut T,
}

impl<T: Element> Combine<T> {
    #[inline(always)]
    fn row(&self, source: usize, step: Option<usize>) -> Option<*const T> {
        let row = source + step? * self.pairs.dilation;
        (row < self.available).then(|| self.rows.wrapping_add(row * self.pitch))
    }
}

impl<T: Element> Kernel<T> for Combine<T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd<T = T>>(self, s: S) {
        for v in 0..self.count {
            let source = self.pairs.source(self.first, v);
            let (a, b) = (
                self.row(source, self.combination.first),
                self.row(source, self.combination.second),
            );
            let out = self.out.wrapping_add(v * self.channels);
            by_channels!(S, self.channels, |c, PART, part| {
                // SAFETY: a row below `available` has `channels` values, and `out` room for `count` rows, as the callers checked.
                unsafe {
                    let load = |row: Option<*const T>| match row {
                        Some(row) => s.load_up_to::<PART>(row.add(c), part),
                        None => s.zero(),
                    };
                    let (a, b) = (load(a), load(b));
                    let sum = if self.combination.subtract {
                        s.sub(a, b)
                    } else {
                        s.add(a, b)
                    };
                    s.store_up_to::<PART>(out.add(c), part, sum);
                }
            });
        }
    }
}

/// Outputs from the four products of each pair.
struct Outputs<T> {
    products: *const T,
    /// Values from one product to the next.
    part: usize,
    channels: usize,
    bias: *const T,
    accumulate: bool,
    pairs: Pairs,
    first: usize,
    count: usize,
    y: *mut T,
    y_pitch: usize,
}

impl<T: Element> Kernel<T> for Outputs<T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd<T = T>>(self, s: S) {
        for i in 0..self.count {
            let row = self.pairs.row(self.first + i);
            let both = row + self.pairs.dilation < self.pairs.rows;
            by_channels!(S, self.channels, |c, PART, part| {
                // SAFETY: the products of pair i and the rows below `rows` of `y` exist, as `winograd_forward` checked.
                unsafe {
                    let product = |number: usize| {
                        let at = number * self.part + i * self.channels + c;
                        s.load_up_to::<PART>(self.products.add(at), part)
                    };
                    let start = |at: *mut T| {
                        if self.accumulate {
                            s.load_up_to::<PART>(at, part)
                        } else if self.bias.is_null() {
                            s.zero()
                        } else {
                            s.load_up_to::<PART>(self.bias.add(c), part)
                        }
                    };
                    let (m1, m2) = (product(1), product(2));
                    let at = self.y.add(row * self.y_pitch + c);
                    let y0 = s.add(product(0), s.add(m1, m2));
                    s.store_up_to::<PART>(at, part, s.add(start(at), y0));
                    if both {
                        let at = at.add(self.pairs.dilation * self.y_pitch);
                        let y1 = s.sub(s.sub(m1, m2), product(3));
                        s.store_up_to::<PART>(at, part, s.add(start(at), y1));
                    }
                }
            });
        }
    }
}
