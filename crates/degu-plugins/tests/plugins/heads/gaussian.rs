//! Contracts, oracle values and what a fit on simulated data finds.
use candle_core::{DType, Device, Tensor, Var};
use degu_contract::testing::{column, flat, head, label_info, numbers, targets};
use degu_core::{Ctx, Seed};
use degu_nn::gradcheck::{descend, gradient_errors, irregular};
use rand_distr::{Distribution as _, StandardNormal};
use serde_json::{Value, json};

mod plain {
    degu_contract::contract!(head "gaussian");
}
mod gaussian_softplus {
    degu_contract::contract!(head "gaussian", r#"{"output": "softplus", "floor": 0.01}"#);
}
mod mc_dropout {
    degu_contract::contract!(head "mc-dropout");
}
mod mc_dropout_with_noise {
    degu_contract::contract!(head "mc-dropout", r#"{"samples": 7, "aleatoric": "gaussian"}"#);
}

/// Loss and gradient of each row alone.
fn oracle(case: &str, params: &Value) {
    let text = include_str!("../../../../degu-nn/tests/data/heads.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let inputs = &file["inputs"]["heads"];
    let raw = Tensor::from_vec(numbers(&inputs["raw"]), (6, 4), &Device::Cpu).unwrap();
    let raw = raw.narrow(1, 0, 2).unwrap().contiguous().unwrap();
    let y = column(&numbers(&inputs["y"]));
    let head = head("gaussian", params, &label_info(1, 1.0));
    let expected = &file["cases"][case]["value"];
    for row in 0..6 {
        let shown: Vec<f64> = (0..6).map(|i| f64::from(u8::from(i == row))).collect();
        let var = Var::from_tensor(&raw).unwrap();
        let loss = head
            .loss(var.as_tensor(), &targets(y.clone(), column(&shown)))
            .unwrap();
        let want = expected["loss"][row].as_f64().unwrap();
        let got = loss.to_scalar::<f64>().unwrap();
        assert!(
            (got - want).abs() < 1e-10,
            "{case} row {row}: {got} for {want}"
        );
        let gradient = flat(loss.backward().unwrap().get(&var).unwrap());
        for (got, want) in gradient[2 * row..]
            .iter()
            .zip(numbers(&expected["grad"][row]))
        {
            assert!(
                (got - want).abs() < 1e-9,
                "{case} row {row}: {got} for {want}"
            );
        }
    }
}

#[test]
fn losses_match_their_oracles() {
    oracle("heads/gaussian_log_var", &json!({"floor": 0.0}));
    oracle(
        "heads/gaussian_softplus",
        &json!({"floor": 1e-3, "output": "softplus"}),
    );
    oracle("heads/beta_nll_0.5", &json!({"floor": 0.0, "beta": 0.5}));
}

#[test]
fn the_loss_of_profiles_has_its_gradient() {
    let head = head("gaussian", &json!({"floor": 0.1}), &label_info(2, 1.5));
    let shape = [3, 4, 2];
    let mask = (irregular("mask", &shape).unwrap() + 0.3).unwrap();
    let targets = targets(irregular("y", &shape).unwrap(), mask.maximum(0.0).unwrap());
    let raw = irregular("raw", &[3, 4, 4]).unwrap();
    let loss = |v: &[Var]| Ok(head.loss(v[0].as_tensor(), &targets)?.reshape(1)?);
    assert!(gradient_errors(&loss, &[raw]).unwrap()[0] < 1e-8);
}

/// x in [-1, 1] with features 1, x, .. x^5; y = sin(2 x) + sd(x) noise, sd from 0.1 to 0.9.
fn simulated(n: usize) -> (Tensor, Tensor, Vec<f64>, Vec<f64>) {
    let mut rng = Seed::root(5).child("simulated").rng();
    let (mut features, mut y, mut mean, mut sd) = (vec![], vec![], vec![], vec![]);
    for i in 0..n {
        let x = 2.0 * (i as f64 + 0.5) / n as f64 - 1.0;
        features.extend((0..6).map(|k| x.powi(k)));
        let noise: f64 = StandardNormal.sample(&mut rng);
        let s = 0.5 + 0.4 * x;
        mean.push((2.0 * x).sin());
        sd.push(s);
        y.push((2.0 * x).sin() + s * noise);
    }
    let features = Tensor::from_vec(features, (n, 6), &Device::Cpu).unwrap();
    (features, column(&y), mean, sd)
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let (ma, mb) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let cov: f64 = a.iter().zip(b).map(|(a, b)| (a - ma) * (b - mb)).sum();
    let var = |v: &[f64], m: f64| v.iter().map(|v| (v - m).powi(2)).sum::<f64>();
    cov / (var(a, ma) * var(b, mb)).sqrt()
}

#[test]
fn the_spread_follows_the_noise() {
    let (features, y, mean, sd) = simulated(2000);
    for params in [
        json!({}),
        json!({"beta": 0.5}),
        json!({"output": "softplus"}),
    ] {
        // A scale that is not that of the targets: predictions come back in their units.
        let head = head("gaussian", &params, &label_info(1, 3.0));
        let targets = targets(y.clone(), y.ones_like().unwrap());
        let loss = |raw: &Tensor| head.loss(raw, &targets);
        let raw = descend(&features, head.outputs(), &loss, 400, 0.05).unwrap();
        let prediction = head.predict(&raw, &mut Ctx::eval()).unwrap();
        let spread = flat(&prediction.aleatoric.unwrap());
        let r = correlation(&spread, &sd);
        assert!(r > 0.9, "{params}: correlation {r} with the true spread");
        let ratio = spread.iter().sum::<f64>() / sd.iter().sum::<f64>();
        assert!(
            (ratio - 1.0).abs() < 0.06,
            "{params}: {ratio} of the true spread"
        );
        let r = correlation(&flat(&prediction.mean), &mean);
        assert!(r > 0.97, "{params}: correlation {r} with the true mean");
    }
}

#[test]
fn a_spread_has_a_floor_and_an_exploded_one_comes_back() {
    let head = head("gaussian", &json!({"floor": 0.01}), &label_info(1, 2.0));
    let raw = Tensor::new(&[[0.0f64, -500.0], [0.0, 500.0]], &Device::Cpu).unwrap();
    let spread = flat(
        &head
            .predict(&raw, &mut Ctx::eval())
            .unwrap()
            .aleatoric
            .unwrap(),
    );
    let floor = 2.0 * ((-10.0f64).exp() + 1e-4).sqrt();
    assert!((spread[0] - floor).abs() < 1e-12, "{}", spread[0]);
    assert!((spread[1] - 2.0 * (10.0f64.exp() + 1e-4).sqrt()).abs() < 1e-9);
    let var = Var::from_tensor(&raw).unwrap();
    let y = column(&[1.0, 1.0]);
    let loss = head
        .loss(var.as_tensor(), &targets(y.clone(), y.ones_like().unwrap()))
        .unwrap();
    let gradient = flat(loss.backward().unwrap().get(&var).unwrap());
    // Up from below and down from above.
    assert!(gradient[1] < 0.0 && gradient[3] > 0.0, "{gradient:?}");
}

#[test]
fn f32_outputs_are_enough() {
    let head = head("gaussian", &json!({}), &label_info(1, 1e-3));
    let raw = Tensor::new(&[[1e-3f32, -20.0], [2e-3, 0.0]], &Device::Cpu).unwrap();
    let y = Tensor::new(&[[1e-3f32], [0.0]], &Device::Cpu).unwrap();
    let loss = head
        .loss(&raw, &targets(y.clone(), y.ones_like().unwrap()))
        .unwrap();
    assert_eq!(loss.dtype(), DType::F32);
    assert!(loss.to_scalar::<f32>().unwrap().is_finite());
}
