//! What is done with finished models: maps of new sequences, effects of variants, experiments with
//! motifs.
//!
//! Everything here takes a model folder, which is enough by itself, or the folder of a run, which
//! stands for all its members and students. Sequences stream through in batches, so memory does not
//! depend on how many there are.
//!
//! | module | what |
//! |---|---|
//! | [`models`] | one model folder, or the members and students of a run |
//! | [`input`], [`window`] | sequences from FASTA, tables and genomes; the model's input around an element |
//! | [`scorer`] | predictions of every model, strands averaged |
//! | [`maps`] | attribution maps: computed in shards that a killed run resumes from, and the files they become |
//! | [`variants`] | effects of variants with their uncertainty, and scores against saturation mutagenesis |
//! | [`motifs`] | putting motifs into backgrounds, and taking them out |

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
