//! Convolutions of values and of base codes.

use candle_core::{DType, Tensor, Var};
use degu_nn::ops::{self, ConvOptions};

use crate::common::{check, device, difference, values};

fn options(pad: (usize, usize), dilation: usize, stride: usize, groups: usize) -> ConvOptions {
    ConvOptions {
        pad,
        dilation,
        stride,
        groups,
    }
}

#[test]
fn convolution_in_every_configuration() {
    for length in [11, 12] {
        for (width, o) in [
            (1, options((0, 0), 1, 1, 1)),
            (3, options((0, 0), 1, 1, 1)),
            (3, options((1, 1), 1, 1, 1)),
            (4, ConvOptions::same(4, 1)),
            (3, ConvOptions::same(3, 4)),
            (3, options((4, 0), 2, 1, 1)),
            (5, options((3, 0), 2, 1, 1)),
            (3, options((1, 2), 1, 2, 1)),
            (3, options((0, 0), 4, 2, 1)),
            (1, options((0, 0), 1, 2, 1)),
            (3, options((1, 1), 1, 1, 2)),
            (3, options((1, 1), 4, 1, 4)),
            (1, options((0, 0), 1, 1, 2)),
            (3, options((1, 0), 1, 3, 4)),
        ] {
            let inputs = [
                values("x", &[3, length, 4]),
                values("w", &[width, 4 / o.groups, 8]),
                values("b", &[8]),
            ];
            check(
                &format!("conv1d L {length} K {width} {o:?}"),
                |v| ops::conv1d(&v[0], &v[1], Some(&v[2]), &o),
                &inputs,
            );
        }
    }
}

#[test]
fn convolution_equals_its_definition() {
    let (n, length, channels, filters) = (3, 9, 4, 6);
    for (width, o) in [
        (4, ConvOptions::same(4, 2)),
        (3, options((2, 0), 1, 2, 2)),
        (3, options((1, 1), 4, 1, 1)),
        (2, options((0, 3), 1, 3, 1)),
    ] {
        let (x, w) = (
            values("x", &[n, length, channels]),
            values("w", &[width, channels / o.groups, filters]),
        );
        let b = values("b", &[filters]);
        let y = ops::conv1d(&x, &w, Some(&b), &o)
            .unwrap()
            .to_vec3::<f64>()
            .unwrap();
        let (x, w, b) = (
            x.to_vec3::<f64>().unwrap(),
            w.to_vec3::<f64>().unwrap(),
            b.to_vec1::<f64>().unwrap(),
        );
        let (per_in, per_out) = (channels / o.groups, filters / o.groups);
        for (i, rows) in y.iter().enumerate() {
            assert_eq!(
                rows.len(),
                (length + o.pad.0 + o.pad.1 - o.dilation * (width - 1) - 1) / o.stride + 1
            );
            for (l, row) in rows.iter().enumerate() {
                for (f, value) in row.iter().enumerate() {
                    let mut sum = b[f];
                    for (t, tap) in w.iter().enumerate() {
                        let at = (l * o.stride + t * o.dilation)
                            .checked_sub(o.pad.0)
                            .filter(|p| *p < length);
                        for c in 0..per_in {
                            sum +=
                                at.map_or(0.0, |p| x[i][p][f / per_out * per_in + c]) * tap[c][f];
                        }
                    }
                    assert!((value - sum).abs() < 1e-12, "{o:?} at {i} {l} {f}");
                }
            }
        }
    }
}

#[test]
fn codes_and_one_hot_give_the_same_bits() {
    let codes: Vec<u8> = (0..3 * 13).map(|i| (i * 7 % 5) as u8).collect();
    let codes = Tensor::from_vec(codes, (3, 13), &device()).unwrap();
    let one_hot = degu_core::Sequences::codes(codes.clone())
        .unwrap()
        .one_hot(DType::F64)
        .unwrap();
    for o in [
        ConvOptions::default(),
        ConvOptions::same(4, 1),
        ConvOptions::same(4, 3),
        options((2, 1), 1, 2, 1),
    ] {
        let inputs = [values("w", &[4, 4, 6]), values("b", &[6])];
        check(
            &format!("codes {o:?}"),
            |v| ops::conv1d_codes(&codes, &v[0], Some(&v[1]), &o),
            &inputs,
        );
        let vars = inputs.map(|t| Var::from_tensor(&t).unwrap());
        let a = ops::conv1d_codes(&codes, &vars[0], Some(&vars[1]), &o).unwrap();
        let b = ops::conv1d(&one_hot, &vars[0], Some(&vars[1]), &o).unwrap();
        assert!(difference(&a, &b) == 0.0);
        let (ga, gb) = (
            a.sum_all().unwrap().backward().unwrap(),
            b.sum_all().unwrap().backward().unwrap(),
        );
        assert!(difference(ga.get(&vars[0]).unwrap(), gb.get(&vars[0]).unwrap()) == 0.0);
    }
}
