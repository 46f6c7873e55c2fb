//! Layer norm and softmax.

use super::{cast, close, differences, dot, noise};
use degu_kernels::{
    Isa, Rows, RowsMut, Shape, layer_norm_backward, layer_norm_forward, softmax_backward,
    softmax_forward,
};

const EPSILON: f64 = 1e-3;
const SHAPES: [[usize; 2]; 6] = [[3, 1], [3, 5], [1, 16], [4, 19], [3, 33], [2, 64]];

fn plain_norm(x: &[f64], gamma: &[f64], beta: &[f64]) -> Vec<f64> {
    let n = gamma.len();
    x.chunks(n)
        .flat_map(|row| {
            let mean = row.iter().sum::<f64>() / n as f64;
            let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
            let inverse = 1.0 / (variance + EPSILON).sqrt();
            let one = move |(c, v): (usize, &f64)| (v - mean) * inverse * gamma[c] + beta[c];
            row.iter().enumerate().map(one).collect::<Vec<_>>()
        })
        .collect()
}

fn plain_softmax(x: &[f64], channels: usize) -> Vec<f64> {
    x.chunks(channels)
        .flat_map(|row| {
            let top = row.iter().copied().fold(f64::MIN, f64::max);
            let e: Vec<f64> = row.iter().map(|v| (v - top).exp()).collect();
            let sum: f64 = e.iter().sum();
            e.into_iter().map(move |v| v / sum)
        })
        .collect()
}

fn rows(values: &[f32], pitch: usize) -> Rows<'_> {
    Rows { values, pitch }
}

fn into(values: &mut [f32], pitch: usize, accumulate: bool) -> RowsMut<'_> {
    RowsMut {
        values,
        pitch,
        accumulate,
    }
}

/// dx, dgamma, dbeta of a layer norm.
fn norm_back(isa: Isa, [m, c]: [usize; 2], x: &[f64], gamma: &[f64], dy: &[f64]) -> [Vec<f32>; 3] {
    let zeros = |n: usize| vec![0.0; n];
    let (mut dx, mut dgamma, mut dbeta) = (zeros(m * c), zeros(c), zeros(c));
    layer_norm_backward(
        isa,
        Shape {
            rows: m,
            channels: c,
        },
        rows(&cast(x), c),
        &cast(gamma),
        EPSILON,
        rows(&cast(dy), c),
        [&mut dgamma, &mut dbeta],
        into(&mut dx, c, true),
    );
    [dx, dgamma, dbeta]
}

#[test]
fn layer_norm_equals_its_definition_and_its_differences() {
    for [m, c] in SHAPES {
        let (x, gamma, beta, dy) = (noise(m * c, 1), noise(c, 2), noise(c, 3), noise(m * c, 4));
        let shape = Shape {
            rows: m,
            channels: c,
        };
        let want = plain_norm(&x, &gamma, &beta);
        let slopes = [
            differences(&x, |x| dot(&plain_norm(x, &gamma, &beta), &dy)),
            differences(&gamma, |g| dot(&plain_norm(&x, g, &beta), &dy)),
            differences(&beta, |b| dot(&plain_norm(&x, &gamma, b), &dy)),
        ];
        for isa in Isa::available() {
            let mut y = vec![0f32; m * c];
            let (x1, g1, b1) = (cast(&x), cast(&gamma), cast(&beta));
            layer_norm_forward(
                isa,
                shape,
                rows(&x1, c),
                &g1,
                &b1,
                EPSILON,
                into(&mut y, c, false),
            );
            close(&format!("{} {m} x {c}", isa.name()), &y, &want, 5e-6);
            let got = norm_back(isa, [m, c], &x, &gamma, &dy);
            for (got, want) in got.iter().zip(&slopes) {
                // A single channel has no spread: the differences of x are rounding.
                if want.iter().any(|v| v.abs() > 1e-6) {
                    close(&format!("{} {m} x {c}", isa.name()), got, want, 2e-5);
                }
            }
        }
    }
}

#[test]
fn softmax_equals_its_definition_and_its_differences() {
    for [m, c] in SHAPES {
        // Far below zero too: the shift is the row's own maximum, also in a partial vector.
        let x: Vec<f64> = noise(m * c, 5).iter().map(|v| v * 3.0 - 150.0).collect();
        let dy = noise(m * c, 6);
        let shape = Shape {
            rows: m,
            channels: c,
        };
        let want = plain_softmax(&x, c);
        let slopes = differences(&x, |x| dot(&plain_softmax(x, c), &dy));
        for isa in Isa::available() {
            let mut y = vec![1f32; m * c];
            let x1 = cast(&x);
            softmax_forward(isa, shape, rows(&x1, c), into(&mut y, c, true));
            let plus: Vec<f64> = want.iter().map(|v| v + 1.0).collect();
            close(&format!("{} {m} x {c}", isa.name()), &y, &plus, 2e-5);
            let mut dx = vec![f32::NAN; m * c];
            let dy1 = cast(&dy);
            softmax_backward(
                isa,
                shape,
                rows(&x1, c),
                rows(&dy1, c),
                into(&mut dx, c, false),
            );
            if c > 1 {
                close(&format!("{} {m} x {c}", isa.name()), &dx, &slopes, 5e-5);
            } else {
                assert!(dx.iter().all(|v| v.abs() < 1e-6));
            }
        }
    }
}
