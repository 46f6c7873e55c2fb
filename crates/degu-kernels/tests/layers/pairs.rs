//! Statistics of the first layer from counts of base pairs.

use super::{cast, noise};
use degu_kernels::{CodeCounts, CodeWindow};

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
            for m in 0..rows {
                let read: Vec<usize> = (0..taps)
                    .filter_map(|t| {
                        let position = (m * stride + t * dilation).checked_sub(left)?;
                        let code = codes.get(position).filter(|c| **c < 4)?;
                        Some(4 * t + usize::from(*code))
                    })
                    .collect();
                let sums = &mut out[m * c_out..(m + 1) * c_out];
                for r in &read {
                    for (sum, v) in sums.iter_mut().zip(&table[r * c_out..]) {
                        *sum += v;
                    }
                }
                for r in &read {
                    for (product, sum) in products[r * c_out..].iter_mut().zip(&*sums) {
                        *product += sum;
                    }
                }
            }
            y.extend(out);
        }
        counts.merge(&other);
        let n = 3 * rows;
        assert_eq!(counts.rows(), n as u64);
        let mut product = vec![];
        counts.product(&cast(&table), c_out, &mut product);
        for (got, want) in product.iter().zip(&products) {
            assert!((got - want).abs() < 1e-9, "{got} {want}");
        }
        let (mut mean, mut m2) = (vec![0.0; c_out], vec![0.0; c_out]);
        counts.moments(
            &cast(&table),
            Some(&cast(&bias)),
            &product,
            &mut mean,
            &mut m2,
        );
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
