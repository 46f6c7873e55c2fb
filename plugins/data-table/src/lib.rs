//! Any delimited table of sequences and measurements, or a FASTA file and a table of targets.
//!
//! Use it for data of your own: any measured table with named columns. It holds all rows in memory,
//! and all sequences must have, or be brought to, one length.
//!
//! # Model
//!
//! One row is one sequence. The sequence stands in a column of the table, or in a FASTA file whose
//! names the column `id` refers to. Each task is a column, or several replicate columns, whose mean
//! is the target and whose standard deviation (ddof 1, missing below two) is the replicate spread;
//! a measurement with fewer than `min_barcodes` barcodes counts as missing. Rows without any
//! measurement stay, with a missing target.
//!
//! Networks read one length. If the sequences differ, `fit` says what to do: `refuse` (the default)
//! names the first row that differs, `pad` puts N around shorter ones, `crop` cuts longer ones,
//! `both` does both, always around the middle (of an odd number of positions the extra one is on
//! the right), to `length` or else to the longest (`pad`, `both`) or the shortest (`crop`).
//!
//! Rows whose sequences are equal or reverse complements form a group, unless `group` names a
//! column that says it better.
//!
//! # Parameters
//!
//! [`Table`] documents each with its default and range. Every column can be used for splits and
//! groups.
//!
//! # Citation
//!
//! None: the format is that of supplementary tables.
//!
//! # Differs from the original in
//!
//! There is no original.
//!
//! # Source of golden numbers
//!
//! Counts and correlations of the tests on real tables were taken from the tables themselves with a
//! separate script.

mod config;
mod error;
mod read;
mod sequences;

pub use config::{Fit, Table};

degu_core::register!(
    Dataset "table", Table, revision = 2,
    "any table of sequences and measurements, or FASTA and a table; replicates, barcodes, unequal lengths"
);

degu_core::document!("lib.rs");
