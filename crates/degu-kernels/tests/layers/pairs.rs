//! Statistics of the first layer from counts of base pairs.

use super::{close, noise};
use degu_kernels::{CodeCounts, CodeWindow, Isa, lookup_forward};

#[test]
fn moments_and_products_equal_those_of_the_output() {
    // Length, taps, dilation, left, stride, rows: same, valid, dilated, strided, longer than the
    // sequence.
    for [length, taps, dilation, left, stride, rows] in [
        [23, 5, 1, 2, 1, 23],
        [23, 5, 1, 0, 1, 19],
        [17, 4, 3, 4, 1, 17],
        [19, 3, 2, 2, 2, 10],
        [5, 9, 1, 4, 1, 5],
        [1, 1, 1, 0, 1, 1],
    ] {
        let c_out = 6;
        let table = noise(taps * 4 * c_out, 1);
        let bias = noise(c_out, 2);
        let codes: Vec<Vec<u8>> = (0..3u64)
            .map(|n| {
                noise(length, 10 + n)
                    .iter()
                    .map(|v| ((v + 1.0) * 2.75) as u8)
                    .collect()
            })
            .collect();
        let window = CodeWindow {
            first_row: 0,
            rows,
            taps,
            stride,
            dilation,
            left,
        };
        let (mut counts, mut other) = (CodeCounts::new(taps), CodeCounts::new(taps));
        let mut y = vec![];
        let mut products = vec![0.0; table.len()];
        for (n, codes) in codes.iter().enumerate() {
            if n == 1 { &mut other } else { &mut counts }.add(codes, window);
            let mut out = vec![0.0; rows * c_out];
            lookup_forward(
                Isa::PORTABLE,
                &table,
                c_out,
                codes,
                window,
                None,
                &mut out,
                c_out,
            );
            for m in 0..rows {
                for t in 0..taps {
                    let at = (m * stride + t * dilation).checked_sub(left);
                    let Some(code) = at.and_then(|at| codes.get(at)).filter(|c| **c < 4) else {
                        continue;
                    };
                    let r = 4 * t + usize::from(*code);
                    for o in 0..c_out {
                        products[r * c_out + o] += out[m * c_out + o];
                    }
                }
            }
            y.extend(out);
        }
        counts.merge(&other);
        let n = 3 * rows;
        assert_eq!(counts.rows(), n as u64);
        let mut product = vec![];
        counts.product(&table, c_out, &mut product);
        close("products", &product, &products, 1e-12);
        let (mut mean, mut m2) = (vec![0.0; c_out], vec![0.0; c_out]);
        counts.moments(&table, Some(&bias), &product, &mut mean, &mut m2);
        for o in 0..c_out {
            let values: Vec<f64> = y
                .iter()
                .skip(o)
                .step_by(c_out)
                .map(|v| v + bias[o])
                .collect();
            let want = values.iter().sum::<f64>() / n as f64;
            let square: f64 = values.iter().map(|v| (v - want).powi(2)).sum();
            assert!((mean[o] - want).abs() < 1e-12, "mean {} {want}", mean[o]);
            assert!((m2[o] - square).abs() < 1e-9, "m2 {} {square}", m2[o]);
        }
    }
}
