//! Properties that hold for any data: invariance to row order, and the relations between methods.

#![expect(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "helpers of a test, as the test itself; bit-identity"
)]

use crate::random::{Random, Rows};
use degu_stats::calibration::{gaussian_curve_errors, spread_error};
use degu_stats::conformal::density_ratio::{RatioOptions, density_ratio};
use degu_stats::conformal::joint::{Bonferroni, CopulaBox, MaxScore};
use degu_stats::conformal::weighted::WeightedScores;
use degu_stats::conformal::{Score, SplitConformal};
use degu_stats::metrics::{pearson, spearman};
use degu_stats::recalibrate::quantile_map::gaussian_transforms;
use degu_stats::recalibrate::{MixRatio, MixedScale, TwoFactor};
use degu_stats::scoring::interval_summary;
use degu_stats::selective::RiskCoverage;
use degu_stats::{Alpha, Binning};

fn alpha() -> Alpha {
    "0.1".parse().unwrap()
}

fn pick(values: &[f64], order: &[usize]) -> Vec<f64> {
    order.iter().map(|&row| values[row]).collect()
}

#[test]
fn the_order_of_rows_changes_nothing() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let rows = Rows::skewed(&mut random, 150);
        let weights: Vec<f64> = (0..150).map(|_| random.uniform()).collect();
        let order = random.permutation(150);
        let moved = Rows {
            y: pick(&rows.y, &order),
            mean: pick(&rows.mean, &order),
            scale: pick(&rows.scale, &order),
        };
        for score in [Score::Absolute, Score::normalized(), Score::Signed] {
            let fit = |rows: &Rows| {
                SplitConformal::fit(score, &rows.y, &rows.mean, Some(&rows.scale)).unwrap()
            };
            assert_eq!(fit(&rows), fit(&moved));
        }
        let scores = rows.scale.clone();
        let weighted = WeightedScores::fit(&scores, &weights).unwrap();
        let other = WeightedScores::fit(&pick(&scores, &order), &pick(&weights, &order)).unwrap();
        assert_eq!(
            weighted.quantile(0.3, alpha()),
            other.quantile(0.3, alpha())
        );
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12 * a.abs().max(1.0), "{a} {b}");
        let corr = |f: fn(&[f64], &[f64]) -> degu_stats::Result<Option<f64>>, r: &Rows| {
            f(&r.y, &r.mean).unwrap().unwrap()
        };
        near(corr(pearson, &rows), corr(pearson, &moved));
        near(corr(spearman, &rows), corr(spearman, &moved));
        let ence = |r: &Rows| {
            spread_error(&r.y, &r.mean, &r.scale, Binning::EqualCount, 10)
                .unwrap()
                .ence
        };
        near(ence(&rows), ence(&moved));
        let aurc = |r: &Rows| {
            let rounded: Vec<f64> = r.scale.iter().map(|s| (4.0 * s).round()).collect();
            RiskCoverage::new(&rounded, &r.scale).unwrap().aurc()
        };
        near(aurc(&rows), aurc(&moved));
    }
}

#[test]
fn doubling_the_calibration_set_does_not_widen() {
    for seed in 0..50 {
        let rows = Rows::skewed(&mut Random::new(seed), 40 + seed as usize);
        let twice = |v: &[f64]| [v, v].concat();
        for percent in [5, 10, 20, 50] {
            let alpha = Alpha::new(percent, 100).unwrap();
            let once = SplitConformal::fit(Score::Absolute, &rows.y, &rows.mean, None).unwrap();
            let double =
                SplitConformal::fit(Score::Absolute, &twice(&rows.y), &twice(&rows.mean), None)
                    .unwrap();
            assert!(double.offsets(alpha).unwrap().above <= once.offsets(alpha).unwrap().above);
        }
    }
}

#[test]
fn transforms_of_the_true_model_are_uniform() {
    let mut random = Random::new(77);
    let n = 10_000;
    let (mean, sd) = (
        random.normals(n),
        (0..n).map(|_| 0.1 + random.uniform()).collect::<Vec<f64>>(),
    );
    let y: Vec<f64> = (0..n).map(|i| mean[i] + sd[i] * random.normal()).collect();
    let mut transforms = gaussian_transforms(&y, &mean, &sd).unwrap();
    transforms.sort_by(f64::total_cmp);
    let distance = transforms
        .iter()
        .enumerate()
        .map(|(i, p)| {
            (p - i as f64 / n as f64)
                .abs()
                .max((p - (i + 1) as f64 / n as f64).abs())
        })
        .fold(0.0, f64::max);
    // Kolmogorov-Smirnov: p = 1e-3 at 1.95/sqrt(n).
    assert!(distance < 1.95 / (n as f64).sqrt(), "{distance}");
    assert!(gaussian_curve_errors(&y, &mean, &sd).unwrap().mace < 0.01);
}

#[test]
fn joint_boxes_beat_bonferroni_on_correlated_tasks() {
    let (mut bonferroni, mut max_score) = (0.0, 0.0);
    for seed in 0..20 {
        let mut random = Random::new(500 + seed);
        let mut draw =
            |rows: usize| -> Vec<f64> { (0..rows).flat_map(|_| random.correlated(0.8)).collect() };
        let scores = draw(400);
        bonferroni += Bonferroni::fit(&scores, 4)
            .unwrap()
            .radii(alpha())
            .unwrap()
            .iter()
            .sum::<f64>()
            / 4.0;
        max_score += MaxScore::fit(&scores, 4).unwrap().radius(alpha());
    }
    assert!(max_score < bonferroni, "{max_score} {bonferroni}");
}

