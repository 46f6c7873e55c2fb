//! Finite differences of every operation, f64, batches of three.

use candle_core::{DType, Tensor, Var};
use degu_core::{
    Ctx, Result,
    graph::{Activation, Pool},
};
use degu_nn::ops::{self, BatchNormOptions, BatchNormTensors, ConvOptions, LstmTensors};

use crate::common::{check, device, difference, spaced, train, values};

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
            (3, ConvOptions::causal(3, 2)),
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

/// Transposed views and narrowed ones with an offset.
#[test]
fn strided_inputs() {
    let o = ConvOptions::same(3, 1);
    let weights = [values("w", &[3, 4, 6]), values("b", &[6])];
    let inputs = [
        values("x", &[3, 4, 11]),
        weights[0].clone(),
        weights[1].clone(),
    ];
    check(
        "transposed",
        |v| ops::conv1d(&v[0].transpose(1, 2)?, &v[1], Some(&v[2]), &o),
        &inputs,
    );
    let inputs = [
        values("x", &[5, 13, 4]),
        weights[0].clone(),
        weights[1].clone(),
    ];
    check(
        "narrowed",
        |v| {
            ops::conv1d(
                &v[0].narrow(0, 1, 3)?.narrow(1, 2, 9)?,
                &v[1],
                Some(&v[2]),
                &o,
            )
        },
        &inputs,
    );
    let inputs = [
        values("x", &[3, 5, 7]),
        values("w", &[5, 4]),
        values("b", &[4]),
    ];
    check(
        "linear transposed",
        |v| ops::linear(&v[0].transpose(1, 2)?, &v[1], Some(&v[2])),
        &inputs,
    );
    let transposed = inputs[0].transpose(1, 2).unwrap();
    let a = ops::linear(&transposed, &inputs[1], Some(&inputs[2])).unwrap();
    let b = ops::linear(
        &transposed.contiguous().unwrap(),
        &inputs[1],
        Some(&inputs[2]),
    )
    .unwrap();
    assert!(difference(&a, &b) == 0.0);
    let pool = Pool { size: 2, stride: 2 };
    check(
        "pool transposed",
        |v| ops::max_pool(&v[0].transpose(1, 2)?, pool, &Ctx::eval()),
        &[spaced("x", &[3, 4, 11])],
    );
    check(
        "silu transposed",
        |v| ops::silu(&v[0].transpose(1, 2)?, &Ctx::eval()),
        &[values("x", &[3, 4, 5])],
    );
    check(
        "norm narrowed",
        |v| norm(&v[0].narrow(1, 1, 4)?, &v[1], &v[2], true),
        &[
            values("x", &[3, 6, 2]),
            values("g", &[2]),
            values("b", &[2]),
        ],
    );
}

/// After a plain sum the gradient has stride 0.
#[test]
fn broadcast_gradients() {
    let x = Var::from_tensor(&values("x", &[3, 7, 4])).unwrap();
    let w = Var::from_tensor(&values("w", &[3, 4, 5])).unwrap();
    let f = || {
        let y = ops::conv1d(&x, &w, None, &ConvOptions::same(3, 1)).unwrap();
        let y = ops::max_pool(&y, Pool { size: 3, stride: 2 }, &Ctx::eval()).unwrap();
        ops::softplus(&ops::global_mean(&y).unwrap(), &Ctx::eval()).unwrap()
    };
    let plain = f().sum_all().unwrap().backward().unwrap();
    let y = f();
    let full = (&y * y.ones_like().unwrap())
        .unwrap()
        .sum_all()
        .unwrap()
        .backward()
        .unwrap();
    for v in [&x, &w] {
        assert!(difference(plain.get(v).unwrap(), full.get(v).unwrap()) < 1e-15);
    }
}

#[test]
fn linear_on_vectors_and_sequences() {
    for shape in [&[3, 5][..], &[3, 4, 5], &[3, 2, 4, 5]] {
        check(
            "linear",
            |v| ops::linear(&v[0], &v[1], Some(&v[2])),
            &[values("x", shape), values("w", &[5, 4]), values("b", &[4])],
        );
    }
    let x = values("x", &[3, 6]);
    assert!(ops::linear(&x, &values("w", &[5, 4]), None).is_err());
    assert!(ops::linear(&x, &values("w", &[6, 4]), Some(&values("b", &[3]))).is_err());
}

