//! Self-attention: f64 against plain loops and differences, every instruction set against f64.

use super::{cast, close, differences, dot, noise};
use degu_kernels::{
    AttentionWork, Element, Heads, Isa, Rows, RowsMut, attention_backward, attention_forward,
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

fn forward<T: Element>(isa: Isa, shape: Heads, x: &[f64]) -> Vec<T> {
    let inner = shape.inner();
    let mut y = vec![T::from_f64(f64::NAN); shape.length * inner];
    attention_forward(
        isa,
        shape,
        Rows {
            values: &cast::<T>(x),
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

fn backward<T: Element>(isa: Isa, shape: Heads, x: &[f64], dy: &[f64], start: f64) -> Vec<T> {
    let inner = shape.inner();
    let mut dx = vec![T::from_f64(start); x.len()];
    attention_backward(
        isa,
        shape,
        Rows {
            values: &cast::<T>(x),
            pitch: 3 * inner,
        },
        Rows {
            values: &cast::<T>(dy),
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
        close(
            &format!("f64 {size:?}"),
            &forward::<f64>(Isa::PORTABLE, shape, &x),
            &want,
            1e-13,
        );
        let exact = backward::<f64>(Isa::PORTABLE, shape, &x, &dy, f64::NAN);
        if x.len() < 1000 {
            let slopes = differences(&x, |x| dot(&plain(shape, x), &dy));
            close(&format!("f64 gradient {size:?}"), &exact, &slopes, 2e-9);
        }
        let plus: Vec<f64> = exact.iter().map(|v| v + 1.0).collect();
        let added = backward::<f64>(Isa::PORTABLE, shape, &x, &dy, 1.0);
        close(&format!("f64 added {size:?}"), &added, &plus, 1e-13);
        for isa in Isa::available() {
            let what = format!("{} {size:?}", isa.name());
            close(&what, &forward::<f32>(isa, shape, &x), &want, 5e-6);
            let got = backward::<f32>(isa, shape, &x, &dy, f64::NAN);
            close(&format!("gradient, {what}"), &got, &exact, 2e-5);
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
        close(isa.name(), &forward::<f32>(isa, shape, &x), &want, 2e-4);
        let dx = backward::<f32>(isa, shape, &x, &noise(190, 4), f64::NAN);
        assert!(dx.iter().all(|v| v.is_finite()), "{}", isa.name());
    }
}

/// One buffer for sequences of several sizes, views with room between their rows, and nothing at
/// all.
#[test]
fn buffers_and_pitches_change_no_bit() {
    for isa in Isa::available() {
        let mut work = AttentionWork::<f32>::default();
        for size in [[17, 3, 5], [50, 2, 8], [17, 3, 5]] {
            let shape = heads(size);
            let (l, inner) = (shape.length, shape.inner());
            let x = noise(l * 3 * inner, 5);
            let (pitch, out_pitch) = (3 * inner + 4, inner + 3);
            let mut wide = vec![f32::NAN; l * pitch];
            for (row, values) in wide.chunks_mut(pitch).zip(x.chunks(3 * inner)) {
                row[..3 * inner].copy_from_slice(&cast::<f32>(values));
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
            let want = forward::<f32>(isa, shape, &x);
            for (row, want) in y.chunks(out_pitch).zip(want.chunks(inner)) {
                assert_eq!(&row[..inner], want, "{} {size:?}", isa.name());
                assert_eq!(row[inner..], [7.0; 3]);
            }
        }
        for size in [[0, 2, 3], [4, 0, 3], [4, 2, 0]] {
            assert!(forward::<f32>(isa, heads(size), &[]).is_empty());
            assert!(backward::<f32>(isa, heads(size), &[], &[], f64::NAN).is_empty());
        }
    }
}
