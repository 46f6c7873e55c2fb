//! Augmentation plugins: reverse complement, mutagenesis.
