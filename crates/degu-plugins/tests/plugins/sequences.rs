//! Augmentations and shifts: what they do to sequences.

mod evoaug;
mod sequence;
mod shift;
