//! Recalibrated normal intervals: the predicted spread is repaired by one or two factors, or its
//! levels by a map. No guarantee.
//!
//! Use it where the recalibrated distribution itself is wanted, or as the baseline that most papers
//! report. Its intervals hold only if errors are near normal: take `split-conformal` where coverage
//! must be promised.
//!
//! # Model
//!
//! `variance-scaling` multiplies the predicted standard deviation by the factor of largest
//! likelihood on the calibration rows, or the epistemic and the aleatoric variance by a factor
//! each; intervals are `mean -/+ z sd`. `isotonic` keeps the predicted normal distributions and
//! maps their quantile levels to the observed ones (Kuleshov): the interval at alpha lies between
//! the recalibrated quantiles alpha/2 and 1 - alpha/2.
//!
//! Neither promises anything. To put a guarantee on a repaired spread, use `recalibrate` of
//! `split-conformal`, `mondrian` or `weighted-conformal`: the same factors on rows of their own,
//! then a conformal quantile.
//!
//! # Parameters
//!
//! See [`VarianceScalingConfig`] and [`IsotonicConfig`].
//!
//! # Citation
//!
//! Kuleshov, Fenner, Ermon, ICML (2018), arXiv:1807.00263; one factor: Laves et al., MIDL (2020),
//! PMLR 121:393.
//!
//! # Differs from the original in
//!
//! - the map has a knot at every calibration row and reaches (0, 0) and (1, 1); implementations
//!   with 100 bins lose resolution.
//!
//! # Source of golden numbers
//!
//! Variance scaling of netcal and isotonic regression of scikit-learn, through the fixtures of
//! `degu-stats`.

mod floor;
mod isotonic;
mod scaling;

pub use isotonic::IsotonicConfig;
pub use scaling::{Factors, VarianceScalingConfig};

degu_core::document!("lib.rs");
