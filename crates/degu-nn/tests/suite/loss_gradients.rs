//! Finite differences of the losses, with masks that have zeros and weights.

use candle_core::{Tensor, Var};
use degu_core::{Ctx, Masked, Result};
use degu_nn::{loss, ops};

use crate::common::{check, device, spaced, values};

fn target(shape: &[usize]) -> Masked {
    let mask = values("mask", shape).affine(1.0, 0.3).unwrap();
    Masked {
        value: values("y", shape),
        mask: mask.maximum(&mask.zeros_like().unwrap()).unwrap(),
    }
}

fn positive(t: &Tensor) -> Result<Tensor> {
    Ok((ops::softplus(t, &Ctx::eval())? + 0.01)?)
}

#[test]
fn losses_of_values_and_spreads() {
    for shape in [&[5, 3][..], &[3, 4, 2]] {
        let t = target(shape);
        let two = [values("a", shape), values("b", shape)];
        let one = &two[..1];
        check("mse", |v| loss::mse(&v[0], &t), one);
        check("bce", |v| loss::bce_with_logits(&v[0], &t), one);
        check("poisson", |v| loss::poisson(&positive(&v[0])?, &t), one);
        check("poisson log", |v| loss::poisson_log_rate(&v[0], &t), one);
        check(
            "gaussian",
            |v| loss::gaussian_nll(&v[0], &positive(&v[1])?, &t),
            &two,
        );
        check(
            "beta 0",
            |v| loss::beta_nll(&v[0], &positive(&v[1])?, &t, 0.0),
            &two,
        );
        let away = Masked {
            value: t.value.zeros_like().unwrap(),
            mask: t.mask.clone(),
        };
        // Kinks of Huber at 0.3 lie between multiples of 0.03 plus 0.015.
        check(
            "huber",
            |v| loss::huber(&v[0], &away, 0.3),
            &[spaced("p", shape)],
        );
        check(
            "evidential",
            |v| {
                let evidence = loss::Evidence {
                    gamma: v[0].as_tensor().clone(),
                    nu: positive(&v[1])?,
                    alpha: (positive(&v[2])? + 1.0)?,
                    beta: positive(&v[3])?,
                };
                loss::evidential(&evidence, &away, 0.1)
            },
            &[
                spaced("g", shape),
                values("n", shape),
                values("al", shape),
                values("be", shape),
            ],
        );
        let mut wide = shape.to_vec();
        wide.push(3);
        check(
            "pinball",
            |v| loss::pinball(&v[0], &[0.1, 0.5, 0.9], &away),
            &[spaced("q", &wide)],
        );
    }
}

#[test]
fn losses_of_profiles() {
    let shape = [3, 5, 2];
    let counts = Masked {
        value: (values("counts", &shape).abs().unwrap() * 20.0)
            .unwrap()
            .floor()
            .unwrap(),
        mask: Tensor::ones(&shape, candle_core::DType::F64, &device()).unwrap(),
    };
    let total = Masked {
        value: (values("total", &[3, 1]).abs().unwrap() * 200.0).unwrap(),
        mask: counts
            .mask
            .narrow(1, 0, 1)
            .unwrap()
            .narrow(2, 0, 1)
            .unwrap()
            .squeeze(2)
            .unwrap(),
    };
    let inputs = [values("logits", &shape), values("log count", &[3, 1])];
    check(
        "profile",
        |v: &[Var]| {
            let profile = loss::multinomial_nll(&v[0], &counts)?;
            Ok((profile + loss::log_count(&v[1], &total)?)?)
        },
        &inputs,
    );
}
