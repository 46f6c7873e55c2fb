//! Speed of what runs over all rows of a study: conformal fits and intervals, weighted quantiles,
//! bootstraps.

#![expect(clippy::expect_used, reason = "a bench stops at its first mistake")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use degu_stats::Alpha;
use degu_stats::bootstrap::{Bootstrap, Units};
use degu_stats::conformal::cross::{CrossVariant, LeftOut, OutOfBag};
use degu_stats::conformal::density_ratio::{RatioOptions, density_ratio_model};
use degu_stats::conformal::weighted::{EffectiveSize, TestWeight, WeightedScores};
use degu_stats::conformal::{Score, SplitConformal};
use degu_stats::scoring::{gaussian_crps, interval_summary};

/// Deterministic values in (0, 1).
fn values(n: usize, step: u64) -> Vec<f64> {
    (0..n as u64)
        .map(|i| ((i * step) % 1_000_003) as f64 / 1_000_003.0 + 1e-7)
        .collect()
}

fn benches(criterion: &mut Criterion) {
    let alpha = Alpha::new(1, 10).expect("a tenth is an error rate");
    let mut group = criterion.benchmark_group("stats");
    group.sample_size(10);

    let n = 1_000_000;
    let (y, mean, scale) = (values(n, 7_919), values(n, 104_729), values(n, 15_485_863));
    group.bench_function("split fit + intervals, 1e6 rows", |b| {
        b.iter(|| {
            let fitted = SplitConformal::fit(Score::normalized(), &y, &mean, Some(&scale))
                .expect("valid rows");
            black_box(
                fitted
                    .intervals(&mean, Some(&scale), alpha)
                    .expect("valid rows"),
            )
        });
    });
    let fitted =
        SplitConformal::fit(Score::normalized(), &y, &mean, Some(&scale)).expect("valid rows");
    let intervals = fitted
        .intervals(&mean, Some(&scale), alpha)
        .expect("valid rows");
    group.bench_function("interval summary, 1e6 rows", |b| {
        b.iter(|| black_box(interval_summary(&intervals, &y, alpha).expect("valid rows")));
    });
    group.bench_function("gaussian crps, 1e6 rows", |b| {
        b.iter(|| black_box(gaussian_crps(&y, &mean, &scale).expect("valid rows")));
    });
    let weighted = WeightedScores::fit(&y[..10_000], &scale[..10_000]).expect("valid rows");
    group.bench_function("weighted intervals, 1e4 calibration, 1e6 rows", |b| {
        b.iter(|| {
            let own = TestWeight::Own;
            let at = weighted
                .intervals(&mean, None, &scale, own, alpha, EffectiveSize::Force)
                .expect("valid rows");
            black_box(at)
        });
    });

    // 33 features: GC content and both-strand 3-mers.
    let (features, cal, target) = (33, 8_000, 6_000);
    let calibration: Vec<f64> = (0..cal)
        .flat_map(|i| values(features, 31 + i as u64))
        .collect();
    let shifted: Vec<f64> = (0..target)
        .flat_map(|i| values(features, 57 + i as u64))
        .map(|v| v.powf(0.8))
        .collect();
    group.bench_function("density ratio, 8e3 against 6e3 rows, 33 features", |b| {
        b.iter(|| {
            black_box(
                density_ratio_model(&calibration, &shifted, features, RatioOptions::default())
                    .expect("valid rows"),
            )
        });
    });

    let (members, n) = (5, 40_000);
    let fold = |i: usize| i % n % members != i / n;
    let drawn: Vec<bool> = (0..members * n).map(fold).collect();
    let means = values(members * n, 104_729);
    let left_out = LeftOut::fit(OutOfBag {
        measured: &y[..n],
        mean: &means,
        drawn: &drawn,
        members,
    })
    .expect("valid rows");
    let new_mean = &means[..members * 5_000];
    group.bench_function("CV+, 4e4 training rows, 5e3 new rows", |b| {
        b.iter(|| {
            black_box(
                left_out
                    .intervals(new_mean, CrossVariant::Plus, alpha)
                    .expect("valid rows"),
            )
        });
    });

    let rows = 20_000;
    let units = Units::rows(rows);
    let settings = Bootstrap {
        resamples: 10_000,
        ..Bootstrap::from_u64(1)
    };
    group.bench_function("bootstrap pearson, 2e4 rows x 1e4 resamples", |b| {
        b.iter(|| {
            black_box(
                settings
                    .pearson(&units, &y[..rows], &mean[..rows])
                    .expect("valid rows"),
            )
        });
    });
    group.finish();
}

criterion_group!(stats, benches);
criterion_main!(stats);
