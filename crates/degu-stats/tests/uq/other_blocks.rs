//! Cases of the blocks `multi`, `small`, `cv`, `ensemble`, `scale`, `profile`, `pava`, `aci`, and
//! the tables.

use degu_stats::Alpha;
use degu_stats::conformal::adaptive::AdaptiveAlpha;
use degu_stats::conformal::coverage::{beta_band, beta_binomial_band, beta_binomial_cdf};
use degu_stats::conformal::cross::{ByFold, CrossVariant, OutOfFold, cross_intervals};
use degu_stats::conformal::ellipsoid::Ellipsoid;
use degu_stats::conformal::joint::{Bonferroni, CopulaBox, MaxScore};
use degu_stats::conformal::{band, conformal_quantile};
use degu_stats::moments::{Ddof, EnsembleMoments, c4, shrinkage_of_ddof0};
use degu_stats::recalibrate::{Isotonic, MixRatio, MixedScale, TwoFactor};
use degu_stats::scoring::crps_ensemble;
use degu_stats::scoring::ensemble::{crps_mixture, energy_score, nll_mixture};
use serde_json::{Value, json};

use super::file::{Check, Fixture, num, number, numbers, nums, pairs};

pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("multi/max_score_q", |f, n| {
        let fitted = MaxScore::fit(&scores(f, "multi"), f.columns("multi", "mu")).unwrap();
        f.per_alpha(n, |alpha| num(fitted.radius(alpha)))
    }),
    ("multi/bonferroni_q", |f, n| {
        let fitted = Bonferroni::fit(&scores(f, "multi"), f.columns("multi", "mu")).unwrap();
        f.per_alpha(n, |alpha| nums(fitted.radii(alpha).unwrap()))
    }),
    ("multi/copula_box", |f, n| {
        let tasks = f.columns("multi", "mu");
        let all = scores(f, "multi");
        let (a, b) = all.split_at(all.len() / tasks / 2 * tasks);
        let fitted = CopulaBox::fit(a, b, tasks).unwrap();
        f.per_alpha(n, |alpha| json!({ "level": num(fitted.level(alpha)), "radius": nums(fitted.radii(alpha)) }))
    }),
    ("multi/mahalanobis_q", |f, n| {
        let tasks = f.columns("multi", "mu");
        let all = residuals(f, "multi");
        let (a, b) = all.split_at(all.len() / tasks / 2 * tasks);
        let fitted = Ellipsoid::fit(a, b, tasks).unwrap();
        f.per_alpha(n, |alpha| num(fitted.radius(alpha)))
    }),
    ("multi/energy_score_mean", energy),
    ("small/q", |f, n| {
        f.per_alpha(n, |alpha| {
            num(conformal_quantile(&f.input("small", "score"), alpha).unwrap())
        })
    }),
    ("small/rank", |f, n| {
        f.per_alpha(n, |alpha| {
            json!(alpha.rank(f.input("small", "score").len()))
        })
    }),
    ("rank_table", ranks),
    ("coverage_band", coverage_band),
    ("cv/plus", |f, n| cross(f, n, CrossVariant::Plus)),
    ("cv/minmax", |f, n| cross(f, n, CrossVariant::MinMax)),
    ("ensemble/moments", moments),
    ("ensemble/expected_std_over_sigma_ddof0", |f, n| {
        let members = numbers(&f.value(n)["members"]);
        json!({ "members": members, "ratio": nums(members.iter().map(|m| shrinkage_of_ddof0(*m as usize).unwrap())) })
    }),
    ("ensemble/crps_mixture", |f, _| by_row(f, crps_mixture)),
    ("ensemble/nll_mixture", |f, _| by_row(f, nll_mixture)),
    ("ensemble/crps_members", |f, _| {
        by_row(f, |m, _, y| crps_ensemble(m, y))
    }),
    ("scale/two_parameter", |f, _| {
        let column = |name| f.input("scale", name);
        let fit = TwoFactor::fit(
            &column("y"),
            &column("mu"),
            &column("epistemic"),
            &column("aleatoric"),
        )
        .unwrap();
        json!({ "a": fit.epistemic, "b": fit.aleatoric, "nll": fit.nll, "nll_unscaled": fit.nll_unscaled })
    }),
    ("scale/mixed_width", mixed_width),
    ("profile/sup_band_q", |f, n| {
        let fitted = band::simultaneous(&scores(f, "profile"), cells(f)).unwrap();
        f.per_alpha(n, |alpha| num(fitted.quantile(alpha)))
    }),
    ("profile/pointwise_q", |f, n| {
        let tracks = f.columns("profile", "y");
        f.per_alpha(n, |alpha| {
            let by_cell = band::per_bin(&scores(f, "profile"), cells(f), alpha).unwrap();
            Value::Array(
                by_cell
                    .chunks(tracks)
                    .map(|bin| nums(bin.iter().copied()))
                    .collect(),
            )
        })
    }),
    ("profile/risk_control", |f, n| {
        f.per_alpha(n, |alpha| {
            let z = scores(f, "profile");
            let got = band::risk_control(&z, cells(f), alpha).unwrap();
            let masked =
                band::risk_control_masked(&z, &vec![true; z.len()], cells(f), alpha).unwrap();
            assert_eq!(masked, got.lambda);
            json!({ "allowed": got.allowed, "lambda": num(got.lambda) })
        })
    }),
    ("profile/log_count_q", |f, n| {
        let (y, m) = (f.input("profile", "y"), f.input("profile", "mu"));
        let scores = band::log_total_scores(&y, &m, cells(f)).unwrap();
        f.per_alpha(n, |alpha| num(conformal_quantile(&scores, alpha).unwrap()))
    }),
    ("pava/fit", |f, n| {
        let (x, y, w) = (
            f.input("pava", "x"),
            f.input("pava", "y"),
            f.input("pava", "weight"),
        );
        let fit = Isotonic::fit(&x, &y, Some(&w)).unwrap();
        let at = numbers(&f.value(n)["at"]);
        let predict = |x: &[f64]| nums(x.iter().map(|x| fit.predict(*x)));
        json!({ "fitted": predict(&x), "at": at, "value": predict(&at) })
    }),
    ("aci/alpha_path", |f, _| {
        let (alpha, rate) = (f.input("aci", "alpha")[0], f.input("aci", "rate")[0]);
        let mut current = AdaptiveAlpha::new(alpha, rate).unwrap();
        let updates: Vec<f64> = f
            .input("aci", "missed")
            .iter()
            .map(|miss| current.update(*miss != 0.0))
            .collect();
        nums([alpha].into_iter().chain(updates))
    }),
];

