//! Contracts, oracle values and what a fit on simulated data finds.
use candle_core::{Device, Tensor, Var};
use degu_contract::testing::{column, flat, head, label_info, targets};
use degu_core::{Ctx, Error, Mode, Seed, UncertaintyHead, registry};
use degu_nn::gradcheck::{descend, gradient_errors, irregular};
use rand_distr::{Distribution as _, StandardNormal};
use serde_json::{Value, json};

mod steps {
    degu_contract::contract!(head "quantile");
}
mod with_a_spread {
    degu_contract::contract!(head "quantile", r#"{"levels": [0.1, 0.5, 0.9], "aleatoric": "normal"}"#);
}
mod sorted {
    degu_contract::contract!(head "quantile", r#"{"levels": [0.05, 0.5, 0.75, 0.95], "crossing": "sorted"}"#);
}

#[test]
fn levels_that_make_no_sense_are_refused() {
    let plugin = registry::find::<dyn UncertaintyHead>("quantile").unwrap();
    for (levels, word) in [
        (json!([0.1, 0.9]), "0.5, the median"),
        (json!([0.5, 0.1]), "ascending"),
        (json!([0.5, 0.5]), "distinct"),
        (json!([0.0, 0.5]), "(0, 1)"),
    ] {
        let error = plugin.resolve_json(&json!({"levels": levels})).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
    let error = plugin
        .resolve_json(&json!({"levels": [0.5], "aleatoric": "normal"}))
        .unwrap_err();
    assert!(error.to_string().contains("beside the median"), "{error}");
}

/// The raw outputs of the fixture as quantiles at 0.05, 0.25, 0.75, 0.95, with a median that has no
/// error of its own.
#[test]
fn the_loss_is_the_pinball_loss_of_the_levels() {
    let text = include_str!("../../../../degu-nn/tests/data/heads.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let numbers = |v: &Value| -> Vec<f64> {
        v.as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_f64().unwrap())
            .collect()
    };
    let y = numbers(&file["inputs"]["heads"]["y"]);
    let want = numbers(&file["cases"]["heads/pinball"]["value"]["loss"]);
    let params = json!({"levels": [0.05, 0.25, 0.5, 0.75, 0.95], "crossing": "sorted"});
    let head = head("quantile", &params, &label_info(1, 1.0));
    for (row, want) in want.iter().enumerate() {
        let raw = numbers(&file["inputs"]["heads"]["raw"][row]);
        // Blocks: median, 0.25, 0.05, 0.75, 0.95.
        let raw = [y[row], raw[1], raw[0], raw[2], raw[3]];
        let raw = Tensor::from_slice(&raw, (1, 5), &Device::Cpu).unwrap();
        let one = column(&y[row..=row]);
        let loss = head
            .loss(&raw, &targets(one.clone(), one.ones_like().unwrap()))
            .unwrap();
        let got = 5.0 * loss.to_scalar::<f64>().unwrap();
        assert!((got - want).abs() < 1e-12, "row {row}: {got} for {want}");
    }
}

#[test]
fn the_loss_of_profiles_has_its_gradient() {
    let head = head(
        "quantile",
        &json!({"levels": [0.1, 0.5, 0.7]}),
        &label_info(1, 0.7),
    );
    let shape = [3, 4, 1];
    let mask = (irregular("mask", &shape).unwrap() + 0.3).unwrap();
    let targets = targets(irregular("y", &shape).unwrap(), mask.maximum(0.0).unwrap());
    let raw = irregular("raw", &[3, 4, 3]).unwrap();
    let loss = |v: &[Var]| Ok(head.loss(v[0].as_tensor(), &targets)?.reshape(1)?);
    assert!(gradient_errors(&loss, &[raw]).unwrap()[0] < 1e-7);
}

#[test]
fn free_quantiles_are_sorted_and_cannot_be_rescaled() {
    let params = json!({"levels": [0.1, 0.3, 0.5, 0.7, 0.9], "crossing": "sorted"});
    let head = head("quantile", &params, &label_info(1, 1.0));
    let raw = Tensor::new(
        &[[5.0f64, 4.0, 3.0, 2.0, 1.0], [0.0, 0.0, 7.0, -1.0, 2.0]],
        &Device::Cpu,
    );
    let raw = raw.unwrap();
    let prediction = head.predict(&raw, &mut Ctx::eval()).unwrap();
    let quantiles = flat(&prediction.quantiles.unwrap().values);
    assert_eq!(
        quantiles,
        [1.0, 2.0, 3.0, 4.0, 5.0, -1.0, 0.0, 0.0, 2.0, 7.0]
    );
    assert_eq!(flat(&prediction.mean), [3.0, 0.0]);
    let refused = head.predict(&raw, &mut Ctx::new(Mode::Rescale));
    assert!(matches!(refused, Err(Error::Unsupported { .. })));
}

#[test]
fn quantiles_cover_their_share_and_give_the_spread_of_a_normal_law() {
    let n = 2000;
    let mut rng = Seed::root(8).child("simulated").rng();
    let (mut features, mut y, mut sd) = (vec![], vec![], vec![]);
    for i in 0..n {
        let x = 2.0 * (f64::from(i) + 0.5) / f64::from(n) - 1.0;
        features.extend((0..5).map(|k| x.powi(k)));
        let noise: f64 = StandardNormal.sample(&mut rng);
        sd.push(0.5 + 0.4 * x);
        y.push(x + (0.5 + 0.4 * x) * noise);
    }
    let features = Tensor::from_vec(features, (n as usize, 5), &Device::Cpu).unwrap();
    let measured = column(&y);
    for crossing in ["steps", "sorted"] {
        let levels = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95];
        let params = json!({"levels": levels, "crossing": crossing, "aleatoric": "normal"});
        let head = head("quantile", &params, &label_info(1, 1.0));
        let targets = targets(measured.clone(), measured.ones_like().unwrap());
        let loss = |raw: &Tensor| head.loss(raw, &targets);
        let raw = descend(&features, head.outputs(), &loss, 350, 0.05).unwrap();
        let p = head.predict(&raw, &mut Ctx::eval()).unwrap();
        let quantiles = flat(&p.quantiles.unwrap().values);
        for (k, level) in levels.iter().enumerate() {
            // Within each half as well: the quantiles follow the noise.
            for half in [0..n as usize / 2, n as usize / 2..n as usize] {
                let of = half.len() as f64;
                let below = half
                    .filter(|i| y[*i] <= quantiles[i * levels.len() + k])
                    .count();
                let share = below as f64 / of;
                // Five standard errors of a share of 1,000.
                let band = 5.0 * (level * (1.0 - level) / of).sqrt();
                assert!((share - level).abs() < band, "{crossing} {level}: {share}");
            }
        }
        let spread = flat(&p.aleatoric.unwrap());
        let worst = spread.iter().zip(&sd).map(|(a, b)| (a / b - 1.0).abs());
        let mean_off = worst.sum::<f64>() / f64::from(n);
        assert!(mean_off < 0.12, "{crossing}: spreads are off by {mean_off}");
    }
}
