//! Attribution by changed sequences: `ism`, `window-shuffle`.
//!
//! Use `ism` where a number must be read directly as the effect of a mutation: it is exact and easy
//! to explain, and needs three predictions for each base pair. It misses sites that stand in for
//! each other, because it changes one at a time; `window-shuffle` changes whole windows, but says
//! less about single bases.
//!
//! # Model
//!
//! `ism` predicts every single substitution; the hypothetical map is the change of the prediction,
//! minus its mean over the four bases of the position. `window-shuffle` shuffles sliding windows; a
//! position gets the mean loss of the windows that cover it, per base pair.
//!
//! Networks that the fused engine covers compute only what a substitution reaches. The two ways are
//! compared on the fly.
//!
//! # Parameters
//!
//! See [`Ism`], [`WindowShuffle`].
//!
//! # Citation
//!
//! Zhou and Troyanskaya, Nature Methods 12:931 (2015), doi:10.1038/nmeth.3547; Nair et al.,
//! Bioinformatics 38:2397 (2022), doi:10.1093/bioinformatics/btac135.
//!
//! # Differs from the original in
//!
//! - the fast way keeps every number of the plain one: windows are computed by the same operations
//!   in the same order.
//!
//! # Source of golden numbers
//!
//! tangermeme 1.6.0 in double precision on three small networks (tests of the bundle).

mod ism;
mod window_shuffle;

pub use ism::Ism;
pub use window_shuffle::{WindowShuffle, WindowShuffleKind};

degu_core::document!("lib.rs");
