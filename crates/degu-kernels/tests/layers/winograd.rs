//! Winograd F(2, 3): outputs, input gradients and weight gradients against plain loops, and the
//! stretches that keep their bits.

use super::{cast, close, noise};
use degu_kernels::{
    Isa, Phase, Start, Window, Winograd, winograd_fold, winograd_forward, winograd_sums,
    winograd_weight_gradient,
};

/// Output rows, channels in and out, taps, dilation: odd and even rows, fewer rows than a pair,
/// rows that end inside of a block of pairs, taps beyond the last three, several blocks.
const SHAPES: [[usize; 5]; 12] = [
    [1, 3, 5, 3, 1],
    [2, 3, 5, 3, 1],
    [7, 16, 33, 3, 1],
    [23, 20, 17, 3, 4],
    [40, 5, 3, 3, 16],
    [3, 2, 4, 3, 16],
    [31, 17, 20, 7, 1],
    [30, 4, 6, 8, 1],
    [29, 6, 40, 9, 1],
    [33, 7, 3, 15, 1],
    [230, 196, 196, 3, 8],
    [700, 64, 60, 3, 1],
];

/// Plain results: outputs, gradient of the weights, gradient of the input rows.
struct Expected {
    y: Vec<f64>,
    dw: Vec<f64>,
    dx: Vec<f64>,
}

fn plain(
    [rows, c_in, c_out, taps, dilation]: [usize; 5],
    x: &[f64],
    w: &[f64],
    bias: &[f64],
    dy: &[f64],
) -> Expected {
    let mut all = Expected {
        y: (0..rows * c_out).map(|i| bias[i % c_out]).collect(),
        dw: vec![0.0; w.len()],
        dx: vec![0.0; x.len()],
    };
    for m in 0..rows {
        for t in 0..taps {
            for c in 0..c_in {
                let at = (m + t * dilation) * c_in + c;
                for o in 0..c_out {
                    let k = (t * c_in + c) * c_out + o;
                    all.y[m * c_out + o] += x[at] * w[k];
                    all.dw[k] += x[at] * dy[m * c_out + o];
                    all.dx[at] += w[k] * dy[m * c_out + o];
                }
            }
        }
    }
    all
}

fn check(isa: Isa, shape: [usize; 5], tolerance: f64) -> Vec<f32> {
    let [rows, c_in, c_out, taps, dilation] = shape;
    let rows_in = rows + (taps - 1) * dilation;
    let (x, w) = (noise(rows_in * c_in, 1), noise(taps * c_in * c_out, 2));
    let (bias, dy) = (noise(c_out, 3), noise(rows * c_out, 4));
    let want = plain(shape, &x, &w, &bias, &dy);
    let name = |what: &str| format!("{what}, {} {shape:?}", isa.name());
    // Buffers of exactly the size that is needed; scratch that holds what another call left.
    let (x, w, bias, dy) = (cast(&x), cast(&w), cast(&bias), cast(&dy));
    let mut work = vec![f32::NAN; 100];
    let window = Window {
        rows,
        pitch: c_in,
        stride: 1,
        dilation,
    };
    let mut filters = Winograd::new(isa, taps, c_in, c_out);
    filters.pack(&w);
    assert_eq!(filters.taps(), taps);
    let mut y = vec![f32::NAN; rows * c_out];
    let start = Start::Bias(&bias[..]);
    winograd_forward(&filters, &x, window, start, &mut y, c_out, &mut work);
    close(&name("forward"), &y, &want.y, tolerance);
    let bits = y.clone();
    winograd_forward(
        &filters,
        &x,
        window,
        Start::Accumulate,
        &mut y,
        c_out,
        &mut work,
    );
    let twice: Vec<f64> = (0..y.len())
        .map(|i| 2.0 * want.y[i] - f64::from(bias[i % c_out]))
        .collect();
    close(&name("accumulated"), &y, &twice, tolerance);

    // Two stretches of rows into the same sums, cut anywhere.
    let mut sums = vec![0f32; winograd_sums([taps, c_in, c_out])];
    for (from, to) in [(0, rows / 3), (rows / 3, rows)] {
        winograd_weight_gradient(
            isa,
            [taps, c_in, c_out],
            &x[from * c_in..(to + (taps - 1) * dilation) * c_in],
            Window {
                rows: to - from,
                ..window
            },
            &dy[from * c_out..to * c_out],
            c_out,
            &mut sums,
            &mut work,
        );
    }
    winograd_fold([taps, c_in, c_out], &mut sums);
    close(
        &name("weight gradient"),
        &sums[..w.len()],
        &want.dw,
        tolerance,
    );

    // The input gradient is the convolution of the gradient between rows of zeros with the reversed
    // taps.
    let halo = (taps - 1) * dilation;
    let mut padded = vec![0.0; (rows + 2 * halo) * c_out];
    padded[halo * c_out..(halo + rows) * c_out].copy_from_slice(&dy);
    let mut reversed = Winograd::new(isa, taps, c_out, c_in);
    let phase = Phase::all(rows_in, taps, 1, dilation, 0)[0];
    reversed.pack_reversed_taps(&w, phase.tap, phase.tap_step);
    let mut dx = vec![f32::NAN; rows_in * c_in];
    let window = phase.window(c_out);
    winograd_forward(
        &reversed,
        &padded,
        window,
        Start::Zero,
        &mut dx,
        c_in,
        &mut work,
    );
    close(&name("input gradient"), &dx, &want.dx, tolerance);
    bits
}

