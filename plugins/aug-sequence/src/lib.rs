//! Simple augmentations: none, reverse complement, mutagenesis, random sequences.
//!
//! Use `reverse-complement` where an assay does not see the strand, and not where it does, as with
//! promoters. `mutagenesis` and `random` are for experiments with unlabelled sequences in
//! distillation; as training augmentations their labels are wrong.
//!
//! # Model
//!
//! - `none`: nothing;
//! - `reverse-complement`: with probability `p` the sequence is reverse-complemented; `left` and
//!   `right` bp of adaptors stay as they are;
//! - `mutagenesis`: round(rate / 0.75 L) different positions (half to even), each replaced by a
//!   uniform base of four: about rate L change;
//! - `random`: the positions of a sequence are shuffled.
//!
//! The last two do not keep labels: they are for dynamic labels, which the teacher gives to the
//! changed sequences.
//!
//! # Parameters
//!
//! [`ReverseComplement`] and [`Mutagenesis`] document each with its default and range; the others
//! have none.
//!
//! # Citation
//!
//! Zhou, Rizzo, Tang and Koo, DEGU, npj Artificial
//! Intelligence 2:3 (2026), doi:10.1101/2024.11.13.623485.
//!
//! # Differs from the original in
//!
//! Every sequence has a random stream of its own. N is not mutated. Of oligos with adaptors only
//! the element is reverse-complemented if `left` and `right` say so.
//!
//! # Source of golden numbers
//!
//! None: the tests hold the rules above.

mod plugins;

pub use plugins::{Mutagenesis, Nothing, Random, ReverseComplement};

degu_core::register!(Augmentation "none", Nothing, revision = 1, "no augmentation");
degu_core::register!(
    Augmentation "reverse-complement", ReverseComplement, revision = 1,
    "reads a sequence on the other strand with a given probability"
);
degu_core::register!(
    Augmentation "mutagenesis", Mutagenesis, revision = 1,
    "random substitutions; for dynamic labels",
    cite = "doi:10.1101/2024.11.13.623485"
);
degu_core::register!(
    Augmentation "random", Random, revision = 1,
    "shuffled sequences; for dynamic labels",
    cite = "doi:10.1101/2024.11.13.623485"
);

degu_core::document!("lib.rs");
