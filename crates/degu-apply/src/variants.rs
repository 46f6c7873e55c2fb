//! Effects of variants, with their uncertainty.
//!
//! The effect is `f(alternate) - f(reference)` on the scale of the model, with predictions averaged
//! over strands and small shifts of the window first. Its uncertainty comes from members where
//! there are two or more: the standard deviation of the members' own differences. Errors of a
//! member at both alleles are strongly correlated, so the two predicted epistemic parts of a
//! student do not combine to that: they are given side by side, and the interval from their root
//! sum of squares is an upper kind of estimate.

mod effect;
mod input;
mod rows;
mod score;

pub use effect::{Effect, EffectOptions, Scored, VariantScorer};
pub use input::{Measured, VariantSource};
pub use rows::{Mismatch, Prepared, Preparer, Problem, VariantOptions, prepare};
pub use score::{ElementScore, Observation, retained, scores};
