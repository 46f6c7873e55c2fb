//! Activations, pools and dropout.

use candle_core::{DType, Tensor, Var};
use degu_core::{
    Ctx,
    graph::{Activation, Pool},
};
use degu_nn::ops;

use crate::common::{check, device, difference, spaced, train, values};

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
