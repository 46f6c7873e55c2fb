//! Statistics of uncertainty on `f64` slices.
pub mod alpha;
pub mod bins;
mod check;
pub mod conformal;
pub mod error;
pub mod guarantee;
pub mod metrics;
pub mod moments;
pub mod order;
pub mod scoring;
pub mod special;
mod sum;

pub use alpha::Alpha;
pub use bins::{Binning, bin_of, histogram};
pub use error::{Result, StatsError};
pub use guarantee::Guarantee;
pub use order::{quantile, quantiles, ranks};
