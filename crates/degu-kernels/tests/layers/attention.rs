//! Self-attention: every instruction set against plain loops in f64 and their differences.

use super::{cast, close, differences, dot, noise};
use degu_kernels::{
    AttentionWork, Heads, Isa, Rows, RowsMut, attention_backward, attention_forward,
};

/// Positions, heads, channels of a head: one position, below, at and above vectors and blocks of
/// rows, odd widths.
const SIZES: [[usize; 3]; 9] = [
    [1, 1, 1],
    [2, 3, 1],
    [5, 2, 3],
    [15, 1, 4],
    [16, 2, 8],
    [17, 3, 5],
    [48, 1, 16],
    [49, 2, 7],
    [101, 1, 33],
];

fn heads([length, heads, width]: [usize; 3]) -> Heads {
    Heads {
        length,
        heads,
        width,
    }
}

/// Queries, keys and values side by side.
fn plain(shape: Heads, x: &[f64]) -> Vec<f64> {
    let (l, d, inner) = (shape.length, shape.width, shape.inner());
    let mut y = vec![0.0; l * inner];
    for h in 0..shape.heads {
        let part = |k: usize, m: usize| &x[m * 3 * inner + k * inner + h * d..][..d];
        for m in 0..l {
            let scores: Vec<f64> = (0..l)
                .map(|j| dot(part(0, m), part(1, j)) / (d as f64).sqrt())
                .collect();
            let top = scores.iter().copied().fold(f64::MIN, f64::max);
            let powers: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
            let sum: f64 = powers.iter().sum();
            for (j, p) in powers.iter().enumerate() {
                for (c, v) in part(2, j).iter().enumerate() {
                    y[m * inner + h * d + c] += p / sum * v;
                }
            }
        }
    }
    y
}

fn forward(isa: Isa, shape: Heads, x: &[f64]) -> Vec<f32> {
    let inner = shape.inner();
    let mut y = vec![f32::NAN; shape.length * inner];
    attention_forward(
        isa,
        shape,
        Rows {
            values: &cast(x),
            pitch: 3 * inner,
        },
        RowsMut {
            values: &mut y,
            pitch: inner,
            accumulate: false,
        },
        &mut AttentionWork::default(),
    );
    y
}

fn backward(isa: Isa, shape: Heads, x: &[f64], dy: &[f64], start: f32) -> Vec<f32> {
    let inner = shape.inner();
    let mut dx = vec![start; x.len()];
    attention_backward(
        isa,
        shape,
        Rows {
            values: &cast(x),
            pitch: 3 * inner,
        },
        Rows {
            values: &cast(dy),
            pitch: inner,
        },
        RowsMut {
            values: &mut dx,
            pitch: 3 * inner,
            accumulate: !start.is_nan(),
        },
        &mut AttentionWork::default(),
    );
    dx
}

#[test]
fn attention_equals_its_definition_and_its_differences() {
    for size in SIZES {
        let shape = heads(size);
        // Scores of a few units: neither flat nor one-hot.
        let x: Vec<f64> = noise(shape.length * 3 * shape.inner(), 1)
            .iter()
            .map(|v| 2.0 * v)
            .collect();
        let dy = noise(shape.length * shape.inner(), 2);
        let want = plain(shape, &x);
        let loss = |x: &[f64]| dot(&plain(shape, x), &dy);
        // Of every value, or along some directions where there are many.
        let slopes = (x.len() < 1000).then(|| differences(&x, loss));
        let directions: Vec<(Vec<f64>, f64)> = (3..6)
            .map(|seed| {
                let direction = noise(x.len(), seed);
                let at = |h: f64| {
                    let moved = x.iter().zip(&direction).map(|(x, d)| x + h * d);
                    loss(&moved.collect::<Vec<_>>())
                };
                let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                (direction, slope)
            })
            .collect();
        for isa in Isa::available() {
            let what = format!("{} {size:?}", isa.name());
            close(&what, &forward(isa, shape, &x), &want, 5e-6);
            let got = backward(isa, shape, &x, &dy, f32::NAN);
            let got64: Vec<f64> = got.iter().copied().map(f64::from).collect();
            if let Some(slopes) = &slopes {
                close(&format!("gradient, {what}"), &got, slopes, 2e-5);
            }
            for (direction, slope) in &directions {
                let size = dot(&got64, &got64).sqrt() * dot(direction, direction).sqrt();
                let e = (dot(&got64, direction) - slope).abs() / size;
                assert!(
                    e < 1e-6,
                    "gradient along a direction, {what}: error {e:.1e}"
                );
            }
            let plus: Vec<f64> = got64.iter().map(|v| v + 1.0).collect();
            let added = backward(isa, shape, &x, &dy, 1.0);
            close(&format!("added, {what}"), &added, &plus, 1e-6);
        }
    }
}

/// Scores of thousands: the largest is taken away before the exponential.
#[test]
fn large_scores_are_stable() {
    let shape = heads([19, 2, 5]);
    let x: Vec<f64> = noise(19 * 30, 3).iter().map(|v| 60.0 * v).collect();
    let want = plain(shape, &x);
    for isa in Isa::available() {
        close(isa.name(), &forward(isa, shape, &x), &want, 2e-4);
        let dx = backward(isa, shape, &x, &noise(190, 4), f32::NAN);
        assert!(dx.iter().all(|v| v.is_finite()), "{}", isa.name());
    }
}

/// One buffer for sequences of several sizes, views with room between their rows, and nothing at
/// all.
#[test]
fn buffers_and_pitches_change_no_bit() {
    for isa in Isa::available() {
        let mut work = AttentionWork::default();
        for size in [[17, 3, 5], [50, 2, 8], [17, 3, 5]] {
            let shape = heads(size);
            let (l, inner) = (shape.length, shape.inner());
            let x = noise(l * 3 * inner, 5);
            let (pitch, out_pitch) = (3 * inner + 4, inner + 3);
            let mut wide = vec![f32::NAN; l * pitch];
            for (row, values) in wide.chunks_mut(pitch).zip(x.chunks(3 * inner)) {
                row[..3 * inner].copy_from_slice(&cast(values));
            }
            let mut y = vec![7f32; l * out_pitch];
            let projected = Rows {
                values: &wide,
                pitch,
            };
            let out = RowsMut {
                values: &mut y,
                pitch: out_pitch,
                accumulate: false,
            };
            attention_forward(isa, shape, projected, out, &mut work);
            let want = forward(isa, shape, &x);
            for (row, want) in y.chunks(out_pitch).zip(want.chunks(inner)) {
                assert_eq!(&row[..inner], want, "{} {size:?}", isa.name());
                assert_eq!(row[inner..], [7.0; 3]);
            }
        }
        for size in [[0, 2, 3], [4, 0, 3], [4, 2, 0]] {
            assert!(forward(isa, heads(size), &[]).is_empty());
            assert!(backward(isa, heads(size), &[], &[], f32::NAN).is_empty());
        }
    }
}
