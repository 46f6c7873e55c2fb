//! Contracts, closed forms, masks, and what a fit on simulated replicates finds.
use candle_core::{Device, Tensor, Var};
use degu_contract::testing::{column, flat, label_info};
use degu_core::{
    Ctx, Error, Head, LabelInfo, LabelWeights, Masked, Seed, Targets, UncertaintyHead, registry,
};
use degu_nn::gradcheck::{descend, gradient_errors, irregular};
use rand_distr::{Distribution as _, StandardNormal};
use serde_json::{Value, json};

mod squared {
    degu_contract::contract!(head "replicate");
}
mod likelihood {
    degu_contract::contract!(head "replicate", r#"{"loss": "likelihood", "spread_weight": 0.5}"#);
}

fn info(aleatoric: bool) -> LabelInfo {
    LabelInfo {
        aleatoric,
        ..label_info(1, 1.0)
    }
}

fn family(params: &Value) -> Box<dyn UncertaintyHead> {
    let plugin = registry::find::<dyn UncertaintyHead>("replicate").unwrap();
    plugin.resolve_json(params).unwrap().build().unwrap()
}

fn targets(mean: &[f64], spread: &[f64], known: &[f64]) -> Targets {
    let all = vec![1.0; mean.len()];
    let masked = |value: &[f64], mask: &[f64]| Masked {
        value: column(value),
        mask: column(mask),
    };
    Targets {
        mean: masked(mean, &all),
        epistemic: None,
        aleatoric: Some(masked(spread, known)),
    }
}

fn number(t: &Tensor) -> f64 {
    t.to_scalar::<f64>().unwrap()
}

#[test]
fn without_replicates_it_does_not_bind() {
    let error = family(&json!({}))
        .bind(&info(false))
        .map(|_| ())
        .unwrap_err();
    assert!(matches!(error, Error::Missing { .. }) && error.to_string().contains("replicate"));
}

#[test]
fn barcodes_are_asked_for_only_on_request() {
    assert_eq!(family(&json!({})).weights(), LabelWeights::Rows);
    let params = json!({"weights": "barcodes", "half": 4.0});
    let weights = family(&params).weights();
    assert_eq!(weights, LabelWeights::Barcodes { half: 4.0 });
    assert!((weights.of(12.0) - 0.75).abs() < 1e-6);
}

#[test]
fn the_published_loss_is_the_mean_over_all_known_columns() {
    let head = family(&json!({})).bind(&info(true)).unwrap();
    let raw = Tensor::new(&[[1.0f64, 0.5], [0.0, 9.0], [2.0, 0.25]], &Device::Cpu).unwrap();
    let targets = targets(&[0.0, 2.0, 2.0], &[0.3, 0.0, 0.35], &[1.0, 0.0, 1.0]);
    // Errors of the means 1, 4, 0; of the known spreads 0.04, 0.01; five known values.
    let loss = number(&head.loss(&raw, &targets).unwrap());
    assert!((loss - 5.05 / 5.0).abs() < 1e-12, "{loss}");
}

/// What a row without a second replicate holds in place of a spread reaches neither the loss nor
/// the gradient.
#[test]
#[expect(clippy::float_cmp, reason = "the same bits are meant")]
fn a_missing_replicate_does_not_leak() {
    for params in [json!({}), json!({"loss": "likelihood"})] {
        let head = family(&params).bind(&info(true)).unwrap();
        let raw = irregular("raw", &[4, 2]).unwrap();
        let result = |hidden: f64| {
            let targets = targets(
                &[0.1, -0.4, 0.7, 0.2],
                &[0.3, hidden, 0.2, hidden],
                &[1.0, 0.0, 2.5, 0.0],
            );
            let var = Var::from_tensor(&raw).unwrap();
            let loss = head.loss(var.as_tensor(), &targets).unwrap();
            let gradient = flat(loss.backward().unwrap().get(&var).unwrap());
            (number(&loss), gradient)
        };
        let (one, other) = (result(0.0), result(1e3));
        assert_eq!(one, other);
        for row in [1, 3] {
            assert_eq!(one.1[2 * row + 1], 0.0, "a hidden spread moves its output");
            assert_ne!(one.1[2 * row], 0.0, "the mean of the row still counts");
        }
    }
}

#[test]
fn both_losses_have_their_gradients() {
    for params in [json!({"spread_weight": 0.3}), json!({"loss": "likelihood"})] {
        let head = family(&params).bind(&info(true)).unwrap();
        let shape = [3, 4, 1];
        let mask = (irregular("mask", &shape).unwrap() + 0.3)
            .unwrap()
            .maximum(0.0)
            .unwrap();
        let part = |name: &str| Masked {
            value: irregular(name, &shape).unwrap().abs().unwrap(),
            mask: mask.clone(),
        };
        let targets = Targets {
            mean: part("mean"),
            epistemic: None,
            aleatoric: Some(part("spread")),
        };
        let raw = irregular("raw", &[3, 4, 2]).unwrap();
        let loss = |v: &[Var]| Ok(head.loss(v[0].as_tensor(), &targets)?.reshape(1)?);
        assert!(gradient_errors(&loss, &[raw]).unwrap()[0] < 1e-8);
    }
}

/// Two replicates with a spread of 0.5: the squared error finds c4(2) = 0.798 of it, the likelihood
/// all of it.
#[test]
fn the_likelihood_has_no_bias_of_small_numbers() {
    let n = 6000;
    let mut rng = Seed::root(9).child("replicates").rng();
    let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
    let (mut mean, mut spread) = (vec![], vec![]);
    for _ in 0..n {
        let (a, b) = (1.0 + 0.5 * draw(), 1.0 + 0.5 * draw());
        mean.push(0.5 * (a + b));
        spread.push((a - b).abs() / std::f64::consts::SQRT_2);
    }
    let features = Tensor::ones((n, 1), candle_core::DType::F64, &Device::Cpu).unwrap();
    let targets = targets(&mean, &spread, &vec![1.0; n]);
    let fitted = |params: &Value| {
        let head: Box<dyn Head> = family(params).bind(&info(true)).unwrap();
        let loss = |raw: &Tensor| head.loss(raw, &targets);
        let raw = descend(&features, 2, &loss, 200, 0.05).unwrap();
        let p = head.predict(&raw, &mut Ctx::eval()).unwrap();
        (flat(&p.mean)[0], flat(&p.aleatoric.unwrap())[0])
    };
    let average = |v: &[f64]| v.iter().sum::<f64>() / n as f64;
    let squares: Vec<f64> = spread.iter().map(|s| s * s).collect();
    let (m, s) = fitted(&json!({}));
    assert!((m - average(&mean)).abs() < 1e-3 && (s - average(&spread)).abs() < 1e-3);
    assert!((s / 0.5 - 0.798).abs() < 0.02, "{s}");
    let (m, s) = fitted(&json!({"loss": "likelihood"}));
    assert!((m - average(&mean)).abs() < 1e-3);
    assert!((s - average(&squares).sqrt()).abs() < 1e-3, "{s}");
    assert!((s - 0.5).abs() < 0.02, "{s}");
}