#[test]
fn activations() {
    use Activation::{Elu, Exp, Gelu, Relu, Sigmoid, Silu, Softmax, Softplus, Tanh};
    for a in [Relu, Silu, Elu, Gelu, Softplus, Sigmoid, Tanh, Exp, Softmax] {
        for shape in [&[3, 7][..], &[3, 4, 5]] {
            check(
                &format!("{a:?}"),
                |v| ops::activation(&v[0], a, &Ctx::eval()),
                &[(spaced("x", shape) * 2.0).unwrap()],
            );
        }
    }
    let positive = values("x", &[3, 7])
        .abs()
        .unwrap()
        .affine(1.0, 0.5)
        .unwrap();
    check(
        "ln",
        |v| ops::ln(&v[0], &Ctx::eval()),
        std::slice::from_ref(&positive),
    );
    check(
        "sqrt",
        |v| ops::sqrt(&v[0], &Ctx::eval()),
        std::slice::from_ref(&positive),
    );
    check(
        "square",
        |v| ops::square(&v[0], &Ctx::eval()),
        &[values("x", &[3, 7])],
    );
    check("ln_gamma", |v| ops::ln_gamma(&v[0]), &[positive]);
}

#[test]
fn relu_has_derivative_zero_at_zero() {
    let x = Var::zeros(3, DType::F64, &device()).unwrap();
    let y = ops::relu(&x, &Ctx::eval()).unwrap();
    let g = y.sum_all().unwrap().backward().unwrap();
    assert_eq!(g.get(&x).unwrap().to_vec1::<f64>().unwrap(), [0.0; 3]);
}

#[test]
fn softplus_keeps_its_digits() {
    let x = Tensor::new(
        &[-740.0f64, -100.0, -40.0, -1.0, 0.0, 1.0, 40.0, 1000.0],
        &device(),
    )
    .unwrap();
    let y = ops::softplus(&x, &Ctx::eval())
        .unwrap()
        .to_vec1::<f64>()
        .unwrap();
    for (x, y) in x.to_vec1::<f64>().unwrap().into_iter().zip(y) {
        let exact = if x > 0.0 {
            x + (-x).exp().ln_1p()
        } else {
            x.exp().ln_1p()
        };
        assert!(
            (y - exact).abs() <= 1e-15 * exact,
            "{x}: {y} instead of {exact}"
        );
    }
}

#[test]
fn pools() {
    for length in [9, 10, 11] {
        for (size, stride) in [
            (1, 1),
            (2, 2),
            (3, 3),
            (4, 2),
            (3, 1),
            (5, 3),
            (2, 3),
            (9, 9),
        ] {
            let (pool, x) = (Pool { size, stride }, spaced("x", &[3, length, 4]));
            check(
                &format!("max {length} {pool:?}"),
                |v| ops::max_pool(&v[0], pool, &Ctx::eval()),
                std::slice::from_ref(&x),
            );
            check(
                &format!("avg {length} {pool:?}"),
                |v| ops::avg_pool(&v[0], pool),
                &[x],
            );
        }
        check(
            "global mean",
            |v| ops::global_mean(&v[0]),
            &[values("x", &[3, length, 4])],
        );
        check(
            "global max",
            |v| ops::global_max(&v[0], &Ctx::eval()),
            &[spaced("x", &[3, length, 4])],
        );
    }
    assert!(
        ops::max_pool(
            &values("x", &[3, 4, 2]),
            Pool { size: 5, stride: 5 },
            &Ctx::eval()
        )
        .is_err()
    );
}

#[test]
fn the_first_of_tied_maxima_gets_the_gradient() {
    let x = Var::new(&[[[1.0f64], [2.0], [2.0], [2.0], [0.0]]], &device()).unwrap();
    let y = ops::max_pool(&x, Pool { size: 3, stride: 2 }, &Ctx::eval()).unwrap();
    assert_eq!(
        y.flatten_all().unwrap().to_vec1::<f64>().unwrap(),
        [2.0, 2.0]
    );
    let g = y.sum_all().unwrap().backward().unwrap();
    let g = g
        .get(&x)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1::<f64>()
        .unwrap();
    assert_eq!(g, [0.0, 1.0, 1.0, 0.0, 0.0]);
}

fn norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, training: bool) -> Result<Tensor> {
    let c = gamma.dim(0)?;
    let tensors = BatchNormTensors {
        weight: gamma.clone(),
        bias: beta.clone(),
        running_mean: values("mean", &[c]),
        running_var: values("var", &[c]).affine(0.5, 1.0)?,
    };
    let options = BatchNormOptions {
        epsilon: 1e-3,
        momentum: 0.1,
        unbiased: true,
    };
    let mut ctx = if training { train(0) } else { Ctx::eval() };
    ops::batch_norm(x, &tensors, options, "norm", &mut ctx)
}