fn residuals(f: &Fixture, block: &str) -> Vec<f64> {
    f.input(block, "y")
        .iter()
        .zip(f.input(block, "mu"))
        .map(|(y, m)| y - m)
        .collect()
}

fn scores(f: &Fixture, block: &str) -> Vec<f64> {
    residuals(f, block)
        .iter()
        .zip(f.input(block, "sigma"))
        .map(|(r, s)| r.abs() / s)
        .collect()
}

fn cells(f: &Fixture) -> usize {
    let sequences = f.input_value("profile", "y").as_array().map_or(1, Vec::len);
    f.input("profile", "y").len() / sequences
}

fn energy(f: &Fixture, _: &str) -> Value {
    let tasks = f.columns("multi", "mu");
    let (mu, y) = (f.input("multi", "mu"), f.input("multi", "y"));
    let n = y.len() / tasks;
    let row = |v: &[f64], i: usize| v[i % n * tasks..(i % n + 1) * tasks].to_vec();
    let score = |i: usize| {
        energy_score(
            &[row(&mu, i), row(&mu, i + 1), row(&mu, i + 2)].concat(),
            &row(&y, i),
        )
        .unwrap()
    };
    num((0..n).map(score).sum::<f64>() / n as f64)
}

fn ranks(f: &Fixture, case: &str) -> Value {
    let rows = f.value(case).as_array().expect("rows");
    // The level stands as text in the file and as a number here, as it would be typed in a
    // configuration.
    rows.iter()
        .map(|row| {
            let text = row[1].as_str().expect("a level");
            let alpha: Alpha = text.parse().unwrap();
            assert_eq!(Alpha::from_f64(text.parse().unwrap()).unwrap(), alpha);
            json!([row[0], text, alpha.rank(number(&row[0]) as usize)])
        })
        .collect()
}

