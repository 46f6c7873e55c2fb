//! Simulated regulatory sequences: a motif grammar with known mean and known noise.
//!
//! Use it to learn the tool and to test a method: mean and noise of every sequence are known, so
//! spreads and intervals can be compared with the truth. Numbers on it say nothing about real data:
//! the grammar is far simpler.
//!
//! # Model
//!
//! A sequence is an i.i.d. background of base composition `gc`, over which `min(8,
//! Poisson(density))` motif instances are written: a motif drawn uniformly, a site drawn from its
//! position probability matrix (0.85 on the consensus base), on either strand. Activity reads the
//! sequence, not the plan: log-likelihood ratios of every position and strand go through a soft
//! threshold to an occupancy `o`, occupancies saturate, `s = o / (1 + o)`, and
//!
//! ```text
//! raw(x)   = sum_m W[m] s_m + sum_(a,b) V[ab] s_a s_b            pairs (0,1), (3,4), (7,8) of the list
//! mu(x)    = (raw(x) - shift) / scale                            mean 0, sd 1 on 3,000 reference sequences (gc 0.5, density 3)
//! sigma(x) = 0.45 exp(0.35 tanh(mu(x)))                          noisier when active
//! y_r      = mu(x) + e_r,  e_r ~ N(0, R sigma_total^2),  sigma_total^2 = (noise sigma)^2 + noise_add^2,  y = mean of the R replicates
//! ```
//!
//! so that the mean over replicates has exactly the standard deviation `sigma_total`, and the
//! spread between replicates estimates `sqrt(R) sigma_total`, which is the `noise_std` of the
//! truth. Further tasks read the same sequences with a programme whose correlation with the first
//! is exactly `task_correlation` on the reference sequences.
//!
//! The reference sequences depend on `length` and the motifs alone: two data sets that differ in
//! `gc`, `density`, `noise` or `seed` measure the same function, which makes the first two
//! covariate shifts and the third a technical one.
//!
//! # Parameters
//!
//! [`Simulated`] documents each with its default and range. The columns `gc` and `instances` (as in
//! `TGACTCA:17:+;CACGTG:80:-`; later instances may overwrite earlier ones) can be used for splits,
//! groups and tables.
//!
//! # Citation
//!
//! Conditions follow the abstract of Yang, *Robust Machine Learning for Regulatory Sequence
//! Modeling under Biological and Technical Distribution Shifts*, arXiv 2601.14969 (2026).
//!
//! # Differs from the original in
//!
//! Everything the abstract does not state: motifs, grammar, noise and sizes are this project's own.
//!
//! # Source of golden numbers
//!
//! `tests/golden/simulator.json`: occupancies, means and noise of six sequences from an independent
//! numpy implementation of the formulas above (numpy 2, f64), whose thresholds were sampled;
//! agreement to 1e-9 given those thresholds. Thresholds here are exact, and differ from the sampled
//! ones for TGACGTCA alone.

mod config;
mod dataset;
mod motif;
mod programme;
mod random;
mod sequence;

pub use config::{ProgrammeChoice, Simulated};
pub use motif::{COMPACT_MOTIFS, Motif, REFERENCE_MOTIFS};
pub use programme::{
    COMPACT_PAIR_WEIGHTS, COMPACT_WEIGHTS, Programme, Programmes, REFERENCE_PAIR_WEIGHTS,
    REFERENCE_WEIGHTS, noise,
};
pub use sequence::{Generator, Instance};

degu_core::register!(
    Dataset "simulated", Simulated, revision = 1,
    "motif grammar with known mean and noise, replicates and its own split; needs no file",
    cite = "https://arxiv.org/abs/2601.14969"
);

degu_core::document!("lib.rs");
