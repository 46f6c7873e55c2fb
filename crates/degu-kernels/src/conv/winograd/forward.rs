//! Forward pass and input gradient.

use super::filters::Winograd;
use super::pairs::Pairs;
use super::rows::{Combine, INPUT};
use crate::conv::forward::conv_forward;
use crate::conv::window::{Start, Window};
use crate::isa::Kernel;
use crate::simd::{Simd, by_channels};

/// As [`conv_forward`](crate::conv_forward) up to rounding, by Winograd F(2, 3); `work` is
/// scratch.
///
/// # Panics
///
/// If `x`, `y` or the bias are shorter than the shapes say, a row stride is below the channels,
/// there are fewer than three taps, or the window has a stride, or a dilation with more than
/// three taps.
pub fn winograd_forward(
    weights: &Winograd,
    x: &[f32],
    window: Window,
    start: Start<'_>,
    y: &mut [f32],
    y_pitch: usize,
    work: &mut Vec<f32>,
) {
    let isa = weights.parts[0].isa();
    let (taps, c_in, n) = (weights.taps(), weights.c_in(), weights.c_out());
    if window.rows == 0 || n == 0 {
        return;
    }
    let pairs = Pairs::of(taps, c_in, x, window);
    let bias = start.checked(window.rows, n, y, y_pitch);
    let block = pairs.block(c_in, n);
    let products = block * n;
    let room = pairs.sums(block) * c_in;
    work.resize(work.len().max(room + 4 * products), 0.0);
    let (sums, rest) = work.split_at_mut(room);
    for first in (0..pairs.count()).step_by(block) {
        let count = block.min(pairs.count() - first);
        for (part, combination) in INPUT.into_iter().enumerate() {
            isa.run(Combine {
                rows: x.as_ptr(),
                pitch: window.pitch,
                available: window.rows + (taps - 1) * window.dilation,
                channels: c_in,
                combination,
                pairs,
                first,
                count: pairs.sums(count),
                out: sums.as_mut_ptr(),
            });
            conv_forward(
                &weights.parts[part],
                sums,
                pairs.window(count, c_in),
                Start::Zero,
                &mut rest[part * products..(part + 1) * products],
                n,
            );
        }
        isa.run(Outputs {
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
        });
    }
    if let Some(rest) = &weights.rest {
        let at = (taps - rest.taps()) * window.dilation * window.pitch;
        conv_forward(rest, &x[at..], window, Start::Accumulate, y, y_pitch);
    }
}

/// Outputs from the four products of each pair.
struct Outputs {
    products: *const f32,
    /// Values from one product to the next.
    part: usize,
    channels: usize,
    bias: *const f32,
    accumulate: bool,
    pairs: Pairs,
    first: usize,
    count: usize,
    y: *mut f32,
    y_pitch: usize,
}

impl Kernel for Outputs {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for i in 0..self.count {
            let row = self.pairs.row(self.first + i);
            let both = row + self.pairs.dilation < self.pairs.rows;
            by_channels!(S, self.channels, |c, PART, part| {
                // SAFETY: the products of pair i and the rows below `rows` of `y` exist, as
                // `winograd_forward` checked.
                unsafe {
                    let product = |number: usize| {
                        let at = number * self.part + i * self.channels + c;
                        s.load_up_to::<PART>(self.products.add(at), part)
                    };
                    let start = |at: *mut f32| {
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
