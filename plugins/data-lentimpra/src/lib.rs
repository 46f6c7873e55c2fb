//! lentiMPRA libraries: tables (TSV, CSV, gzip) with named columns, and the HDF5 archive of DEGU.
//!
//! Use it for lentiMPRA tables with barcode counts and adaptors, and to reproduce DEGU. For other
//! tables `table` has the same columns and more kinds of splits.
//!
//! # Model
//!
//! Each row is an element of 170 to 230 bp with its activity, `log2(RNA/DNA)`, per cell type. In
//! the assay the element stands between two adaptors, and published networks read all three:
//! `adapters = "add"` puts them around the elements of a table, `"keep"` expects them in the
//! sequences and checks every row, `"strip"` checks and removes them.
//!
//! With `replicates`, the target is the mean of the replicates measured, and the replicate spread
//! their standard deviation (ddof 1), missing below two. A replicate with fewer than `min_barcodes`
//! barcodes counts as not measured. A row without any measurement stays, with a missing target.
//!
//! Rows whose elements are equal or reverse complements form a group, which never straddles two
//! parts. Names that claim to be the two orientations of an element (`_F` and `_R`, `_F` and
//! `_Reversed:`, none and `_Reversed` or `_Reversed_0`) are checked against the sequences, and the
//! outcome is a note of the data set.
//!
//! An HDF5 file is recognised by content: groups `Train`, `Val` and `Test` with one-hot `X` and
//! labels `y`, or flat names (`x_train` and `y_train`, `x_valid` and so on), in any letter case.
//! `X` is `[N, L, 4]` or `[N, 4, L]`; `y` is `[N]` or `[N, 1]` (mean), `[N, 2]` (mean, replicate
//! spread), `[N, 3]` or `[N, 4]` (files for distillation: training rows hold the teacher's labels,
//! the others measurements; the columns after the second are left alone), with its axes in either
//! order.
//!
//! # Parameters
//!
//! [`LentiMpra`] documents each with its default and range. Every column of a table can be used for
//! splits and groups.
//!
//! # Citation
//!
//! Agarwal et al., *Massively parallel characterization of transcriptional regulatory elements*,
//! Nature 639:411 (2025), doi:10.1038/s41586-024-08430-9. Archive layout: Zhou et al., npj
//! Artificial Intelligence 2:3 (2026).
//!
//! # Differs from the original in
//!
//! Orientation suffixes are removed as suffixes; the published scripts strip a *set of letters*
//! from both ends, which pairs wrong rows. Rows with one replicate keep their mean and mask their
//! spread; the published scripts drop them. One-hot files are read by row ranges and kept as base
//! codes.
//!
//! # Source of golden numbers
//!
//! Counts and correlations of the tests on real tables were taken from the tables themselves with a
//! separate script.

mod archive;
mod config;
mod elements;
mod error;
mod orientation;
mod table;

pub use config::{Adapters, LentiMpra};
pub use orientation::{OrientationReport, orientation_pairs};

degu_core::register!(
    Dataset "lentimpra", LentiMpra, revision = 1,
    "lentiMPRA library: table with replicates and barcode counts, or the HDF5 archive of DEGU",
    cite = "doi:10.1038/s41586-024-08430-9"
);

degu_core::document!("lib.rs");
