//! Proper scoring rules, and the coverage and width of intervals.
//!
//! | module | what |
//! |---|---|
//! | [`interval`] | interval coverage (PICP), mean width (MPIW), Winkler, WIS, pinball |
//! | [`gaussian`] | negative log likelihood and CRPS of N(m, σ²) |
//! | [`evidential`] | Student t and normal-inverse-gamma predictives |

pub mod evidential;
pub mod gaussian;
pub mod interval;

pub use gaussian::{gaussian_crps, gaussian_nll};
pub use interval::{IntervalSummary, interval_summary, weighted_interval_score, winkler};
