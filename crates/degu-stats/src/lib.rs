//! Statistics of predictions and their uncertainty, on `f64` slices.
//!
//! What a model says about its own errors has to be measured before it is believed. This crate
//! holds the measures (errors, proper scores, calibration, selective prediction), the constructions
//! that carry a guarantee (conformal prediction in all its forms used here), and the tests with
//! which two arms of a study are compared. It knows no tensor, no file and no model, and is usable
//! alone.
//!
//! ```
//! use degu_stats::conformal::{Score, SplitConformal, beta_binomial_band};
//! use degu_stats::{Alpha, scoring::interval_summary};
//!
//! // Calibration rows: measured activity, predicted mean, predicted standard deviation.
//! let measured: Vec<f64> = (0..200).map(|i| f64::from(i % 21) / 10.0 - 1.0).collect();
//! let mean = vec![0.0; 200];
//! let sd = vec![0.5; 200];
//!
//! let alpha: Alpha = "0.1".parse()?;
//! let fitted = SplitConformal::fit(Score::normalized(), &measured, &mean, Some(&sd))?;
//! let intervals = fitted.intervals(&mean, Some(&sd), alpha)?;
//!
//! let summary = interval_summary(&intervals, &measured, alpha)?;
//! let band = beta_binomial_band(200, alpha.rank(200), summary.rows, 0.9)?;
//! assert!(summary.covered >= band.count_low);
//! # Ok::<(), degu_stats::StatsError>(())
//! ```
//!
//! # Modules
//!
//! | module | what |
//! |---|---|
//! | [`alpha`], [`guarantee`] | error rates as exact fractions; what an interval promises |
//! | [`conformal`] | intervals, boxes and bands with a finite-sample guarantee |
//! | [`recalibrate`] | factors, mixtures and maps that repair a predicted spread |
//! | [`metrics`], [`moments`] | errors and correlations; moments over the members of an ensemble |
//! | [`scoring`], [`calibration`] | proper scores; does the spread match the errors |
//! | [`selective`], [`detection`] | risk–coverage; detection of shifted input |
//! | [`bootstrap`] | intervals over test units |
//! | [`compare`], [`two_sample`] | tests over replicates; signed ranks, Welch's t |
//! | [`order`], [`bins`], [`special`] | order statistics, bins, special functions |
//!
//! # Conventions
//!
//! Uncertainties are standard deviations unless a name ends in `_var` or `_log_var`. Matrices are
//! row-major slices. A value that is NaN, a scale that is not positive, lengths that differ: a
//! [`StatsError`] that names the row. Too few calibration rows: an infinite interval. A column that
//! does not vary: `None`. Nothing depends on the number of threads.

#![cfg_attr(
    test,
    expect(
        clippy::float_cmp,
        reason = "results on grids of exact numbers, and bit-identity, are tested as equal"
    )
)]

pub mod alpha;
pub mod bins;
pub mod bootstrap;
pub mod calibration;
mod check;
pub mod compare;
pub mod conformal;
pub mod detection;
pub mod error;
pub mod guarantee;
mod linalg;
pub mod metrics;
pub mod moments;
pub mod order;
pub mod recalibrate;
pub mod scoring;
pub mod selective;
pub mod special;
mod sum;
pub mod two_sample;

pub use alpha::Alpha;
pub use bins::{Binning, bin_of, histogram};
pub use error::{Result, StatsError};
pub use guarantee::Guarantee;
pub use order::{quantile, quantiles, ranks};
