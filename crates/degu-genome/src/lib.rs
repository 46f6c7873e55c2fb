//! Sequences, motifs, splits and file formats of regulatory genomics, without tensors.
//!
//! What every other crate of the workspace knows of biology on disk and in memory: base codes,
//! one-hot arrays, shuffles and edits of sequences, motifs and seqlets, splits that never cut a
//! group, and streaming readers of the formats that experiments are published in. It is not a
//! general toolkit for alignments or annotations, and it knows neither models nor experiments.
//!
//! # Examples
//!
//! Read a table, group near-duplicates, split by group:
//!
//! ```
//! use degu_genome::{NearDuplicates, TableOptions, TableReader, split_groups};
//!
//! let text = "name,sequence,activity\ne1,ACGTACGGTCATTGCAACGG,0.5\ne2,CCGTTGCAATGACCGTACGT,0.4\n";
//! let options = TableOptions::default();
//! let mut table = TableReader::from_reader("mpra.csv", text.as_bytes(), &options)?;
//! let (sequence, activity) = (table.column("sequence")?, table.column("activity")?);
//! let (mut codes, mut labels) = (Vec::new(), Vec::new());
//! while let Some(row) = table.next_row()? {
//!     codes.push(row.codes(&sequence)?.codes);
//!     labels.push(row.number(&activity)?.unwrap_or(f64::NAN));
//! }
//! // The second element is the reverse complement of the first: one cluster, one part.
//! let clusters = NearDuplicates::default().clusters(&codes);
//! assert_eq!(clusters, [0, 0]);
//! let parts = split_groups(&clusters, &[0.8, 0.2], [0; 32])?;
//! assert_eq!(parts[0], parts[1]);
//! # Ok::<(), degu_genome::GenomeError>(())
//! ```
//!
//! # Modules
//!
//! Everything is re-exported here. Coordinates are 0-based and half-open; codes are A 0, C 1, G 2,
//! T 3, N 4.
//!
//! - sequences: `alphabet` (codes, strands), `one_hot`, `shuffle`, `ersatz` (edits), `draws`
//!   (random numbers)
//! - sets of sequences: `split`, `cluster` (near-duplicates, leakage), `inspect`
//! - tables: `table` and `row` (TSV, CSV), `assay` (replicates and barcodes), `xlsx`, `hdf5`
//! - genomes: `fasta`, `bases` (windows of a genome), `indexed` (genomes on disk), `interval`
//!   (blacklists, windows), `locus`, `bed` (BED, narrowPeak, bedGraph), `bigwig`, `fragments` (Tn5
//!   cut sites), `vcf`, `alleles`
//! - motifs: `motif` (PPM, PWM), `meme`, `scan`, `seqlet`, `modisco_seqlet`; export by `npy`,
//!   `npz_stream` and `modisco`
//! - plumbing: `text` (lines, gzip), `kmers`, `kmer_shares`, `union`, `error`

mod alleles;
mod alphabet;
mod assay;
mod bases;
mod bed;
mod bigwig;
mod cluster;
mod draws;
mod error;
mod ersatz;
mod fasta;
mod fragments;
mod hdf5;
mod hdf5_parts;
mod hdf5_write;
mod indexed;
mod inspect;
mod interval;
mod kmer_shares;
mod kmers;
mod locus;
mod meme;
mod modisco;
mod modisco_seqlet;
mod motif;
mod npy;
mod npz_stream;
mod one_hot;
mod row;
mod scan;
mod seqlet;
mod shuffle;
mod split;
mod table;
mod text;
mod threshold;
mod union;
mod vcf;
mod xlsx;

pub use alleles::{AlleleWindow, Anchor, Edge};
pub use alphabet::{
    Encoded, LETTERS, N, canonical, complement, decode, encode, encode_into, gc_content,
    reverse_complement, reverse_complement_in_place,
};
pub use assay::{Measured, TaskColumns};
pub use bases::Bases;
pub use bed::{BedGraphWriter, BedKind, BedReader, BedRecord, read_bed};
pub use bigwig::BigWigWriter;
pub use cluster::{Leakage, NearDuplicates, is_reverse_complement, strand_groups};
pub use draws::Draws;
pub use error::{GenomeError, Place, Result};
pub use ersatz::{
    centered_start, delete, gc_composition, insert, mutate, random_sequence, space, substitute,
};
pub use fasta::{DuplicateId, Fasta, FastaReader, FastaRecord, Genome};
pub use fragments::{CutCounts, CutReport, FragmentReader, cut_sites};
pub use hdf5::{DatasetInfo, Hdf5File, Rows};
pub use hdf5_parts::{LabelAxes, part_names};
pub use hdf5_write::{Hdf5Dataset, Hdf5Type, Hdf5Writer};
pub use indexed::{GenomeAccess, IndexedGenome, open_genome};
pub use inspect::{
    GC_BINS, ReplicateAgreement, SequenceSummary, duplicate_ids, replicate_agreement,
};
pub use interval::{Interval, IntervalSet, centered_window};
pub use kmer_shares::kmer_shares;
pub use locus::Locus;
pub use meme::{MemeFile, write_meme};
pub use modisco::{ModiscoExport, export_modisco, modisco_script, modisco_window};
pub use modisco_seqlet::{LaplaceCaller, LaplaceCalls, LaplaceNull};
pub use motif::{Background, LogOdds, Motif, UNIFORM};
pub use npy::{NpyArray, NpyValues, read_npy, read_npz, write_npy, write_npz};
pub use npz_stream::{NpzStream, NpzType};
pub use one_hot::{
    BaseAxis, BaseOrder, ONE_HOT_TOLERANCE, codes_from_one_hot, one_hot, one_hot_in,
};
pub use row::{Column, Row, parse_number};
pub use scan::{Hit, Scanner, Strand};
pub use seqlet::{FdrPoint, Seqlet, SeqletCaller};
pub use shuffle::{Shuffle, dinucleotide_shuffle, fixed_exit_shuffle, mononucleotide_shuffle};
pub use split::{nested_subset, split_chromosomes, split_groups};
pub use table::{Delimiter, TableOptions, TableReader, table_column};
pub use text::LineReader;
pub use vcf::{ReferenceCheck, Skipped, Variant, VcfReader};
pub use xlsx::{Sheet, SheetTable, sheet_names};
