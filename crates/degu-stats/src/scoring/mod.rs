//! Proper scoring rules, and the coverage and width of intervals.
//!
//! | module | what |
//! |---|---|
//! | [`interval`] | interval coverage (PICP), mean width (MPIW), Winkler, WIS, pinball |

pub mod interval;

pub use interval::{IntervalSummary, interval_summary, weighted_interval_score, winkler};
