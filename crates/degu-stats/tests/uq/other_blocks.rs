//! Cases of the blocks `multi`, `small`, `cv`, `ensemble`, `scale`, `profile`, and the tables.

use degu_stats::Alpha;
use degu_stats::conformal::coverage::beta_binomial_band;
use degu_stats::conformal::cross::{CrossVariant, LeftOut, OutOfBag};
use degu_stats::conformal::joint::{Bonferroni, CopulaBox, MaxScore};
use degu_stats::conformal::{band, conformal_quantile};
use degu_stats::moments::{Ddof, EnsembleMoments, c4};
use degu_stats::recalibrate::{MixRatio, MixedScale, TwoFactor};
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
            json!({
                "n_cal": n_cal, "n_test": n_test, "alpha": row["alpha"], "k": k, "beta_mean": band.mean,
                "count_q05": band.count_low, "count_q95": band.count_high,
            })
        })
        .collect()
}

fn cross(f: &Fixture, case: &str, variant: CrossVariant) -> Value {
    let fold: Vec<usize> = f.input("cv", "fold").iter().map(|k| *k as usize).collect();
    let (y, mean) = (f.input("cv", "y"), f.input("cv", "mu_out_of_fold"));
    let by_fold = f.input("cv", "mu_t_by_fold");
    let folds = by_fold.len() / f.columns("cv", "mu_t_by_fold");
    let n = y.len();
    let drawn: Vec<bool> = (0..folds * n).map(|i| fold[i % n] != i / n).collect();
    let fitted = LeftOut::fit(OutOfBag {
        measured: &y,
        // Only the row of each sequence's own fold is read.
        mean: &mean.repeat(folds),
        drawn: &drawn,
        members: folds,
    })
    .unwrap();
    f.per_alpha(case, |alpha| {
        pairs(fitted.intervals(&by_fold, variant, alpha).unwrap().rows())
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
