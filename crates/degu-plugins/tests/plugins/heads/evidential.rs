//! Contract, oracle values and what a fit on simulated data finds.
use candle_core::{Device, Tensor, Var};
use degu_contract::testing::{column, flat, head, label_info, numbers, targets};
use degu_core::{Ctx, Seed};
use degu_nn::gradcheck::{descend, gradient_errors, irregular};
use degu_stats::scoring::evidential::NormalInverseGamma;
use rand_distr::{Distribution as _, StandardNormal};
use serde_json::{Value, json};

degu_contract::contract!(head "evidential");

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[test]
fn loss_and_spreads_match_their_oracles() {
    let text = include_str!("../../../../degu-nn/tests/data/heads.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let inputs = &file["inputs"]["heads"];
    let values = numbers(&inputs["raw"]);
    let raw = Tensor::from_slice(&values, (6, 4), &Device::Cpu).unwrap();
    let y = numbers(&inputs["y"]);
    let head = head("evidential", &json!({"penalty": 0.01}), &label_info(1, 1.0));
    let prediction = head.predict(&raw, &mut Ctx::eval()).unwrap();
    let (aleatoric, epistemic) = (
        flat(&prediction.aleatoric.unwrap()),
        flat(&prediction.epistemic.unwrap()),
    );
    let expected = &file["cases"]["heads/nig"]["value"];
    for row in 0..6 {
        let shown: Vec<f64> = (0..6).map(|i| f64::from(u8::from(i == row))).collect();
        let var = Var::from_tensor(&raw).unwrap();
        let loss = head
            .loss(var.as_tensor(), &targets(column(&y), column(&shown)))
            .unwrap();
        let want = expected["loss"][row].as_f64().unwrap();
        let got = loss.to_scalar::<f64>().unwrap();
        assert!((got - want).abs() < 1e-10, "row {row}: {got} for {want}");
        let gradient = flat(loss.backward().unwrap().get(&var).unwrap());
        for (got, want) in gradient[4 * row..]
            .iter()
            .zip(numbers(&expected["grad"][row]))
        {
            assert!((got - want).abs() < 1e-9, "row {row}: {got} for {want}");
        }
        // The same law, written down elsewhere.
        let own = &values[4 * row..4 * row + 4];
        let law = NormalInverseGamma {
            gamma: own[0],
            v: softplus(own[1]),
            alpha: softplus(own[2]) + 1.0,
            beta: softplus(own[3]),
        };
        let nll = law.nll(y[row]).unwrap() + 0.01 * law.penalty(y[row]);
        assert!((got - nll).abs() < 1e-10);
        assert!((aleatoric[row].powi(2) / law.aleatoric_var().unwrap() - 1.0).abs() < 1e-10);
        assert!((epistemic[row].powi(2) / law.epistemic_var().unwrap() - 1.0).abs() < 1e-10);
    }
}

#[test]
fn the_loss_of_profiles_has_its_gradient() {
    let head = head("evidential", &json!({"penalty": 0.3}), &label_info(1, 1.5));
    let shape = [3, 4, 1];
    let mask = (irregular("mask", &shape).unwrap() + 0.3).unwrap();
    let targets = targets(irregular("y", &shape).unwrap(), mask.maximum(0.0).unwrap());
    let raw = irregular("raw", &[3, 4, 4]).unwrap();
    let loss = |v: &[Var]| Ok(head.loss(v[0].as_tensor(), &targets)?.reshape(1)?);
    assert!(gradient_errors(&loss, &[raw]).unwrap()[0] < 1e-7);
}

#[test]
fn the_units_of_the_target_come_back() {
    let raw = irregular("raw", &[5, 4]).unwrap();
    let spreads = |std: f64| {
        let p = head("evidential", &json!({}), &label_info(1, std))
            .predict(&raw, &mut Ctx::eval())
            .unwrap();
        (flat(&p.aleatoric.unwrap()), flat(&p.epistemic.unwrap()))
    };
    let (one, ten) = (spreads(1.0), spreads(10.0));
    for (a, b) in one.0.iter().zip(&ten.0).chain(one.1.iter().zip(&ten.1)) {
        assert!((10.0 * a - b).abs() < 1e-9 * b);
    }
}

/// Noise that grows with x: the aleatoric part follows it. The epistemic part in units of the noise
/// is what the penalty makes of it, which is why it is no posterior.
#[test]
fn the_aleatoric_part_follows_the_noise_and_the_epistemic_one_the_penalty() {
    let mut rng = Seed::root(6).child("simulated").rng();
    let (mut features, mut y, mut x_of) = (vec![], vec![], vec![]);
    let bumps = 8;
    for i in 0..800 {
        let x = f64::from(i) / 400.0 - 1.0;
        for k in 0..bumps {
            let centre = -1.0 + 2.0 * f64::from(k) / f64::from(bumps - 1);
            features.push((-((x - centre) / 0.2).powi(2)).exp());
        }
        let noise: f64 = StandardNormal.sample(&mut rng);
        y.push(x + (0.3 + 0.2 * x) * noise);
        x_of.push(x);
    }
    let features = Tensor::from_vec(features, (800, bumps as usize), &Device::Cpu).unwrap();
    let y = column(&y);
    let targets = targets(y.clone(), y.ones_like().unwrap());
    let fitted = |penalty: f64| {
        let head = head(
            "evidential",
            &json!({ "penalty": penalty }),
            &label_info(1, 1.0),
        );
        let loss = |raw: &Tensor| head.loss(raw, &targets);
        let raw = descend(&features, 4, &loss, 350, 0.05).unwrap();
        let p = head.predict(&raw, &mut Ctx::eval()).unwrap();
        (flat(&p.aleatoric.unwrap()), flat(&p.epistemic.unwrap()))
    };
    let (aleatoric, epistemic) = fitted(0.01);
    let mean = |from: f64, to: f64, v: &dyn Fn(usize) -> f64| {
        let rows: Vec<usize> = (0..800)
            .filter(|i| x_of[*i] >= from && x_of[*i] < to)
            .collect();
        rows.iter().map(|i| v(*i)).sum::<f64>() / rows.len() as f64
    };
    let (quiet, loud) = (
        mean(-0.9, -0.6, &|i| aleatoric[i]),
        mean(0.6, 0.9, &|i| aleatoric[i]),
    );
    assert!(loud > 1.7 * quiet, "aleatoric {quiet} to {loud}");
    assert!(
        epistemic
            .iter()
            .chain(&aleatoric)
            .all(|v| *v > 0.0 && v.is_finite()),
        "both parts are positive"
    );
    let doubt = |parts: &(Vec<f64>, Vec<f64>)| {
        let ratios = parts.1.iter().zip(&parts.0).map(|(e, a)| e / a);
        ratios.sum::<f64>() / parts.0.len() as f64
    };
    let (trusting, doubting) = (doubt(&(aleatoric, epistemic)), doubt(&fitted(1.0)));
    assert!(doubting > 1.5 * trusting, "{trusting} to {doubting}");
}