#[test]
fn norms() {
    for shape in [&[3, 5][..], &[3, 7, 5]] {
        let inputs = [values("x", shape), values("g", &[5]), values("b", &[5])];
        for training in [true, false] {
            check(
                &format!("batch norm, training {training}"),
                |v| norm(&v[0], &v[1], &v[2], training),
                &inputs,
            );
        }
        check(
            "layer norm",
            |v| ops::layer_norm(&v[0], &v[1], &v[2], 1e-5, &Ctx::eval()),
            &inputs,
        );
    }
}

#[test]
fn batch_statistics_follow_the_convention() {
    let x = values("x", &[3, 7, 2]);
    let rows = x.reshape((21, 2)).unwrap().to_vec2::<f64>().unwrap();
    for unbiased in [true, false] {
        let tensors = BatchNormTensors {
            weight: Tensor::ones(2, DType::F64, &device()).unwrap(),
            bias: Tensor::zeros(2, DType::F64, &device()).unwrap(),
            running_mean: Tensor::zeros(2, DType::F64, &device()).unwrap(),
            running_var: Tensor::ones(2, DType::F64, &device()).unwrap(),
        };
        let options = BatchNormOptions {
            epsilon: 0.0,
            momentum: 0.1,
            unbiased,
        };
        let mut ctx = train(0);
        let y = ops::batch_norm(&x, &tensors, options, "norm", &mut ctx).unwrap();
        let y = y.reshape((21, 2)).unwrap().to_vec2::<f64>().unwrap();
        let statistics = ctx.into_statistics();
        let s = &statistics["norm"];
        for c in 0..2 {
            let mean = rows.iter().map(|r| r[c]).sum::<f64>() / 21.0;
            let sum = rows.iter().map(|r| (r[c] - mean).powi(2)).sum::<f64>();
            let expected = sum / if unbiased { 20.0 } else { 21.0 };
            assert!((s.mean.to_vec1::<f64>().unwrap()[c] - mean).abs() < 1e-14);
            assert!((s.variance.to_vec1::<f64>().unwrap()[c] - expected).abs() < 1e-14);
            for (row, value) in rows.iter().zip(&y) {
                assert!((value[c] - (row[c] - mean) / (sum / 21.0).sqrt()).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn softmaxes_and_products() {
    let eval = Ctx::eval;
    for axis in [1, 2] {
        check(
            "softmax",
            |v| ops::softmax(&v[0], axis, &eval()),
            &[values("x", &[3, 4, 5])],
        );
        check(
            "log_softmax",
            |v| ops::log_softmax(&v[0], axis, &eval()),
            &[values("x", &[3, 4, 5])],
        );
        check(
            "logsumexp",
            |v| ops::logsumexp(&v[0], axis, &eval()),
            &[values("x", &[3, 4, 5])],
        );
    }
    check(
        "product",
        |v| ops::product(&v[0], &v[1], &eval()),
        &[values("a", &[3, 4]), values("b", &[3, 4])],
    );
    check(
        "gate",
        |v| ops::product(&v[0], &v[1], &eval()),
        &[values("a", &[3, 4, 5]), values("b", &[3, 1, 5])],
    );
    check(
        "matmul",
        |v| ops::matmul(&v[0], &v[1].transpose(1, 2)?, &eval()),
        &[values("a", &[3, 2, 5]), values("b", &[3, 4, 5])],
    );
}

pub(crate) fn direction(name: &str, c: usize, h: usize) -> [Tensor; 3] {
    [
        values(&format!("{name} w"), &[c, 4 * h]),
        values(&format!("{name} u"), &[h, 4 * h]),
        values(&format!("{name} b"), &[4 * h]),
    ]
}

fn tensors(v: &[Var]) -> LstmTensors {
    LstmTensors {
        weight: v[0].as_tensor().clone(),
        recurrent: v[1].as_tensor().clone(),
        bias: v[2].as_tensor().clone(),
    }
}

#[test]
fn lstm_gradients() {
    let [a, b, c] = direction("f", 4, 3);
    let [d, e, f] = direction("b", 4, 3);
    let inputs = [values("x", &[3, 7, 4]), a, b, c, d, e, f];
    check(
        "lstm",
        |v| ops::lstm(&v[0], &tensors(&v[1..4]), &Ctx::eval()),
        &inputs[..4],
    );
    check(
        "bi_lstm",
        |v| ops::bi_lstm(&v[0], &tensors(&v[1..4]), &tensors(&v[4..7]), &Ctx::eval()),
        &inputs,
    );
}

#[test]
fn lstm_equals_a_scalar_loop() {
    let (length, channels, hidden) = (6, 3, 2);
    let parts = direction("f", channels, hidden);
    let x = values("x", &[1, length, channels]);
    let layer = LstmTensors {
        weight: parts[0].clone(),
        recurrent: parts[1].clone(),
        bias: parts[2].clone(),
    };
    let y = ops::lstm(&x, &layer, &Ctx::eval())
        .unwrap()
        .to_vec3::<f64>()
        .unwrap();
    let (x, w) = (
        x.to_vec3::<f64>().unwrap(),
        parts[0].to_vec2::<f64>().unwrap(),
    );
    let (u, b) = (
        parts[1].to_vec2::<f64>().unwrap(),
        parts[2].to_vec1::<f64>().unwrap(),
    );
    let sigma = |z: f64| 1.0 / (1.0 + (-z).exp());
    let (mut h, mut c) = (vec![0.0; hidden], vec![0.0; hidden]);
    for t in 0..length {
        let z = |k: usize, h: &[f64]| {
            b[k] + (0..channels).map(|i| x[0][t][i] * w[i][k]).sum::<f64>()
                + (0..hidden).map(|i| h[i] * u[i][k]).sum::<f64>()
        };
        let before = h.clone();
        for j in 0..hidden {
            let gate = |k: usize| z(k * hidden + j, &before);
            c[j] = sigma(gate(1)) * c[j] + sigma(gate(0)) * gate(2).tanh();
            h[j] = sigma(gate(3)) * c[j].tanh();
            assert!((y[0][t][j] - h[j]).abs() < 1e-14);
        }
    }
}

#[test]
fn a_long_lstm_does_not_recurse() {
    let vars = direction("f", 2, 2).map(|t| Var::from_tensor(&t).unwrap());
    let y = ops::lstm(&values("x", &[1, 20_000, 2]), &tensors(&vars), &Ctx::eval()).unwrap();
    let g = y.sum_all().unwrap().backward().unwrap();
    assert!(vars.iter().all(|v| g.get(v).is_some()));
}

#[test]
fn attention_gradients() {
    let inputs = [
        values("x", &[3, 5, 4]),
        values("q", &[4, 6]),
        values("k", &[4, 6]),
        values("v", &[4, 6]),
        values("o", &[6, 4]),
        values("b", &[4]),
    ];
    check(
        "attention",
        |v| {
            ops::attention(
                &v[0],
                &ops::AttentionTensors {
                    project: [
                        v[1].as_tensor().clone(),
                        v[2].as_tensor().clone(),
                        v[3].as_tensor().clone(),
                    ],
                    project_bias: None,
                    output: v[4].as_tensor().clone(),
                    output_bias: Some(v[5].as_tensor().clone()),
                    heads: 2,
                },
                &Ctx::eval(),
            )
        },
        &inputs,
    );
}

#[test]
fn dropout_gradients_and_masks() {
    check(
        "dropout",
        |v| ops::dropout(&v[0], 0.4, "drop", &train(3)),
        &[values("x", &[3, 5, 4])],
    );
    let x = Tensor::ones((3, 500), DType::F64, &device()).unwrap();
    let draw = |step, path: &str| {
        ops::dropout(&x, 0.25, path, &train(step))
            .unwrap()
            .to_vec2::<f64>()
            .unwrap()
    };
    let mask = draw(3, "a");
    assert_eq!(mask, draw(3, "a"));
    assert!(mask != draw(4, "a") && mask != draw(3, "b") && mask[0] != mask[1]);
    let kept = mask.iter().flatten().filter(|v| **v > 0.0).count() as f64 / 1500.0;
    // Three standard errors of a proportion of 0.75 among 1500.
    assert!((kept - 0.75).abs() < 0.034, "{kept}");
    assert!(
        mask.iter()
            .flatten()
            .all(|v| *v == 0.0 || (v - 4.0 / 3.0).abs() < 1e-6)
    );
    assert!(difference(&ops::dropout(&x, 0.25, "a", &Ctx::eval()).unwrap(), &x) == 0.0);
    // The mask of an example does not depend on how many follow it.
    let one = ops::dropout(&x.narrow(0, 0, 1).unwrap(), 0.25, "a", &train(3))
        .unwrap()
        .to_vec2::<f64>()
        .unwrap();
    assert_eq!(one[0], mask[0]);
}