fn coverage_band(f: &Fixture, case: &str) -> Value {
    let rows = f.value(case).as_array().expect("rows");
    rows.iter()
        .map(|row| {
            let (n_cal, n_test) = (number(&row["n_cal"]) as usize, number(&row["n_test"]) as usize);
            let alpha: Alpha = row["alpha"].as_str().expect("a level").parse().unwrap();
            let k = alpha.rank(n_cal);
            let band = beta_binomial_band(n_cal, k, n_test, 0.9).unwrap();
            let (low, high) = beta_band(n_cal, k, 0.9).unwrap();
            let at = n_test * k / (n_cal + 1);
            json!({
                "n_cal": n_cal, "n_test": n_test, "alpha": row["alpha"], "k": k, "beta_mean": band.mean,
                "beta_q05": low, "beta_q95": high, "count_q05": band.count_low, "count_q95": band.count_high,
                "cdf_at_mean": beta_binomial_cdf(at, n_test, k as f64, (n_cal + 1 - k) as f64).unwrap(),
            })
        })
        .collect()
}

fn cross(f: &Fixture, case: &str, variant: CrossVariant) -> Value {
    let fold: Vec<usize> = f.input("cv", "fold").iter().map(|k| *k as usize).collect();
    let (y, mean) = (f.input("cv", "y"), f.input("cv", "mu_out_of_fold"));
    let by_fold = f.input("cv", "mu_t_by_fold");
    let folds = by_fold.len() / f.columns("cv", "mu_t_by_fold");
    let training = OutOfFold {
        measured: &y,
        mean: &mean,
        scale: None,
        fold: &fold,
    };
    let new = ByFold {
        mean: &by_fold,
        scale: None,
        folds,
    };
    f.per_alpha(case, |alpha| {
        pairs(
            cross_intervals(training, new, variant, alpha)
                .unwrap()
                .rows(),
        )
    })
}

fn moments(f: &Fixture, _: &str) -> Value {
    let rows = f.columns("ensemble", "member_mu");
    let (mean, sd) = (
        f.input("ensemble", "member_mu"),
        f.input("ensemble", "member_sigma"),
    );
    let mut moments = EnsembleMoments::new(rows);
    for (mean, sd) in mean.chunks(rows).zip(sd.chunks(rows)) {
        moments.push(mean, Some(sd)).unwrap();
    }
    json!({
        "mean": moments.mean(),
        "epistemic": moments.epistemic(Ddof::Zero).unwrap(),
        "epistemic_ddof1": moments.epistemic(Ddof::One).unwrap(),
        "epistemic_c4": moments.epistemic(Ddof::C4).unwrap(),
        "c4": c4(moments.members()).unwrap(),
        "aleatoric": moments.aleatoric().unwrap(),
        "total": moments.total(Ddof::Zero).unwrap(),
        // The note: log(var + 1e-6).
        "log_var_floored": moments.log_var(Ddof::Zero, 1e-3).unwrap(),
    })
}

fn by_row(f: &Fixture, value: impl Fn(&[f64], &[f64], f64) -> degu_stats::Result<f64>) -> Value {
    let rows = f.columns("ensemble", "member_mu");
    let (mean, sd) = (
        f.input("ensemble", "member_mu"),
        f.input("ensemble", "member_sigma"),
    );
    let column = |v: &[f64], i: usize| {
        v.iter()
            .skip(i)
            .step_by(rows)
            .copied()
            .collect::<Vec<f64>>()
    };
    let y = f.input("ensemble", "y");
    nums((0..rows).map(|i| value(&column(&mean, i), &column(&sd, i), y[i]).unwrap()))
}

fn mixed_width(f: &Fixture, case: &str) -> Value {
    let column = |name| f.input("scale", name);
    let (y, mean, epistemic, aleatoric) = (
        column("y"),
        column("mu"),
        column("epistemic"),
        column("aleatoric"),
    );
    let half = y.len() / 2;
    let grid: Vec<MixRatio> = numbers(&f.case(case)["grid"])
        .into_iter()
        .map(MixRatio::Linear)
        .collect();
    f.per_alpha(case, |alpha| {
        let a = ..half;
        let chosen =
            MixedScale::choose(&y[a], &mean[a], &epistemic[a], &aleatoric[a], &grid, alpha)
                .unwrap();
        let scale = chosen
            .ratio
            .scale(&epistemic[half..], &aleatoric[half..])
            .unwrap();
        let scores: Vec<f64> = (half..y.len())
            .map(|i| (y[i] - mean[i]).abs() / scale[i - half])
            .collect();
        let MixRatio::Linear(ratio) = chosen.ratio else {
            panic!("the grid is linear")
        };
        json!({
            "winkler": nums(chosen.winkler), "ratio": ratio,
            "gamma": num(conformal_quantile(&scores, alpha).unwrap()),
        })
    })
}
