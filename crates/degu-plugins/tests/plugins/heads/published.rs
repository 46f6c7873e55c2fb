//! Contracts, and the property that each published defect has.
use candle_core::Tensor;
use degu_contract::testing::{self, column, label_info};
use degu_core::{Ctx, Head, Seed, Targets};
use degu_nn::{gradcheck::irregular, loss};
use rand_distr::{Distribution as _, StandardNormal};
use serde_json::json;

mod min1 {
    degu_contract::contract!(head "gaussian-logvar-min1");
}
mod broadcast {
    degu_contract::contract!(head "heteroscedastic-broadcast");
}

fn head(name: &str) -> Box<dyn Head> {
    testing::head(name, &json!({}), &label_info(1, 1.0))
}

fn targets(y: &[f64]) -> Targets {
    testing::targets(column(y), column(&vec![1.0; y.len()]))
}

fn raw(mean: &[f64], spread: &[f64]) -> Tensor {
    Tensor::cat(&[column(mean), column(spread)], 1).unwrap()
}

fn number(t: &Tensor) -> f64 {
    t.to_scalar::<f64>().unwrap()
}

#[test]
fn the_broadcast_loss_is_the_mean_over_all_pairs_of_rows() {
    let flat = |t: Tensor| t.flatten_all().unwrap().to_vec1::<f64>().unwrap();
    let (m, s, y) = (
        flat(irregular("m", &[5]).unwrap()),
        flat(irregular("s", &[5]).unwrap()),
        flat(irregular("y", &[5]).unwrap()),
    );
    let mut sum = 0.0;
    for i in 0..5 {
        for other in &s {
            let error = (y[i] - m[i]).powi(2);
            sum += 0.5 * ((2.0 * std::f64::consts::PI).ln() + other + error * (-other).exp());
        }
    }
    let loss = head("heteroscedastic-broadcast")
        .loss(&raw(&m, &s), &targets(&y))
        .unwrap();
    assert!((number(&loss) - sum / 25.0).abs() < 1e-12);
}

/// With the true variances the likelihood is better than with the best constant; the published loss
/// says the opposite.
#[test]
fn the_broadcast_loss_prefers_a_constant_to_the_truth() {
    let n = 20_000;
    let mut rng = Seed::root(4).child("rows").rng();
    let (mut y, mut truth) = (vec![], vec![]);
    for i in 0..n {
        let log_variance = -2.0 + 4.0 * f64::from(i) / f64::from(n);
        let noise: f64 = StandardNormal.sample(&mut rng);
        truth.push(log_variance);
        y.push(noise * (0.5 * log_variance).exp());
    }
    let zero = vec![0.0; y.len()];
    let best = (y.iter().map(|y| y * y).sum::<f64>() / f64::from(n)).ln();
    let constant = vec![best; y.len()];
    let published = head("heteroscedastic-broadcast");
    let of = |s: &[f64]| number(&published.loss(&raw(&zero, s), &targets(&y)).unwrap());
    assert!(
        of(&truth) > of(&constant) + 0.3,
        "{} {}",
        of(&truth),
        of(&constant)
    );
    let likelihood = |s: &[f64]| {
        let variance = column(s).exp().unwrap();
        number(&loss::gaussian_nll(&column(&zero), &variance, &targets(&y).mean).unwrap())
    };
    assert!(likelihood(&truth) < likelihood(&constant) - 0.1);
    // A constant is scored alike by both.
    assert!((of(&constant) - likelihood(&constant)).abs() < 1e-12);
}

#[test]
fn the_published_evidential_baseline_has_no_variance_below_one() {
    let head = head("gaussian-logvar-min1");
    let p = head
        .predict(&raw(&[0.0, 0.0, 0.0], &[-40.0, 0.0, 2.0]), &mut Ctx::eval())
        .unwrap();
    let spread = p
        .aleatoric
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1::<f64>()
        .unwrap();
    assert!((spread[0] - 1.0).abs() < 1e-5, "{spread:?}");
    assert!((spread[1] - (0.5 * (2f64.ln() + 1e-6)).exp()).abs() < 1e-12);
    // Quiet targets are described by it as badly as by a variance of 1.
    let quiet = head
        .loss(&raw(&[0.0; 2], &[-40.0; 2]), &targets(&[0.01, -0.01]))
        .unwrap();
    let floor = 0.5 * (2.0 * std::f64::consts::PI).ln();
    assert!((number(&quiet) - floor).abs() < 1e-3);
}
