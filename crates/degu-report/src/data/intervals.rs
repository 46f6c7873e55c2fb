//! Calibration of prediction intervals.

use serde::{Deserialize, Serialize};

use crate::number;

/// Interval coverage and width of one calibrator at one error rate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationRow {
    /// Name of the block and its score, such as `main (normalized)`.
    pub calibrator: String,
    /// Model whose predictions are calibrated.
    #[serde(default)]
    pub model: String,
    /// Split the coverage is observed on.
    pub split: String,
    /// Task.
    pub task: String,
    /// Error rate; the nominal coverage is `1 - alpha`.
    pub alpha: f64,
    /// Rows that calibrated.
    pub n: usize,
    /// Rank of the quantile, counted from 1; above `n` the intervals are infinite. 0 when no rank
    /// is involved.
    #[serde(default)]
    pub k: usize,
    /// Observed share of measured values inside their intervals.
    #[serde(with = "number::one")]
    pub coverage: f64,
    /// Lower end of the beta-binomial band in which a valid method stays (5 %).
    #[serde(default)]
    pub band_low: Option<f64>,
    /// Upper end of that band (95 %).
    #[serde(default)]
    pub band_high: Option<f64>,
    /// Mean width over the finite intervals.
    #[serde(with = "number::one")]
    pub mean_width: f64,
    /// Share of intervals that are infinite.
    #[serde(default)]
    pub infinite_fraction: f64,
    /// Mean Winkler score (width plus penalty for misses); smaller is better.
    #[serde(default)]
    pub winkler: Option<f64>,
    /// Mean absolute deviation of coverage over bins.
    #[serde(default)]
    pub coverage_gap: Option<f64>,
    /// What is promised about the coverage, one sentence.
    #[serde(default)]
    pub guarantee: String,
}

/// Interval coverage within one bin of the test rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionalRow {
    /// Calibrator, as in [`CalibrationRow`].
    pub calibrator: String,
    /// Split.
    pub split: String,
    /// Task.
    pub task: String,
    /// Error rate.
    pub alpha: f64,
    /// What the bins are made of: `predicted activity`, `GC content`, `category`.
    pub by: String,
    /// Name of the bin, such as `0.4 to 0.5`; bins are drawn in the order given.
    pub bin: String,
    /// Test rows in the bin.
    pub n: usize,
    /// Observed coverage.
    #[serde(with = "number::one")]
    pub coverage: f64,
    /// Lower end of the band for a bin of this size.
    #[serde(default)]
    pub band_low: Option<f64>,
    /// Upper end of that band.
    #[serde(default)]
    pub band_high: Option<f64>,
    /// Mean width over the finite intervals of the bin.
    #[serde(default)]
    pub mean_width: Option<f64>,
}
