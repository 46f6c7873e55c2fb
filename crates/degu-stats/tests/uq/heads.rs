//! Cases of the block `heads`: losses as plain formulas, special functions.

use degu_stats::scoring::evidential::NormalInverseGamma;
use degu_stats::scoring::gaussian_nll;
use degu_stats::scoring::interval::pinball;
use degu_stats::special::{digamma, ln_gamma, normal_quantile, softplus};
use serde_json::{Value, json};

use super::file::{Check, Fixture, numbers, nums};

/// Weight of the evidence penalty and floor of the softplus scale, as the notes of the cases say.
const PENALTY: f64 = 0.01;
const FLOOR: f64 = 1e-3;

pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("heads/gaussian_log_var", |f, _| {
        gaussian(f, |s| (0.5 * s).exp(), 0.0)
    }),
    ("heads/gaussian_softplus", |f, _| {
        gaussian(f, |s| softplus(s) + FLOOR, 0.0)
    }),
    ("heads/beta_nll_0.5", |f, _| {
        gaussian(f, |s| (0.5 * s).exp(), 0.5)
    }),
    ("heads/nig", nig),
    ("heads/nig_crps_t", |f, _| {
        nums(
            rows(f)
                .into_iter()
                .map(|(y, raw)| predicted(&raw).predictive().unwrap().crps(y).unwrap()),
        )
    }),
    ("heads/pinball", |f, n| {
        let levels = numbers(&f.value(n)["levels"]);
        let loss = rows(f).into_iter().map(|(y, raw)| {
            raw.iter()
                .zip(&levels)
                .map(|(q, tau)| pinball(y, *q, *tau))
                .sum()
        });
        json!({ "levels": levels, "loss": nums(loss) })
    }),
    ("heads/special", |f, n| {
        let (x, p) = (numbers(&f.value(n)["x"]), numbers(&f.value(n)["probit_p"]));
        json!({
            "x": x, "lgamma": nums(x.iter().map(|x| ln_gamma(*x))), "digamma": nums(x.iter().map(|x| digamma(*x))),
            "probit_p": p, "probit": nums(p.iter().map(|p| normal_quantile(*p))),
        })
    }),
];

/// Measured value and raw outputs of each row.
fn rows(f: &Fixture) -> Vec<(f64, Vec<f64>)> {
    let raw = f.input("heads", "raw");
    let width = f.columns("heads", "raw");
    f.input("heads", "y")
        .into_iter()
        .zip(raw.chunks(width).map(<[f64]>::to_vec))
        .collect()
}

fn gaussian(f: &Fixture, sd: fn(f64) -> f64, beta: f64) -> Value {
    let loss = rows(f).into_iter().map(|(y, raw)| {
        let sd = sd(raw[1]);
        sd.powf(2.0 * beta) * gaussian_nll(&[y], &[raw[0]], &[sd]).unwrap()[0]
    });
    json!({ "loss": nums(loss) })
}

fn predicted(raw: &[f64]) -> NormalInverseGamma {
    NormalInverseGamma {
        gamma: raw[0],
        v: softplus(raw[1]),
        alpha: 1.0 + softplus(raw[2]),
        beta: softplus(raw[3]),
    }
}

fn nig(f: &Fixture, _: &str) -> Value {
    let rows: Vec<(f64, NormalInverseGamma)> = rows(f)
        .into_iter()
        .map(|(y, raw)| (y, predicted(&raw)))
        .collect();
    let each = |value: fn(f64, &NormalInverseGamma) -> f64| {
        nums(rows.iter().map(|(y, predicted)| value(*y, predicted)))
    };
    json!({
        "loss": each(|y, predicted| predicted.nll(y).unwrap() + PENALTY * predicted.penalty(y)),
        "nll": each(|y, predicted| predicted.nll(y).unwrap()),
        "gamma": each(|_, predicted| predicted.gamma),
        "v": each(|_, predicted| predicted.v),
        "alpha": each(|_, predicted| predicted.alpha),
        "beta": each(|_, predicted| predicted.beta),
        "aleatoric_var": each(|_, predicted| predicted.aleatoric_var().unwrap()),
        "epistemic_var": each(|_, predicted| predicted.epistemic_var().unwrap()),
    })
}
