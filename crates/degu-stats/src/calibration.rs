//! Does the predicted uncertainty match the errors?
//!
//! | module | what |
//! |---|---|
//! | [`curve`] | calibration curves of Gaussian predictions: MACE, RMSCE, miscalibration area |
//! | [`binned`] | ENCE and UCE over bins of predicted spread |
//! | [`conditional`] | interval coverage by group, width and slab: CovGap, SSC, worst slab |
//! | [`transforms`] | histogram of probability integral transforms with its band |

pub mod binned;
pub mod conditional;
pub mod curve;
pub mod transforms;

pub use binned::{SpreadError, null_spread_error, spread_error};
pub use conditional::{cov_gap, size_stratified_coverage, worst_slab};
pub use curve::{CurveErrors, gaussian_curve_errors, sharpness, variance_ratio};
pub use transforms::{TransformHistogram, gaussian_transform_histogram, transform_histogram};
