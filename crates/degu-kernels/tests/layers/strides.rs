//! Convolutions with a stride: outputs, weight gradients, and the input gradient by phases.

use super::{cast, close, noise};
use degu_kernels::{
    GroupedConv, Isa, Packed, Phase, Start, Window, conv_forward, conv_weight_gradient,
    grouped_conv_forward,
};

/// One convolution over `rows` input rows with `left` and `right` zeros around them.
#[derive(Clone, Copy, Debug)]
struct Case {
    rows: usize,
    c_in: usize,
    c_out: usize,
    taps: usize,
    stride: usize,
    dilation: usize,
    left: usize,
    right: usize,
}

/// Odd and even lengths; strides below, at and above the taps, with and without a common divisor
/// with the dilation; rows that no window covers; padding wider than the kernel.
fn cases() -> Vec<Case> {
    let case = |[rows, c_in, c_out]: [usize; 3],
                [taps, stride, dilation]: [usize; 3],
                pad: [usize; 2]| Case {
        rows,
        c_in,
        c_out,
        taps,
        stride,
        dilation,
        left: pad[0],
        right: pad[1],
    };
    vec![
        case([7, 3, 5], [3, 1, 1], [1, 1]),
        case([9, 4, 2], [3, 2, 1], [1, 1]),
        case([10, 5, 17], [4, 2, 1], [1, 2]),
        case([23, 16, 33], [5, 3, 1], [2, 2]),
        case([24, 2, 3], [3, 2, 2], [2, 2]),
        case([25, 3, 4], [4, 4, 2], [0, 0]),
        case([31, 3, 20], [3, 3, 4], [8, 0]),
        case([12, 6, 6], [2, 5, 1], [0, 0]),
        case([8, 2, 2], [1, 3, 1], [0, 0]),
        case([5, 2, 3], [3, 2, 1], [6, 7]),
        case([3, 1, 1], [5, 4, 1], [2, 2]),
        case([1, 2, 2], [1, 2, 1], [0, 0]),
        case([40, 64, 64], [7, 2, 3], [9, 9]),
    ]
}

impl Case {
    fn outputs(self) -> usize {
        (self.rows + self.left + self.right - self.dilation * (self.taps - 1) - 1) / self.stride + 1
    }

    /// Calls `each` with the output row, tap and input row of every product.
    fn products(self, mut each: impl FnMut(usize, usize, usize)) {
        for m in 0..self.outputs() {
            for t in 0..self.taps {
                let at = (m * self.stride + t * self.dilation).checked_sub(self.left);
                if let Some(p) = at.filter(|p| *p < self.rows) {
                    each(m, t, p);
                }
            }
        }
    }

    fn window(self) -> Window {
        Window {
            rows: self.outputs(),
            pitch: self.c_in,
            stride: self.stride,
            dilation: self.dilation,
        }
    }

    fn phases(self) -> Vec<Phase> {
        Phase::all(self.rows, self.taps, self.stride, self.dilation, self.left)
    }
}

/// `values`, `[.., channels]`, with rows of zeros around them.
fn padded(values: &[f64], channels: usize, (front, back): (usize, usize)) -> Vec<f32> {
    let zeros = |rows: usize| vec![0.0; rows * channels];
    [zeros(front), cast(values), zeros(back)].concat()
}

/// The gradient of the input, added to `start`.
fn input_gradient(isa: Isa, c: Case, w: &[f64], dy: &[f64], start: f32) -> Vec<f32> {
    let mut dx = vec![start; c.rows * c.c_in];
    for phase in c.phases().iter().filter(|p| p.taps > 0) {
        let halo = phase.halo(c.outputs());
        let dy: Vec<f32> = padded(dy, c.c_out, halo);
        let first = halo.0.saturating_add_signed(phase.first);
        let mut packed = Packed::new(isa, phase.taps, c.c_out, c.c_in);
        packed.pack_reversed_taps(&cast(w), phase.tap, phase.tap_step);
        conv_forward(
            &packed,
            &dy[first * c.c_out..],
            phase.window(c.c_out),
            Start::Accumulate,
            &mut dx[phase.row * c.c_in..],
            c.stride * c.c_in,
        );
    }
    dx
}

