//! Cases of the blocks `main` and `tied`: one task.
use degu_stats::calibration::conditional::size_stratified_coverage;
use degu_stats::calibration::curve::{gaussian_curve_errors, sharpness, variance_ratio};
use degu_stats::calibration::spread_error;
use degu_stats::conformal::cqr::{Cqr, CqrScore, QuantileBand};
use degu_stats::conformal::mondrian::Mondrian;
use degu_stats::conformal::weighted::{WeightedScores, effective_n};
use degu_stats::conformal::{Intervals, Score, SortedScores, SplitConformal};
use degu_stats::detection::detect;
use degu_stats::recalibrate::quantile_map::gaussian_transforms;
use degu_stats::recalibrate::{QuantileMap, variance_factor};
use degu_stats::scoring::{gaussian_crps, gaussian_nll, interval_summary, weighted_interval_score};
use degu_stats::selective::RiskCoverage;
use degu_stats::{Alpha, Binning, metrics, special};
use serde_json::{Value, json};

use super::file::{Check, Fixture, num, number, numbers, nums, pairs};

pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("main/split_abs_q", |f, n| split(f, n, Score::Absolute)),
    ("main/split_norm_q", |f, n| split(f, n, Score::normalized())),
    ("tied/split_norm_q", |f, n| split(f, n, Score::normalized())),
    ("main/upper_q", |f, n| split(f, n, Score::Upper)),
    ("main/lower_q", |f, n| split(f, n, Score::Lower)),
    ("main/asym_q", asymmetric),
    ("main/split_norm_interval", split_intervals),
    ("main/cqr_q", |f, n| cqr(f, n, CqrScore::Symmetric)),
    ("main/cqr_asym_q", |f, n| cqr(f, n, CqrScore::Asymmetric)),
    ("main/cqr_r_q", |f, n| cqr(f, n, CqrScore::Relative)),
    ("main/cqr_m_q", |f, n| cqr(f, n, CqrScore::Median)),
    ("main/mondrian_norm", mondrian),
    ("tied/mondrian_norm", mondrian),
    ("main/weighted_norm_q/light", |f, n| {
        weighted(f, n, number(&f.input_value("main", "weight_test")["light"]))
    }),
    ("main/weighted_norm_q/heavy", |f, n| {
        weighted(f, n, number(&f.input_value("main", "weight_test")["heavy"]))
    }),
    ("main/weighted_norm_q/fixed_unit", |f, n| {
        weighted(f, n, 1.0)
    }),
    ("main/effective_n", |f, _| {
        num(effective_n(&f.input("main", "weights")).unwrap())
    }),
    ("main/interval_p", interval_p),
    ("main/nll", |f, _| gaussian_mean(f, gaussian_nll)),
    ("main/crps_gaussian", |f, _| gaussian_mean(f, gaussian_crps)),
    ("main/mace", |f, _| {
        gaussian(f, |y, m, s| Ok(gaussian_curve_errors(y, m, s)?.mace))
    }),
    ("main/rmsce", |f, _| {
        gaussian(f, |y, m, s| Ok(gaussian_curve_errors(y, m, s)?.rmsce))
    }),
    ("main/miscalibration_area", |f, _| {
        gaussian(f, |y, m, s| {
            Ok(gaussian_curve_errors(y, m, s)?.miscalibration_area)
        })
    }),
    ("main/sharpness", |f, _| {
        num(sharpness(&f.input("main", "sigma")).unwrap())
    }),
    ("main/ence_width5", |f, _| ence(f, Binning::EqualWidth, 5)),
    ("main/ence_width10", |f, _| ence(f, Binning::EqualWidth, 10)),
    ("main/ence_count5", |f, _| ence(f, Binning::EqualCount, 5)),
    ("main/ence_count10", |f, _| ence(f, Binning::EqualCount, 10)),
    ("main/sigma_scale", |f, _| gaussian(f, variance_factor)),
    ("main/variance_ratio", |f, _| gaussian(f, variance_ratio)),
    ("main/spearman_sigma_abs_error", spearman),
    ("tied/spearman", spearman),
    ("main/gaussian_intervals", gaussian_intervals),
    ("main/wis_mean", wis),
    ("main/kuleshov_clip", kuleshov),
    ("main/kuleshov_anchored", kuleshov),
    ("main/aurc_sq", |f, n| {
        let curve = selective(f, n);
        json!({ "model": curve.aurc(), "oracle": curve.oracle_aurc(), "excess": curve.excess_aurc() })
    }),
    ("tied/aurc_sq", |f, n| {
        let curve = selective(f, n);
        json!({ "model": curve.aurc(), "oracle": curve.oracle_aurc() })
    }),
    ("main/ause_sq", |f, n| num(selective(f, n).ause())),
    ("tied/ause_sq", |f, n| num(selective(f, n).ause())),
    ("main/risk_at", |f, n| {
        let curve = selective(f, n);
        let shares = f.value(n).as_object().expect("risk by share").keys();
        shares
            .map(|c| (c.clone(), num(curve.risk_at(c.parse().unwrap()).unwrap())))
            .collect()
    }),
    ("main/ood", |f, n| {
        let shifted = numbers(&f.value(n)["shifted_sigma"]);
        let d = detect(&f.input("main", "sigma"), &shifted).unwrap();
        json!({
            "shifted_sigma": shifted, "auroc": d.auroc, "average_precision": d.average_precision,
            "fpr_at_95_tpr": d.fpr_at_95_tpr,
        })
    }),
    ("tied/auroc_mid_rank", |f, _| {
        num(
            detect(&f.input("tied", "sigma"), &f.input("tied", "sigma_t"))
                .unwrap()
                .auroc,
        )
    }),
];

