//! Uses of finished models: attribution maps of sequences, effects of variants, effects of motifs;
//! data sets by hand and weights of other frameworks.
//!
//! Functions take a model folder, or the folder of a run with all its members and students.
//! Sequences are read in batches, so memory does not depend on their number.
//!
//! | module | what |
//! |---|---|
//! | [`models`] | one model folder, or the members and students of a run |
//! | [`input`], [`window`] | sequences from FASTA, tables and genomes; the input of a model |
//! | [`scorer`] | predictions of every model, strands averaged |
//! | [`maps`] | attribution maps, computed in shards from which a run resumes, and their files |
//! | [`variants`] | effects of variants, and their agreement with saturation mutagenesis |
//! | [`motifs`] | effects of motifs in backgrounds, and where they occur |
//! | [`import`] | weights of other frameworks as model folders |
//! | [`data`] | what a file is made of; downloads of public data |

mod covariates;
pub mod data;
pub mod error;
pub mod import;
pub mod input;
pub mod maps;
pub mod models;
pub mod motifs;
pub mod scorer;
pub mod variants;
pub mod window;

pub use covariates::covariates;
pub use error::{ApplyError, Result};
pub use input::{InputSpec, SequenceReader, Sequences};
pub use models::{Group, ModelSet, NamedModel, Role};
pub use scorer::{ModelScores, Scorer};
pub use window::Window;