#[test]
fn winograd_equals_plain_loops() {
    for shape in SHAPES {
        let fused: Vec<Vec<f32>> = Isa::available()
            .into_iter()
            .map(|isa| check(isa, shape, 2e-6))
            .skip(1)
            .collect();
        assert!(
            fused.windows(2).all(|w| w[0] == w[1]),
            "the vector width changes no bit: {shape:?}"
        );
    }
}

#[test]
fn a_stretch_of_whole_pairs_has_the_bits_of_the_whole() {
    for [rows, c_in, c_out, taps, dilation] in [
        [64, 8, 20, 3, 1],
        [70, 8, 20, 3, 4],
        [61, 5, 33, 3, 8],
        [64, 6, 9, 7, 1],
        [33, 6, 9, 9, 1],
    ] {
        let rows_in = rows + (taps - 1) * dilation;
        let (x, w) = (
            cast(&noise(rows_in * c_in, 5)),
            cast(&noise(taps * c_in * c_out, 6)),
        );
        for isa in Isa::available() {
            let mut filters = Winograd::new(isa, taps, c_in, c_out);
            filters.pack(&w);
            let run = |first: usize, end: usize| {
                let window = Window {
                    rows: end - first,
                    pitch: c_in,
                    stride: 1,
                    dilation,
                };
                let mut y = vec![0.0f32; (end - first) * c_out];
                winograd_forward(
                    &filters,
                    &x[first * c_in..(end + (taps - 1) * dilation) * c_in],
                    window,
                    Start::Zero,
                    &mut y,
                    c_out,
                    &mut vec![],
                );
                y
            };
            let whole = run(0, rows);
            let grain = Winograd::grain(dilation);
            for first in (0..rows).step_by(grain) {
                for end in [first + grain, rows] {
                    let end = end.min(rows);
                    assert_eq!(run(first, end), whole[first * c_out..end * c_out]);
                }
            }
        }
    }
}

#[test]
fn a_longer_row_stride_leaves_the_other_columns() {
    let [rows, c_in, c_out, pitch, y_pitch] = [9, 3, 5, 7, 8];
    let (x, w) = (noise((rows + 2) * pitch, 1), noise(3 * c_in * c_out, 2));
    for isa in Isa::available() {
        let mut filters = Winograd::new(isa, 3, c_in, c_out);
        filters.pack(&cast(&w));
        let mut y = vec![7.0f32; rows * y_pitch];
        let window = Window {
            rows,
            pitch,
            stride: 1,
            dilation: 1,
        };
        winograd_forward(
            &filters,
            &cast(&x),
            window,
            Start::Zero,
            &mut y,
            y_pitch,
            &mut vec![],
        );
        for (m, row) in y.chunks_exact(y_pitch).enumerate() {
            assert_eq!(row[c_out..], [7.0; 3]);
            for (o, got) in row[..c_out].iter().enumerate() {
                let products = (0..3).flat_map(|t| (0..c_in).map(move |c| (t, c)));
                let want: f64 = products
                    .map(|(t, c)| x[(m + t) * pitch + c] * w[(t * c_in + c) * c_out + o])
                    .sum();
                assert!((f64::from(*got) - want).abs() < 1e-5);
            }
        }
    }
}

#[test]
#[should_panic(expected = "Winograd F(2, 3) of 5 taps has no dilation")]
fn more_taps_with_a_dilation_are_refused() {
    let filters = Winograd::new(Isa::PORTABLE, 5, 1, 1);
    let window = Window {
        rows: 4,
        pitch: 1,
        stride: 1,
        dilation: 2,
    };
    winograd_forward(
        &filters,
        &[0.0; 12],
        window,
        Start::Zero,
        &mut [0.0; 4],
        1,
        &mut vec![],
    );
}
