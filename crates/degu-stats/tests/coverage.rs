//! Interval coverage on fresh simulated data, 200 seeds a method, against the beta-binomial
//! distribution.
//!
//! With k the rank and n calibration rows the mean over R independent repetitions lies within
//! k/(n + 1) ± 3 sd/√R, and about nine in ten repetitions lie inside their own 5–95 % band (the
//! distribution is discrete, so between .84 and .97).

#![expect(clippy::unwrap_used, reason = "helpers of a test, as the test itself")]

use crate::random::{Random, Rows};
use degu_stats::Alpha;
use degu_stats::conformal::cqr::{Cqr, CqrScore, QuantileBand};
use degu_stats::conformal::cross::{CrossVariant, LeftOut, OutOfBag};
use degu_stats::conformal::joint::{CopulaBox, MaxScore};
use degu_stats::conformal::mondrian::Mondrian;
use degu_stats::conformal::weighted::{EffectiveSize, TestWeight, WeightedScores};
use degu_stats::conformal::{Intervals, Score, SplitConformal, band, beta_binomial_band};

const REPETITIONS: usize = 200;
const CALIBRATION: usize = 200;
const TEST: usize = 500;

fn alphas() -> [Alpha; 3] {
    ["0.05", "0.1", "0.2"].map(|text| text.parse().unwrap())
}

/// Covered counts of all repetitions against the distribution of rank k among `n_cal` rows.
fn assert_law(what: &str, alpha: Alpha, n_cal: usize, n_test: usize, covered: &[usize]) {
    let band = beta_binomial_band(n_cal, alpha.rank(n_cal), n_test, 0.9).unwrap();
    let repetitions = covered.len() as f64;
    let mean = covered.iter().sum::<usize>() as f64 / (repetitions * n_test as f64);
    let slack = 3.0 * band.sd / repetitions.sqrt();
    assert!(
        (mean - band.mean).abs() < slack,
        "{what} at {alpha}: mean {mean}, expected {} ± {slack}",
        band.mean
    );
    let inside = covered.iter().filter(|c| band.contains(**c)).count() as f64 / repetitions;
    assert!(
        (0.84..=0.97).contains(&inside),
        "{what} at {alpha}: {inside} of repetitions inside their band"
    );
}

fn count(intervals: &Intervals, y: &[f64]) -> usize {
    intervals
        .contains(y)
        .unwrap()
        .into_iter()
        .filter(|inside| *inside)
        .count()
}

#[test]
fn split_scores_follow_the_beta_binomial_law() {
    for alpha in alphas() {
        for score in [
            Score::Absolute,
            Score::normalized(),
            Score::Upper,
            Score::Lower,
        ] {
            let covered: Vec<usize> = (0..REPETITIONS)
                .map(|seed| {
                    let mut random = Random::new(1000 + seed as u64);
                    let (a, b) = (
                        Rows::skewed(&mut random, CALIBRATION),
                        Rows::skewed(&mut random, TEST),
                    );
                    let fitted = SplitConformal::fit(score, &a.y, &a.mean, Some(&a.scale)).unwrap();
                    count(
                        &fitted.intervals(&b.mean, Some(&b.scale), alpha).unwrap(),
                        &b.y,
                    )
                })
                .collect();
            assert_law(&format!("{score:?}"), alpha, CALIBRATION, TEST, &covered);
        }
    }
}

#[test]
fn quantile_bands_follow_the_beta_binomial_law() {
    for alpha in alphas() {
        for score in [CqrScore::Symmetric, CqrScore::Relative, CqrScore::Median] {
            let covered: Vec<usize> = (0..REPETITIONS)
                .map(|seed| {
                    let mut random = Random::new(3000 + seed as u64);
                    let (a, b) = (
                        Rows::skewed(&mut random, CALIBRATION),
                        Rows::skewed(&mut random, TEST),
                    );
                    let (a_low, a_high) = (a.at(-1.0), a.at(1.5));
                    let (b_low, b_high) = (b.at(-1.0), b.at(1.5));
                    let band_a = QuantileBand {
                        lower: &a_low,
                        upper: &a_high,
                        median: Some(&a.mean),
                    };
                    let band_b = QuantileBand {
                        lower: &b_low,
                        upper: &b_high,
                        median: Some(&b.mean),
                    };
                    let fitted = Cqr::fit(score, 0.0, &a.y, band_a).unwrap();
                    count(&fitted.intervals(band_b, alpha).unwrap(), &b.y)
                })
                .collect();
            assert_law(
                &format!("CQR {score:?}"),
                alpha,
                CALIBRATION,
                TEST,
                &covered,
            );
        }
    }
}

