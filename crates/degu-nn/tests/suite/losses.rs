//! Values and gradients of the losses against `tests/data/heads.json`, and their properties.

use candle_core::{DType, Tensor, Var};
use degu_core::{Ctx, Masked, Result};
use degu_nn::{loss, ops};
use serde_json::Value;

use crate::common::{device, values};

fn numbers(v: &Value) -> Vec<f64> {
    match v.as_array() {
        Some(items) => items.iter().flat_map(numbers).collect(),
        None => vec![v.as_f64().unwrap()],
    }
}

fn file() -> Value {
    serde_json::from_str(include_str!("../data/heads.json")).unwrap()
}

fn known(value: Vec<f64>) -> Masked {
    let value = Tensor::from_vec(value, (6, 1), &device()).unwrap();
    Masked {
        mask: value.ones_like().unwrap(),
        value,
    }
}

/// Loss of each row and its gradient, from masks that show one row at a time.
fn compare(
    case: &str,
    raw_columns: usize,
    scale: f64,
    f: impl Fn(&Tensor, &Masked) -> Result<Tensor>,
) {
    let file = file();
    let heads = &file["inputs"]["heads"];
    let raw = Tensor::from_vec(numbers(&heads["raw"]), (6, 4), &device()).unwrap();
    let raw = raw.narrow(1, 0, raw_columns).unwrap().contiguous().unwrap();
    let expected = &file["cases"][format!("heads/{case}")]["value"];
    let (losses, gradients) = (numbers(&expected["loss"]), numbers(&expected["grad"]));
    for row in 0..6 {
        let mut target = known(numbers(&heads["y"]));
        let shown: Vec<f64> = (0..6).map(|i| if i == row { 1.0 } else { 0.0 }).collect();
        target.mask = Tensor::from_vec(shown, (6, 1), &device()).unwrap();
        let x = Var::from_tensor(&raw).unwrap();
        let value = f(&x, &target).unwrap();
        let got = value.to_scalar::<f64>().unwrap() * scale;
        assert!(
            (got - losses[row]).abs() < 1e-12 + 1e-11 * losses[row].abs(),
            "{case} row {row}: {got}"
        );
        let g = value
            .backward()
            .unwrap()
            .get(&x)
            .unwrap()
            .to_vec2::<f64>()
            .unwrap();
        for (i, (got, want)) in g[row]
            .iter()
            .zip(&gradients[row * raw_columns..])
            .enumerate()
        {
            assert!(
                (got * scale - want).abs() < 1e-11 + 1e-10 * want.abs(),
                "{case} row {row} raw {i}: {got} {want}"
            );
        }
        assert!(
            g.iter()
                .enumerate()
                .all(|(i, g)| i == row || g.iter().all(|g| *g == 0.0))
        );
    }
}

fn column(raw: &Tensor, k: usize) -> Result<Tensor> {
    Ok(raw.narrow(1, k, 1)?)
}

fn softplus(raw: &Tensor, k: usize) -> Result<Tensor> {
    ops::softplus(&column(raw, k)?, &Ctx::eval())
}

#[test]
fn likelihoods_match_their_oracles() {
    compare("gaussian_log_var", 2, 1.0, |raw, y| {
        loss::gaussian_nll(&column(raw, 0)?, &column(raw, 1)?.exp()?, y)
    });
    compare("gaussian_softplus", 2, 1.0, |raw, y| {
        loss::gaussian_nll(&column(raw, 0)?, &(softplus(raw, 1)? + 1e-3)?.sqr()?, y)
    });
    compare("beta_nll_0.5", 2, 1.0, |raw, y| {
        loss::beta_nll(&column(raw, 0)?, &column(raw, 1)?.exp()?, y, 0.5)
    });
    compare("pinball", 4, 4.0, |raw, y| {
        loss::pinball(&raw.unsqueeze(1)?, &[0.05, 0.25, 0.75, 0.95], y)
    });
}

#[test]
fn evidence_matches_its_oracle() {
    let file = file();
    println!("{}", file["cases"]["heads/nig"]["note"]);
    compare("nig", 4, 1.0, |raw, y| {
        let evidence = loss::Evidence {
            gamma: column(raw, 0)?,
            nu: softplus(raw, 1)?,
            alpha: (softplus(raw, 2)? + 1.0)?,
            beta: softplus(raw, 3)?,
        };
        loss::evidential(&evidence, y, 0.01)
    });
}

