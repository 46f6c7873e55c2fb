//! Baselines as they were published with DEGU, under names that say what they do.
//!
//! Use them only to reproduce the baselines of DEGU, whose losses have the slips that the names
//! say. For new work take `gaussian` or `evidential`.
//!
//! # Model
//!
//! - `gaussian-logvar-min1`, published as "evidential": the layer emits `softplus(raw) + 1e-6` as a
//!   standard deviation, and the loss, a normal likelihood, reads it as the *logarithm of the
//!   variance*: no variance is below 1;
//! - `heteroscedastic-broadcast`, published as "heteroscedastic" (ResidualBind): squared errors
//!   `[N]` are divided by variances `[N, 1]`, which gives `[N, N]`: every row's variance is
//!   compared with every row's error, so the best variance is the same for all rows.
//!
//! They are here to be compared with `evidential` and `gaussian`, which are what the names mean.
//! Neither is a good choice.
//!
//! # Parameters
//!
//! None: what was published has none. See [`GaussianLogvarMin1`] and [`HeteroscedasticBroadcast`].
//!
//! # Citation
//!
//! Zhou et al., npj Artificial Intelligence 2:3 (2026), doi:10.1101/2024.11.13.623485, and its
//! public code.
//!
//! # Differs from the original in
//!
//! - missing targets are masked;
//! - with several tasks, each is treated as the original treats its only one;
//! - the predicted spread is the standard deviation of the variance that the loss means, not the
//!   number that the layer emits.
//!
//! # Source of golden numbers
//!
//! Sums over all pairs of rows written out in the tests; the property that names each defect.

mod broadcast;
mod min1;

pub use broadcast::HeteroscedasticBroadcast;
pub use min1::GaussianLogvarMin1;

degu_core::document!("lib.rs");
