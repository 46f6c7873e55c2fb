//! Weight gradient.

use super::pairs::Pairs;
use super::rows::{Combine, GRADIENT, INPUT};
use crate::conv::weight_gradient::conv_weight_gradient;
use crate::conv::window::{Window, span};
use crate::isa::Isa;

/// Sums of products that stand for three taps of a weight gradient until they are folded.
const GRADIENT_PARTS: usize = 4;

/// Values of the sums of products that
/// [`winograd_weight_gradient`](crate::winograd_weight_gradient) adds to.
pub fn winograd_sums([taps, c_in, c_out]: [usize; 3]) -> usize {
    (taps / 3 * GRADIENT_PARTS + taps % 3) * c_in * c_out
}

/// Adds the weight gradient of one stretch of rows to `sums`,
/// [`winograd_sums`](crate::winograd_sums) values that start as zeros and that
/// [`winograd_fold`](crate::winograd_fold) turns into the gradient; `work` is scratch.
///
/// # Panics
///
/// As [`winograd_forward`](crate::winograd_forward).
pub fn winograd_weight_gradient(
    isa: Isa,
    [taps, c_in, c_out]: [usize; 3],
    x: &[f32],
    window: Window,
    dy: &[f32],
    dy_pitch: usize,
    sums: &mut [f32],
    work: &mut Vec<f32>,
) {
    let size = c_in * c_out;
    if window.rows == 0 || size == 0 {
        return;
    }
    let pairs = Pairs::of(taps, c_in, x, window);
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
    work.resize(work.len().max(room + block * c_out), 0.0);
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
            isa.run(of_input);
            isa.run(Combine {
                rows: dy.as_ptr(),
                pitch: dy_pitch,
                available: window.rows,
                channels: c_out,
                combination: gradient,
                pairs: Pairs { threes: 1, ..pairs },
                first,
                count,
                out: gradients.as_mut_ptr(),
            });
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

/// Turns the sums of [`winograd_weight_gradient`](crate::winograd_weight_gradient) into the weight
/// gradient `[taps, c_in, c_out]`, at the start of `sums`.
///
/// # Panics
///
/// If `sums` is shorter than the shape says.
pub fn winograd_fold([taps, c_in, c_out]: [usize; 3], sums: &mut [f32]) {
    let size = c_in * c_out;
    let threes = taps / 3;
    for j in 0..threes {
        // The sums of three taps move down over those that were folded before.
        let (to, from) = (3 * j * size, GRADIENT_PARTS * j * size);
        for k in 0..size {
            let [s0, s1, s2, s3] = [0, 1, 2, 3].map(|part| sums[from + part * size + k]);
            let (even, odd) = ((s1 + s2) * 0.5, (s1 - s2) * 0.5);
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
