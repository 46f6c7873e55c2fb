//! Attribution by comparison with references: `deepshap`, `integrated-gradients`,
//! `expected-gradients`.
//!
//! Use `deepshap` for maps that motifs are called from: it sees through saturated outputs and costs
//! one pass for each reference. It needs a rule for every layer, and its maps depend on the
//! references. `integrated-gradients` and `expected-gradients` work on any differentiable model, at
//! many passes for each reference.
//!
//! # Model
//!
//! A reference is a sequence without the signal: by default a uniform dinucleotide shuffle. For a
//! sequence `x` and a reference `r` a method finds multipliers `m` with `sum m (x - r) = f(x) -
//! f(r)`: `deepshap` by the rescale rules of the layers, the others by gradients between `r` and
//! `x`. The hypothetical map is `m - sum_c r_c m_c` at each position, the effect of a base instead
//! of what the reference has there, averaged over references. The error of that sum, the
//! completeness error, comes with every map.
//!
//! # Parameters
//!
//! See [`DeepShap`], [`IntegratedGradients`], [`ExpectedGradients`].
//!
//! # Citation
//!
//! Lundberg and Lee, NeurIPS 2017; Shrikumar et al., ICML 2017, arXiv:1704.02685; Sundararajan et
//! al., ICML 2017, arXiv:1703.01365; Erion et al., Nature Machine Intelligence 3:620 (2021),
//! doi:10.1038/s42256-021-00343-w.
//!
//! # Differs from the original in
//!
//! - every layer has an exact rule (overlapping pools, products, softmax, recurrent layers among
//!   them); an operation without one is an error and never passes its gradient on in silence;
//! - shuffles are uniform over all sequences with the same dinucleotides;
//!   `dinucleotide_fixed_exits` is the historical shuffle;
//! - nothing is computed for the reference's half, whose multipliers are the same.
//!
//! # Source of golden numbers
//!
//! tangermeme 1.6.0 and an independent implementation in double precision on three small networks
//! and an ensemble (tests of the bundle).

mod deepshap;
mod path;
mod references;

pub use deepshap::DeepShap;
pub use path::{ExpectedGradients, IntegratedGradients, Rule};
pub use references::{Baseline, Reference, References};

degu_core::document!("lib.rs");