#[test]
fn every_group_follows_its_own_law() {
    // Groups of 50 and 150 calibration rows whose errors differ by a factor of three.
    for alpha in alphas() {
        let mut covered = [Vec::new(), Vec::new()];
        for seed in 0..REPETITIONS {
            let mut random = Random::new(5000 + seed as u64);
            let sizes = [50, 150];
            let draw =
                |random: &mut Random, group: usize| random.skewed().abs() * [1.0, 3.0][group];
            let group: Vec<u32> = (0..200).map(|i| u32::from(i >= sizes[0])).collect();
            let scores: Vec<f64> = group
                .iter()
                .map(|g| draw(&mut random, *g as usize))
                .collect();
            let fitted = Mondrian::fit(&scores, &group).unwrap();
            for (group, covered) in covered.iter_mut().enumerate() {
                let q = fitted.quantile(group as u32, alpha);
                covered.push((0..TEST).filter(|_| draw(&mut random, group) <= q).count());
            }
        }
        assert_law("Mondrian, 50 rows", alpha, 50, TEST, &covered[0]);
        assert_law("Mondrian, 150 rows", alpha, 150, TEST, &covered[1]);
    }
}

#[test]
fn joint_boxes_hold_all_tasks() {
    const TASKS: usize = 4;
    for alpha in alphas() {
        let (mut boxes, mut copula) = (Vec::new(), Vec::new());
        for seed in 0..REPETITIONS {
            let mut random = Random::new(7000 + seed as u64);
            let mut draw = |rows: usize| -> Vec<f64> {
                (0..rows).flat_map(|_| random.correlated(0.8)).collect()
            };
            let (a, b, new) = (draw(CALIBRATION), draw(CALIBRATION), draw(TEST));
            let radius = MaxScore::fit(&b, TASKS).unwrap().radius(alpha);
            boxes.push(
                new.chunks(TASKS)
                    .filter(|row| row.iter().all(|s| *s <= radius))
                    .count(),
            );
            let fitted = CopulaBox::fit(&a, &b, TASKS).unwrap();
            copula.push(
                new.chunks(TASKS)
                    .filter(|row| fitted.contains(row, alpha))
                    .count(),
            );
        }
        assert_law("max-score box", alpha, CALIBRATION, TEST, &boxes);
        // The copula's score is a count and ties: conservative.
        let mean = copula.iter().sum::<usize>() as f64 / (REPETITIONS * TEST) as f64;
        assert!(
            mean > alpha.level() - 0.006 && mean < alpha.level() + 0.03,
            "copula at {alpha}: {mean}"
        );
    }
}

#[test]
fn profile_bands_hold_whole_profiles_or_the_share_of_bins() {
    const BINS: usize = 20;
    for alpha in alphas() {
        let (mut whole, mut missed) = (Vec::new(), Vec::new());
        for seed in 0..REPETITIONS {
            let mut random = Random::new(9000 + seed as u64);
            let mut draw = |rows: usize| -> Vec<f64> {
                (0..rows).flat_map(|_| random.profile(BINS)).collect()
            };
            let (z, new) = (draw(100), draw(200));
            let q = band::simultaneous(&z, BINS).unwrap().quantile(alpha);
            whole.push(
                new.chunks(BINS)
                    .filter(|row| row.iter().all(|v| *v <= q))
                    .count(),
            );
            let lambda = band::risk_control(&z, BINS, alpha).unwrap().lambda;
            missed.extend(band::missed_share(&new, BINS, lambda).unwrap());
        }
        assert_law("simultaneous band", alpha, 100, 200, &whole);
        let share = missed.iter().sum::<f64>() / missed.len() as f64;
        // The bound is tight up to 1/(n + 1); .006 is three standard errors of the mean over
        // repetitions.
        assert!(
            share < alpha.value() + 0.006 && share > alpha.value() - 0.01 - 0.006,
            "risk at {alpha}: {share}"
        );
    }
}

#[test]
fn cross_intervals_keep_their_weaker_promise() {
    // Five folds of 20 rows, a straight line fitted without each fold.
    let alpha: Alpha = "0.1".parse().unwrap();
    let (n, folds, new) = (100, 5, 100);
    let mut covered = 0;
    for seed in 0..REPETITIONS {
        let mut random = Random::new(11_000 + seed as u64);
        let mut draw = |rows: usize| -> (Vec<f64>, Vec<f64>) {
            (0..rows)
                .map(|_| (random.normal(), random.skewed()))
                .map(|(x, e)| (x, 0.7 * x + e))
                .unzip()
        };
        let ((x, y), (x_new, y_new)) = (draw(n), draw(new));
        let fold: Vec<usize> = (0..n).map(|i| i % folds).collect();
        let lines: Vec<(f64, f64)> = (0..folds).map(|k| line(&x, &y, |i| fold[i] != k)).collect();
        let predict = |x: &[f64]| -> Vec<f64> {
            let by_fold = lines.iter();
            by_fold
                .flat_map(|(a, b)| x.iter().map(move |x| a + b * x))
                .collect()
        };
        let drawn: Vec<bool> = (0..folds * n).map(|i| fold[i % n] != i / n).collect();
        let fitted = LeftOut::fit(OutOfBag {
            measured: &y,
            mean: &predict(&x),
            drawn: &drawn,
            members: folds,
        })
        .unwrap();
        let intervals = fitted.intervals(&predict(&x_new), CrossVariant::Plus, alpha);
        covered += count(&intervals.unwrap(), &y_new);
    }
    let coverage = covered as f64 / (REPETITIONS * new) as f64;
    assert!(
        coverage >= 1.0 - 2.0 * alpha.value() && (coverage - 0.9).abs() < 0.02,
        "CV+: {coverage}"
    );
}

