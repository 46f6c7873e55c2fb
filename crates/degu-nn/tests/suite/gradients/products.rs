//! Linear layers, products and softmaxes.

use degu_core::Ctx;
use degu_nn::ops;

use crate::common::{check, values};

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
