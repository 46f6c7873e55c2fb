//! UMI-STARR-seq of Drosophila S2 cells, as published with DeepSTARR and as repackaged by DEGU and
//! others.
//!
//! Use it to reproduce work on these data. For a STARR-seq library of your own take `table`, which
//! reads any columns.
//!
//! # Model
//!
//! Each row is a 249-bp tile with its enhancer activity (log2 enrichment) with a developmental and
//! with a housekeeping promoter. Three forms are read, told apart by content:
//!
//! * tables with the columns `ID`, `set`, `Sequence` and the activities (more than one file is one
//!   after the other);
//! * FASTA files beside activity tables, in the same row order: counts must agree, and names where
//!   both have them; a table without `ID` has the names of its FASTA file;
//! * one HDF5 file with one-hot sequences, `[N, L, 4]` or `[N, 4, L]`, and labels `[N, T]` or `[T,
//!   N]`: flat (`x_train`, `Y_Train`, ..., in any letter case) or in groups (`Train/X`, `Train/y`,
//!   ...). Labels made by a teacher (`ensemble_mean`, `std`) are left alone.
//!
//! The `+` and the `-` row of a region share their measurement and are one group: in a table the
//! `ID` without its strand field says so, in an HDF5 file the sequences.
//!
//! # Parameters
//!
//! [`DeepStarr`] documents each with its default and range. Every column of the tables can be used
//! for splits and groups.
//!
//! # Citation
//!
//! de Almeida et al., *DeepSTARR predicts enhancer activity from DNA sequence and enables the de
//! novo design of synthetic enhancers*, Nature Genetics 54:613 (2022),
//! doi:10.1038/s41588-022-01048-5.
//!
//! # Differs from the original in
//!
//! Coordinates are not used. Both strands of a region stay together whatever the split; layouts are
//! recognised by content, not by file name.
//!
//! # Source of golden numbers
//!
//! Counts of the tests on the sample were taken from its files with a separate script.

mod config;
mod error;
mod hdf5;
mod pairing;
mod table;

pub use config::DeepStarr;
pub use table::{chromosome_of, region_of};

degu_core::register!(
    Dataset "deepstarr", DeepStarr, revision = 2,
    "STARR-seq of Drosophila S2 cells: tables, FASTA with tables, or HDF5 in three layouts",
    cite = "doi:10.1038/s41588-022-01048-5"
);

degu_core::document!("lib.rs");
