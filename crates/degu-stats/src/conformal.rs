//! Conformal prediction: intervals, boxes and bands with a finite-sample guarantee.
//!
//! One rule underlies all of it: the conformal quantile of n scores is the k-th smallest with `k =
//! ceil((n + 1)(1 - alpha))` in exact arithmetic, and +∞ when `k > n`. It is never interpolated and
//! never clamped.
//!
//! | module | what |
//! |---|---|
//! | [`scores`] | the quantile, and sorted scores that answer any level later |
//! | [`split`] | absolute, normalized, signed, one-sided and relative intervals |
//! | [`cqr`] | conformalized quantile regression and its variants |
//! | [`mondrian`] | a quantile per group, merging of small groups |
//! | [`cross`] | CV+, min-max, jackknife+-after-bootstrap |
//! | [`weighted`], [`density_ratio`] | covariate shift |
//! | [`joint`] | several tasks at once |
//! | [`band`] | base-resolution profiles |
//! | [`coverage`] | where the observed interval coverage should fall |

pub mod band;
pub mod coverage;
pub mod cqr;
pub mod cross;
pub mod density_ratio;
pub mod intervals;
pub mod joint;
pub mod mondrian;
pub mod scores;
pub mod split;
pub mod weighted;

pub use coverage::{CoverageBand, beta_binomial_band};
pub use intervals::Intervals;
pub use scores::{SortedScores, conformal_quantile};
pub use split::{Score, SplitConformal};
