//! Recalibration of predicted uncertainty, before conformal prediction and on rows of its own (part
//! A).
//!
//! | module | what |
//! |---|---|
//! | [`variance`] | one factor for σ, or one each for the epistemic and aleatoric variance |
//! | [`mix`] | the ratio of epistemic to aleatoric in the width of an interval |
//! | [`quantile_map`] | Kuleshov's map of predicted to observed quantile levels |
//!
//! None of them carries a guarantee; conformal calibration on other rows (part B) gives one.

pub mod mix;
pub mod quantile_map;
pub mod variance;

pub use mix::{MixRatio, MixedScale};
pub use quantile_map::QuantileMap;
pub use variance::{TwoFactor, variance_factor};
