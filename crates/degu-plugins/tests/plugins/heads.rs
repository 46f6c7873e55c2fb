//! Uncertainty heads: contracts, oracle values, and what a fit on simulated data finds.

mod evidential;
mod gaussian;
mod published;
mod quantile;
mod replicate;
