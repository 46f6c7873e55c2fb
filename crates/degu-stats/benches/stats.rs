//! Speed of what runs over all rows of a study: conformal fits and intervals, weighted quantiles, bootstraps.

#![expect(clippy::expect_used, reason = "a bench stops at its first mistake")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use degu_stats::Alpha;
use degu_stats::bootstrap::{Bootstrap, Units};
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
