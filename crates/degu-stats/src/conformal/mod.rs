//! Conformal prediction: intervals, boxes, bands and distributions with a finite-sample guarantee.
//!
//! One rule underlies all of it: the conformal quantile of n scores is the k-th smallest with
//! `k = ceil((n + 1)(1 - alpha))` in exact arithmetic, and +∞ when `k > n`. It is never interpolated and never clamped.
//!
//! | module | what |
//! |---|---|
//! | [`scores`] | the quantile, and sorted scores that answer any level later |
//! | [`split`] | absolute, normalized, signed, one-sided and relative intervals |
//! | [`coverage`] | where the observed interval coverage should fall |

pub mod coverage;
pub mod intervals;
pub mod scores;
pub mod split;

pub use coverage::{CoverageBand, beta_binomial_band};
pub use intervals::Intervals;
pub use scores::{SortedScores, conformal_quantile};
pub use split::{Score, SplitConformal};
