//! Alphabet, shuffles, motifs, splits and file formats of regulatory genomics.