fn block_name(case: &str) -> &str {
    case.split('/').next().unwrap_or(case)
}

/// Measured, mean and sigma of a block.
fn block(f: &Fixture, name: &str) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    (
        f.input(name, "y"),
        f.input(name, "mu"),
        f.input(name, "sigma"),
    )
}

fn errors(y: &[f64], m: &[f64]) -> Vec<f64> {
    y.iter().zip(m).map(|(y, m)| (y - m).abs()).collect()
}

fn scores(f: &Fixture, name: &str) -> Vec<f64> {
    let (y, m, s) = block(f, name);
    errors(&y, &m).iter().zip(&s).map(|(e, s)| e / s).collect()
}

fn mean_of(values: &Value) -> Value {
    let values = numbers(values);
    num(values.iter().sum::<f64>() / values.len() as f64)
}

fn fitted(f: &Fixture, case: &str, score: Score) -> SplitConformal {
    let (y, m, s) = block(f, block_name(case));
    SplitConformal::fit(score, &y, &m, Some(&s)).unwrap()
}

fn split(f: &Fixture, case: &str, score: Score) -> Value {
    let fitted = fitted(f, case, score);
    f.per_alpha(case, |alpha| {
        let offsets = fitted.offsets(alpha).unwrap();
        num(if score == Score::Lower {
            -offsets.below
        } else {
            offsets.above
        })
    })
}

fn asymmetric(f: &Fixture, case: &str) -> Value {
    let fitted = fitted(f, case, Score::Signed);
    f.per_alpha(case, |alpha| {
        let offsets = fitted.offsets(alpha).unwrap();
        nums([offsets.below, offsets.above])
    })
}

fn split_intervals(f: &Fixture, case: &str) -> Value {
    let fitted = fitted(f, case, Score::normalized());
    let (mean, scale) = (f.input("main", "mu_t"), f.input("main", "sigma_t"));
    f.per_alpha(case, |alpha| {
        pairs(fitted.intervals(&mean, Some(&scale), alpha).unwrap().rows())
    })
}

fn cqr(f: &Fixture, case: &str, score: CqrScore) -> Value {
    let (y, m, s) = block(f, "main");
    // The band of the note: mu - 1.0 sigma, mu + 1.2 sigma, median mu + 0.05 sigma.
    let at = |z: f64| -> Vec<f64> { m.iter().zip(&s).map(|(m, s)| m + z * s).collect() };
    let (lower, upper, median) = (at(-1.0), at(1.2), at(0.05));
    let band = QuantileBand {
        lower: &lower,
        upper: &upper,
        median: Some(&median),
    };
    let fitted = Cqr::fit(score, 0.0, &y, band).unwrap();
    f.per_alpha(case, |alpha| {
        let (below, above) = fitted.quantiles(alpha).unwrap();
        if score == CqrScore::Asymmetric {
            nums([below, above])
        } else {
            num(above)
        }
    })
}

fn mondrian(f: &Fixture, case: &str) -> Value {
    let name = block_name(case);
    let fitted = Mondrian::fit(&scores(f, name), &f.groups(name, "group")).unwrap();
    let (mean, scale, group) = (
        f.input(name, "mu_t"),
        f.input(name, "sigma_t"),
        f.groups(name, "group_t"),
    );
    f.per_alpha(case, |alpha| {
        let q = fitted.quantiles_for(&group, alpha);
        let radius: Vec<f64> = q.iter().zip(&scale).map(|(q, s)| q * s).collect();
        json!({
            "n": fitted.groups().values().map(SortedScores::len).collect::<Vec<usize>>(),
            "q": nums(fitted.groups().keys().map(|g| fitted.quantile(*g, alpha))),
            "interval": pairs(Intervals::around(&mean, &radius).unwrap().rows()),
        })
    })
}

