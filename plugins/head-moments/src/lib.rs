//! Heads of means and spreads: `point`, and `distilled` for students.
//!
//! Use `point` for the members of an ensemble: the spread comes from their disagreement.
//! `distilled` is for students, which learn mean and spreads from a teacher; it needs `[distill]`
//! and learns nothing from measurements alone.
//!
//! # Model
//!
//! One linear layer gives the raw outputs; columns are mean x T, then aleatoric x T, then epistemic
//! x T, as far as the labels have them. The loss is the mean squared error over all columns.
//!
//! # Parameters
//!
//! See [`Point`] and [`Distilled`].
//!
//! # Citation
//!
//! Zhou et al., npj Artificial Intelligence 2:3 (2026), doi:10.1101/2024.11.13.623485.
//!
//! # Differs from the original in
//!
//! - spreads are clamped at 0 (as a rectified linear unit) on prediction, where the original keeps
//!   negative values;
//! - a log-variance target has a floor of (1e-3 times the task's standard deviation) squared;
//!   without it members that agree give a target of minus infinity;
//! - missing values are masked instead of dropping their rows.
//!
//! # Source of golden numbers
//!
//! Hand-computed losses in the tests; `degu.md`-style label tables in the tests of the training
//! crate.

mod distilled;
mod point;

pub use distilled::{Distilled, Positivity, TargetScale, Weights};
pub use point::Point;

degu_core::document!("lib.rs");
