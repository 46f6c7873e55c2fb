//! Head `quantile`: quantiles of the measurement by the pinball loss.
//!
//! Use it where noise is skewed or has heavy tails, and with `cqr`. Far quantiles need many rows,
//! and there is no epistemic spread but that of an ensemble.
//!
//! # Model
//!
//! One raw output per level and task. Blocks of T columns: the median first, then the levels below
//! it from the nearest outwards, then the levels above it likewise. The loss is the pinball loss,
//! mean over levels; the median is the prediction's mean.
//!
//! # Parameters
//!
//! See [`Quantile`].
//!
//! # Citation
//!
//! Koenker and Bassett 1978; Romano et al., NeurIPS 2019 (arXiv:1905.03222) for the intervals that
//! are made of them.
//!
//! # Differs from the original in
//!
//! - quantiles do not cross: each is the one nearer to the median plus or minus a positive step
//!   (`crossing = "steps"`), or the outputs are free and sorted on prediction (`crossing =
//!   "sorted"`), as usual elsewhere;
//! - ensembles average their members' quantiles level by level;
//! - an aleatoric standard deviation on request, for scores that need one.
//!
//! # Source of golden numbers
//!
//! `heads/pinball` of the uncertainty fixtures, and quantiles of simulated distributions.

mod config;
mod head;

pub use config::{Aleatoric, Crossing, Quantile};

degu_core::register!(UncertaintyHead "quantile", Quantile, revision = 1,
    "quantiles by the pinball loss, which do not cross",
    cite = "arXiv:1905.03222");

degu_core::document!("lib.rs");
