//! Inputs and gradients that are not contiguous.

use candle_core::Var;
use degu_core::{Ctx, graph::Pool};
use degu_nn::ops::{self, ConvOptions};

use super::norms::norm;
use crate::common::{check, difference, spaced, values};

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
