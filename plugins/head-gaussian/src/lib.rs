//! Heads of a normal distribution: `gaussian` (heteroscedastic) and `mc-dropout`.
//!
//! Use `gaussian` where noise differs between sequences and replicates are not at hand; with
//! replicates, `replicate` learns their spread directly. `mc-dropout` gives an epistemic spread
//! from one network with dropout: cheap to train, as many predictions as samples, and less reliable
//! than an ensemble.
//!
//! # Model
//!
//! `gaussian` has two raw outputs per task, mean and spread (columns mean x T, then spread x T),
//! and minimises `(ln 2 pi + ln v + (y - m)^2 / v) / 2`, or the same times `v^beta` with the weight
//! detached (beta-NLL, which keeps the likelihood from giving up on rows that it explains by
//! noise). Its aleatoric part is the spread of the *target* around the mean: where the target is a
//! mean over replicates, that is smaller than the spread between them (`replicate`) by the root of
//! their number, and it contains what the network cannot explain.
//!
//! `mc-dropout` is trained like `point` (or like `gaussian`) and predicts the mean over passes with
//! dropout; their standard deviation (divisor `samples - 1`) is the epistemic part, the root of the
//! mean variance the aleatoric one.
//!
//! # Parameters
//!
//! See [`Gaussian`] and [`McDropout`].
//!
//! # Citation
//!
//! Nix and Weigend 1994; Seitzer et al., ICLR 2022 (arXiv:2203.09168); Gal and Ghahramani, ICML
//! 2016 (arXiv:1506.02142).
//!
//! # Differs from the original in
//!
//! - variances are learned in units of each task's own variance, so floors, clamps and the weight
//!   of the beta-NLL have no unit;
//! - the variance has a floor; the logarithm of the variance is clamped, and a clamped output still
//!   learns its way back;
//! - the heteroscedastic baselines published with DEGU divide the squared error of one row by the
//!   variance of another: see the head `heteroscedastic-broadcast`;
//! - Monte Carlo dropout in the public DEGU package runs the whole network in training mode, batch
//!   normalisation included; here only dropout is active.
//!
//! # Source of golden numbers
//!
//! `heads/gaussian_log_var`, `heads/gaussian_softplus` and `heads/beta_nll_0.5` of the uncertainty
//! fixtures (analytic values that agree with central differences).

mod gaussian;
mod mc_dropout;
mod normal;

pub use gaussian::Gaussian;
pub use mc_dropout::{Aleatoric, McDropout};
pub use normal::Output;

degu_core::document!("lib.rs");
