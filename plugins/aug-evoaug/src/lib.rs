//! EvoAug: evolution-inspired changes of training sequences.
//!
//! Use it with few thousand training sequences, where it often beats a larger network. It changes
//! labels a little by assuming that they do not change, so finish on unchanged data
//! (`fine_tune_epochs`), and leave `insertion`, `deletion` and `translocation` out where positions
//! matter.
//!
//! # Model
//!
//! Each sequence gets `max_augs` different operations of the list (`hard`), or 1 to `max_augs` of
//! them, chosen at random and applied in the order of the list. U{a..b} is inclusive.
//!
//! - `deletion`: len ~ U{min..max}, start ~ U{0..L - max}; the segment is removed, len / 2 random
//!   bases come to the left end, the rest to the right;
//! - `insertion`: len ~ U{min..max}, start ~ U{0..L - 1}; random bases are inserted, len / 2 bases
//!   of the left end and the rest of the right are lost;
//! - `translocation`: s ~ U{min..max}, sign with probability 1/2; circular roll by s, positive
//!   towards the end;
//! - `inversion`: len ~ U{min..max}, start ~ U{0..L - max}; the segment is reverse-complemented;
//! - `mutation`: round(rate / 0.75 L) different positions (half to even), each replaced by a
//!   uniform base of four: about rate L change;
//! - `reverse-complement`: with its probability;
//! - `noise`: N(0, std) is added to the one-hot tensor at known bases; the last of the list.
//!
//! Labels stay. Training on unchanged data follows for `fine_tune_epochs`.
//!
//! # Parameters
//!
//! [`EvoAug`] documents each with its default and range; the defaults are those of DEGU's members.
//!
//! # Citation
//!
//! Lee, Tang, Toneyan and Koo, *EvoAug: improving generalization and interpretability of genomic
//! deep neural networks with evolution-inspired data augmentations*, Genome Biology 24:105 (2023),
//! doi:10.1186/s13059-023-02941-w.
//!
//! # Differs from the original in
//!
//! * Every sequence has a random stream of its own, so choices are per sequence: the TensorFlow
//!   version's one choice per batch depends on how the data are cut into batches and is not
//!   offered.
//! * Translocation honours its minimum and reaches its maximum; the TensorFlow version does
//!   neither.
//! * Insertion keeps the length (as EvoAug2), so nothing is padded at prediction.
//! * Mutation and noise leave N alone.
//! * Dynamic labels (`distill.labels = "dynamic"`) with noise are those of the noisy sequences;
//!   teacher and student then compute with autograd.
//!
//! # Source of golden numbers
//!
//! None: the tests hold the rules above against replayed draws.

mod config;
mod operation;

pub use config::{EvoAug, Operation};

degu_core::register!(
    Augmentation "evoaug", EvoAug, revision = 1,
    "deletion, insertion, translocation, inversion, mutation, reverse complement and noise, per sequence",
    cite = "doi:10.1186/s13059-023-02941-w"
);

degu_core::document!("lib.rs");