#[test]
fn convolutions_equal_plain_loops() {
    for c in cases() {
        let (x, w, b, dy) = (
            noise(c.rows * c.c_in, 1),
            noise(c.taps * c.c_in * c.c_out, 2),
            noise(c.c_out, 3),
            noise(c.outputs() * c.c_out, 4),
        );
        let mut y: Vec<f64> = b.repeat(c.outputs());
        let mut dw = vec![0.0; w.len()];
        let mut dx = vec![1.0; x.len()];
        c.products(|m, t, p| {
            for i in 0..c.c_in {
                for o in 0..c.c_out {
                    let k = (t * c.c_in + i) * c.c_out + o;
                    y[m * c.c_out + o] += x[p * c.c_in + i] * w[k];
                    dw[k] += x[p * c.c_in + i] * dy[m * c.c_out + o];
                    dx[p * c.c_in + i] += w[k] * dy[m * c.c_out + o];
                }
            }
        });
        for isa in Isa::available() {
            let what = format!("{} {c:?}", isa.name());
            let input: Vec<f32> = padded(&x, c.c_in, (c.left, c.right));
            let mut packed = Packed::new(isa, c.taps, c.c_in, c.c_out);
            packed.pack(&cast(&w));
            let mut got = vec![f32::NAN; y.len()];
            let bias = cast(&b);
            let start = Start::Bias(&bias);
            conv_forward(&packed, &input, c.window(), start, &mut got, c.c_out);
            close(&what, &got, &y, 3e-6);

            let (shape, dy1) = ([c.taps, c.c_in, c.c_out], cast(&dy));
            let mut got = vec![0f32; dw.len()];
            conv_weight_gradient(isa, shape, &input, c.window(), &dy1, c.c_out, &mut got);
            close(&format!("weight gradient, {what}"), &got, &dw, 3e-6);

            let got = input_gradient(isa, c, &w, &dy, 1.0);
            close(&format!("input gradient, {what}"), &got, &dx, 3e-6);
        }
    }
}

#[test]
fn small_groups_have_the_same_phases() {
    for (q, channels) in [(1, 5), (2, 18), (4, 32)] {
        for c in cases() {
            let size = c.taps * q * channels;
            let (w, dy) = (noise(size, 5), noise(c.outputs() * channels, 6));
            let mut want = vec![0.0; c.rows * channels];
            c.products(|m, t, p| {
                for o in 0..channels {
                    for i in 0..q {
                        let k = (t * q + i) * channels + o;
                        want[p * channels + o - o % q + i] += w[k] * dy[m * channels + o];
                    }
                }
            });
            for isa in Isa::available() {
                let mut dx = vec![0f32; want.len()];
                for phase in c.phases().iter().filter(|p| p.taps > 0) {
                    let halo = phase.halo(c.outputs());
                    let dy: Vec<f32> = padded(&dy, channels, halo);
                    let first = halo.0.saturating_add_signed(phase.first);
                    let mut packed = GroupedConv::new(isa, phase.taps, q, channels);
                    packed.pack_reversed_taps(&cast(&w), phase.tap, phase.tap_step);
                    grouped_conv_forward(
                        &packed,
                        &dy[first * channels..],
                        phase.window(channels),
                        Start::Zero,
                        &mut dx[phase.row * channels..],
                        c.stride * channels,
                    );
                }
                close(
                    &format!("{} groups of {q}, {c:?}", isa.name()),
                    &dx,
                    &want,
                    3e-6,
                );
            }
        }
    }
}

/// Every input row is in one phase; without input rows there is none.
#[test]
fn phases_cover_the_input_once() {
    for c in cases() {
        let mut seen = vec![0; c.rows];
        for phase in c.phases() {
            for row in (phase.row..c.rows).step_by(c.stride).take(phase.rows) {
                seen[row] += 1;
            }
        }
        assert!(seen.iter().all(|n| *n == 1), "{c:?}");
    }
    assert!(Phase::all(0, 3, 2, 1, 1).is_empty());
}

/// A window that is moved by whole strides has the same bits, wherever its tile starts.
#[test]
fn equal_windows_have_equal_bits() {
    let (ci, co, taps, stride) = (5, 37, 4, 3);
    let window = noise(taps * ci, 7);
    let w = cast(&noise(taps * ci * co, 8));
    for isa in Isa::available() {
        let mut packed = Packed::new(isa, taps, ci, co);
        packed.pack(&w);
        let mut all = vec![];
        for place in 0..19 {
            let mut x = cast(&noise((19 * stride + taps) * ci, 9));
            x[place * stride * ci..][..taps * ci].copy_from_slice(&cast(&window));
            let mut y = vec![0f32; 19 * co];
            let read = Window {
                rows: 19,
                pitch: ci,
                stride,
                dilation: 1,
            };
            conv_forward(&packed, &x, read, Start::Zero, &mut y, co);
            all.push(y[place * co..][..co].to_vec());
        }
        assert!(all.iter().all(|y| *y == all[0]), "{}", isa.name());
    }
}