#[test]
fn the_copula_box_follows_unequal_tails() {
    let (mut copula, mut max_score) = (0.0, 0.0);
    for seed in 0..20 {
        let mut random = Random::new(700 + seed);
        let mut draw = |rows: usize| -> Vec<f64> {
            let widen = |row: Vec<f64>| {
                row.into_iter()
                    .enumerate()
                    .map(|(t, z)| if t == 0 { z.powi(3) } else { z })
            };
            (0..rows)
                .flat_map(|_| widen(random.correlated(0.95)).collect::<Vec<f64>>())
                .collect()
        };
        let (a, b) = (draw(400), draw(400));
        copula += CopulaBox::fit(&a, &b, 4)
            .unwrap()
            .radii(alpha())
            .iter()
            .sum::<f64>();
        max_score += 4.0 * MaxScore::fit(&b, 4).unwrap().radius(alpha());
    }
    assert!(copula < max_score, "{copula} {max_score}");
}

/// Rows whose error has an epistemic and an aleatoric part, the ensemble's spread being half of the
/// true epistemic sd.
fn two_sources(random: &mut Random, n: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let epistemic: Vec<f64> = (0..n).map(|_| 0.1 + random.uniform()).collect();
    let aleatoric: Vec<f64> = (0..n).map(|_| 0.2 + random.uniform()).collect();
    let y = (0..n)
        .map(|i| (2.0 * epistemic[i]).hypot(aleatoric[i]) * random.normal())
        .collect();
    (y, epistemic, aleatoric)
}

#[test]
fn mixing_both_uncertainties_beats_either_alone() {
    let mut totals = [0.0; 6];
    for seed in 0..30 {
        let mut random = Random::new(900 + seed);
        let (ya, ea, aa) = two_sources(&mut random, 500);
        let (yb, eb, ab) = two_sources(&mut random, 1000);
        let (yt, et, at) = two_sources(&mut random, 1000);
        let zero = vec![0.0; 1000];
        let mix = MixedScale::choose(
            &ya,
            &zero[..500],
            &ea,
            &aa,
            &MixRatio::default_grid(),
            alpha(),
        )
        .unwrap()
        .ratio;
        let two = TwoFactor::fit(&ya, &zero[..500], &ea, &aa).unwrap();
        assert!(two.epistemic > 2.0 && two.aleatoric < 2.0, "{two:?}");
        let ones = vec![1.0; 1000];
        let sum = |e: &[f64], a: &[f64]| {
            e.iter()
                .zip(a)
                .map(|(e, a)| e.hypot(*a))
                .collect::<Vec<f64>>()
        };
        let scales = [
            (ones.clone(), ones),
            (ab.clone(), at.clone()),
            (eb.clone(), et.clone()),
            (sum(&eb, &ab), sum(&et, &at)),
            (two.apply(&eb, &ab).unwrap(), two.apply(&et, &at).unwrap()),
            (mix.scale(&eb, &ab).unwrap(), mix.scale(&et, &at).unwrap()),
        ];
        for (total, (calibration, test)) in totals.iter_mut().zip(&scales) {
            let fitted =
                SplitConformal::fit(Score::normalized(), &yb, &zero, Some(calibration)).unwrap();
            let intervals = fitted.intervals(&zero, Some(test), alpha()).unwrap();
            *total += interval_summary(&intervals, &yt, alpha())
                .unwrap()
                .winkler
                .unwrap();
        }
    }
    let [absolute, aleatoric, epistemic, sum, two_factor, mixed] = totals;
    let single = absolute.min(aleatoric).min(epistemic);
    assert!(two_factor < single && two_factor < sum, "{totals:?}");
    assert!(mixed <= 1.02 * single && mixed < sum, "{totals:?}");
}

#[test]
fn the_density_ratio_finds_a_shift_and_disjoint_sets_get_infinite_intervals() {
    let mut random = Random::new(31);
    // The second feature is constant and must be ignored.
    let mut draw = |n: usize, shift: f64| -> Vec<f64> {
        (0..n)
            .flat_map(|_| [random.normal() + shift, 3.0])
            .collect()
    };
    let (calibration, target, far) = (draw(2000, 0.0), draw(1000, 1.0), draw(1000, 12.0));
    let options = RatioOptions {
        clip: 1.0,
        ..RatioOptions::default()
    };
    let ratio = density_ratio(&calibration, &target, 2, options).unwrap();
    let x: Vec<f64> = calibration.iter().step_by(2).copied().collect();
    let truth: Vec<f64> = x.iter().map(|x| x - 0.5).collect();
    let log: Vec<f64> = ratio.calibration.iter().map(|w| w.ln()).collect();
    let gap = log
        .iter()
        .zip(&truth)
        .map(|(l, t)| (l - t).abs())
        .sum::<f64>()
        / 2000.0;
    assert!(
        gap < 0.15 && pearson(&log, &truth).unwrap().unwrap() > 0.99,
        "{gap}"
    );
    // The effective size of the exact weights is n/e.
    assert!(
        (ratio.effective_n / (2000.0 / 1_f64.exp()) - 1.0).abs() < 0.25,
        "{}",
        ratio.effective_n
    );
    assert_eq!(ratio.clipped, 0);
    let clipped = density_ratio(&calibration, &target, 2, RatioOptions::default()).unwrap();
    assert_eq!(clipped.clipped, 20);

    let apart = density_ratio(&calibration, &far, 2, RatioOptions::default()).unwrap();
    assert!(
        apart.auroc > 0.999 && apart.target_beyond == 1000,
        "{} {}",
        apart.auroc,
        apart.target_beyond
    );
    let scores: Vec<f64> = x.iter().map(|x| x.abs()).collect();
    let weighted = WeightedScores::fit(&scores, &apart.calibration).unwrap();
    assert!(
        apart
            .target
            .iter()
            .all(|w| weighted.quantile(*w, alpha()).is_infinite())
    );
}