fn line(x: &[f64], y: &[f64], keep: impl Fn(usize) -> bool) -> (f64, f64) {
    let rows: Vec<usize> = (0..x.len()).filter(|i| keep(*i)).collect();
    let n = rows.len() as f64;
    let (mx, my) = (
        rows.iter().map(|i| x[*i]).sum::<f64>() / n,
        rows.iter().map(|i| y[*i]).sum::<f64>() / n,
    );
    let xy: f64 = rows.iter().map(|i| (x[*i] - mx) * (y[*i] - my)).sum();
    let xx: f64 = rows.iter().map(|i| (x[*i] - mx).powi(2)).sum();
    (my - xy / xx * mx, xy / xx)
}

#[test]
fn exact_weights_restore_what_a_shift_breaks() {
    // Calibration x ~ N(0, 1), target x ~ N(1, 1), ratio exp(x - 1/2); the error grows with x.
    let alpha: Alpha = "0.1".parse().unwrap();
    let (mut plain, mut weighted) = (0, 0);
    for seed in 0..REPETITIONS {
        let mut random = Random::new(13_000 + seed as u64);
        let mut draw = |rows: usize, shift: f64| -> (Vec<f64>, Vec<f64>) {
            (0..rows)
                .map(|_| random.normal() + shift)
                .map(|x| ((x - 0.5).exp(), x))
                .unzip()
        };
        let ((w, x), (w_new, x_new)) = (draw(400, 0.0), draw(100, 1.0));
        let mut error = |x: &[f64]| -> Vec<f64> {
            x.iter()
                .map(|x| (0.5 * x).exp() * random.normal())
                .collect()
        };
        let (scores, y_new) = (error(&x), error(&x_new));
        let scores: Vec<f64> = scores.iter().map(|e| e.abs()).collect();
        let split = degu_stats::conformal::conformal_quantile(&scores, alpha).unwrap();
        plain += y_new.iter().filter(|y| y.abs() <= split).count();
        let fitted = WeightedScores::fit(&scores, &w).unwrap();
        let zero = vec![0.0; y_new.len()];
        let intervals = fitted
            .intervals(
                &zero,
                None,
                &w_new,
                TestWeight::Own,
                alpha,
                EffectiveSize::Require,
            )
            .unwrap();
        weighted += count(&intervals, &y_new);
    }
    let rate = |covered: usize| covered as f64 / (REPETITIONS * 100) as f64;
    assert!(rate(plain) < 0.8, "split under shift: {}", rate(plain));
    // One weight among an effective 150 rows: conservative by less than 1/150, plus three standard
    // errors.
    assert!(
        (0.893..0.915).contains(&rate(weighted)),
        "weighted: {}",
        rate(weighted)
    );
}

#[test]
fn calibrating_on_training_rows_undercovers() {
    // The mean of the two nearest neighbours, a row being its own nearest: why calibration rows
    // must be untouched.
    let alpha: Alpha = "0.1".parse().unwrap();
    let mut covered = 0;
    for seed in 0..50 {
        let mut random = Random::new(15_000 + seed);
        let mut draw = |n: usize| -> (Vec<f64>, Vec<f64>) {
            (0..n).map(|_| (random.normal(), random.normal())).unzip()
        };
        let ((x, y), (x_new, y_new)) = (draw(200), draw(100));
        let predict = |at: f64| {
            let mut order: Vec<usize> = (0..x.len()).collect();
            order.sort_by(|a, b| (x[*a] - at).abs().total_cmp(&(x[*b] - at).abs()));
            f64::midpoint(y[order[0]], y[order[1]])
        };
        let trained: Vec<f64> = x.iter().map(|x| predict(*x)).collect();
        let fitted = SplitConformal::fit(Score::Absolute, &y, &trained, None).unwrap();
        let mean: Vec<f64> = x_new.iter().map(|x| predict(*x)).collect();
        covered += count(&fitted.intervals(&mean, None, alpha).unwrap(), &y_new);
    }
    assert!((covered as f64) < 0.75 * 5000.0, "{covered} of 5000");
}