#[test]
fn ln_gamma_and_digamma_match_scipy() {
    let file = file();
    let table = &file["cases"]["heads/special"]["value"];
    let (x, ln, di) = (
        numbers(&table["x"]),
        numbers(&table["lgamma"]),
        numbers(&table["digamma"]),
    );
    let n = x.len();
    let v = Var::from_tensor(&Tensor::from_vec(x, n, &device()).unwrap()).unwrap();
    let y = ops::ln_gamma(&v).unwrap();
    let g = y
        .sum_all()
        .unwrap()
        .backward()
        .unwrap()
        .get(&v)
        .unwrap()
        .to_vec1::<f64>()
        .unwrap();
    for (i, y) in y.to_vec1::<f64>().unwrap().into_iter().enumerate() {
        assert!((y - ln[i]).abs() < 1e-13 + 1e-12 * ln[i].abs());
        assert!((g[i] - di[i]).abs() < 1e-13 + 1e-12 * di[i].abs());
    }
}

#[test]
fn shapes_that_would_broadcast_are_errors() {
    let t = known(vec![0.0; 6]);
    for shape in [&[6][..], &[1, 6], &[6, 2]] {
        let p = values("p", shape);
        let error = loss::mse(&p, &t).unwrap_err().to_string();
        assert!(error.contains("mse") && error.contains("[6, 1]"), "{error}");
        assert!(loss::huber(&p, &t, 1.0).is_err() && loss::bce_with_logits(&p, &t).is_err());
        assert!(loss::gaussian_nll(&t.value, &p, &t).is_err() && loss::poisson(&p, &t).is_err());
        assert!(loss::pinball(&p, &[0.5], &t).is_err() && loss::multinomial_nll(&p, &t).is_err());
    }
    let narrow = Masked {
        value: t.value.clone(),
        mask: t.mask.squeeze(1).unwrap(),
    };
    assert!(loss::mse(&t.value, &narrow).is_err());
}

#[test]
fn nothing_known_gives_zero_and_no_nan() {
    let x = Var::from_tensor(&values("x", &[6, 1])).unwrap();
    let mut t = known(vec![1.0; 6]);
    t.mask = t.mask.zeros_like().unwrap();
    let loss = loss::mse(&x, &t).unwrap();
    assert!(loss.to_scalar::<f64>().unwrap() == 0.0);
    let g = loss
        .backward()
        .unwrap()
        .get(&x)
        .unwrap()
        .to_vec2::<f64>()
        .unwrap();
    assert!(g.iter().flatten().all(|g| *g == 0.0));
}

/// Against the probability mass itself, counts (2, 0, 1) of three bins: 3! / (2! 0! 1!) p0^2 p2.
#[test]
fn multinomial_equals_its_mass() {
    let logits = Tensor::new(&[[[0.3f64], [-0.2], [1.1]]], &device()).unwrap();
    let value = Tensor::new(&[[[2.0f64], [0.0], [1.0]]], &device()).unwrap();
    let t = Masked {
        mask: value.ones_like().unwrap(),
        value,
    };
    let e: Vec<f64> = [0.3f64, -0.2, 1.1].iter().map(|z| z.exp()).collect();
    let s: f64 = e.iter().sum();
    let mass = 3.0 * (e[0] / s).powi(2) * (e[2] / s);
    let got = loss::multinomial_nll(&logits, &t)
        .unwrap()
        .to_scalar::<f64>()
        .unwrap();
    assert!((got + mass.ln()).abs() < 1e-13);
}

#[test]
fn losses_work_in_single_precision() {
    let y = values("y", &[4, 2]).to_dtype(DType::F32).unwrap();
    let t = Masked {
        mask: y.ones_like().unwrap(),
        value: y,
    };
    let p = values("p", &[4, 2]).to_dtype(DType::F32).unwrap();
    let v = p.exp().unwrap();
    for loss in [
        loss::mse(&p, &t),
        loss::huber(&p, &t, 0.5),
        loss::beta_nll(&p, &v, &t, 0.5),
        loss::bce_with_logits(&p, &t),
        loss::poisson(&v, &t),
        loss::evidential(
            &loss::Evidence {
                gamma: p.clone(),
                nu: v.clone(),
                alpha: (&v + 1.0).unwrap(),
                beta: v.clone(),
            },
            &t,
            0.01,
        ),
    ] {
        assert!(loss.unwrap().to_scalar::<f32>().unwrap().is_finite());
    }
}