fn weighted(f: &Fixture, case: &str, test_weight: f64) -> Value {
    let fitted = WeightedScores::fit(&scores(f, "main"), &f.input("main", "weights")).unwrap();
    f.per_alpha(case, |alpha| num(fitted.quantile(test_weight, alpha)))
}

fn interval_p(f: &Fixture, _: &str) -> Value {
    let sorted = SortedScores::new(&scores(f, "main")).unwrap();
    let (y, m, s) = (
        f.input("main", "y_t"),
        f.input("main", "mu_t"),
        f.input("main", "sigma_t"),
    );
    nums((0..y.len()).map(|i| sorted.p_value((y[i] - m[i]).abs() / s[i])))
}

fn gaussian(f: &Fixture, value: fn(&[f64], &[f64], &[f64]) -> degu_stats::Result<f64>) -> Value {
    let (y, m, s) = block(f, "main");
    num(value(&y, &m, &s).unwrap())
}

fn gaussian_mean(
    f: &Fixture,
    value: fn(&[f64], &[f64], &[f64]) -> degu_stats::Result<Vec<f64>>,
) -> Value {
    let (y, m, s) = block(f, "main");
    mean_of(&nums(value(&y, &m, &s).unwrap()))
}

fn ence(f: &Fixture, binning: Binning, bins: usize) -> Value {
    let (y, m, s) = block(f, "main");
    let error = spread_error(&y, &m, &s, binning, bins).unwrap();
    json!({ "ence": error.ence, "uce": error.uce })
}

fn spearman(f: &Fixture, case: &str) -> Value {
    let (y, m, s) = block(f, block_name(case));
    num(metrics::spearman(&s, &errors(&y, &m)).unwrap().unwrap())
}

fn gaussian_at(f: &Fixture, alpha: Alpha) -> Intervals {
    let z = special::normal_quantile(1.0 - alpha.value() / 2.0);
    let radius: Vec<f64> = f.input("main", "sigma").iter().map(|s| z * s).collect();
    Intervals::around(&f.input("main", "mu"), &radius).unwrap()
}

fn gaussian_intervals(f: &Fixture, case: &str) -> Value {
    let (y, m, _) = block(f, "main");
    f.per_alpha(case, |alpha| {
        let intervals = gaussian_at(f, alpha);
        let summary = interval_summary(&intervals, &y, alpha).unwrap();
        json!({
            "interval_coverage": summary.interval_coverage,
            "mean_width": summary.mean_width,
            "winkler": summary.winkler,
            "ssc3": size_stratified_coverage(&intervals, &y, 3).unwrap(),
            "pearson_width_error": metrics::pearson(&intervals.widths(), &errors(&y, &m)).unwrap(),
        })
    })
}

fn wis(f: &Fixture, _: &str) -> Value {
    let (y, m, _) = block(f, "main");
    let levels = f
        .value("main/gaussian_intervals")
        .as_object()
        .expect("levels");
    let intervals: Vec<(Alpha, Intervals)> = levels
        .keys()
        .map(|text| {
            let alpha = text.parse().unwrap();
            (alpha, gaussian_at(f, alpha))
        })
        .collect();
    let borrowed: Vec<(Alpha, &Intervals)> =
        intervals.iter().map(|(alpha, at)| (*alpha, at)).collect();
    mean_of(&nums(weighted_interval_score(&y, &m, &borrowed).unwrap()))
}

fn kuleshov(f: &Fixture, case: &str) -> Value {
    let (y, m, s) = block(f, "main");
    let transforms = gaussian_transforms(&y, &m, &s).unwrap();
    let p = numbers(&f.value(case)["p"]);
    if case.ends_with("clip") {
        let map = QuantileMap::clipped(&transforms).unwrap();
        return json!({ "p": p, "R": nums(p.iter().map(|p| map.observed(*p))) });
    }
    let map = QuantileMap::anchored(&transforms).unwrap();
    json!({
        "p": p,
        "R": nums(p.iter().map(|p| map.observed(*p))),
        "R_inverse": nums(p.iter().map(|p| map.predicted(*p))),
    })
}

fn selective(f: &Fixture, case: &str) -> RiskCoverage {
    let (y, m, s) = block(f, block_name(case));
    let squared: Vec<f64> = errors(&y, &m).iter().map(|e| e * e).collect();
    RiskCoverage::new(&s, &squared).unwrap()
}
