//! Arguments of the commands on model folders.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::number::{level, positive};

/// `degu-lab predict`.
#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// Folder of a model, such as `runs/NAME/models/student-0`; enough by itself.
    pub(crate) model: PathBuf,
    /// Sequences as FASTA, plain or gzip.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "table",
        required_unless_present = "table"
    )]
    pub(crate) fasta: Option<PathBuf>,
    /// Sequences as a table with a header (tab or comma), plain or gzip.
    #[arg(long, value_name = "FILE")]
    pub(crate) table: Option<PathBuf>,
    /// Column of the sequences [default: `sequence`, `Sequence` or `seq`].
    #[arg(long, value_name = "NAME", requires = "table")]
    pub(crate) sequence_column: Option<String>,
    /// Column of the names [default: `id`, `name` or the like; row numbers without one].
    #[arg(long, value_name = "NAME", requires = "table")]
    pub(crate) id_column: Option<String>,
    /// Column of the category of a sequence, for calibrations by category.
    #[arg(long, value_name = "NAME", requires = "table")]
    pub(crate) category_column: Option<String>,
    /// Where to write: tabs, commas if it ends with `.csv`, compressed if with `.gz` [default:
    /// stdout].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Add intervals of this level, as in 0.9, from the model's calibration.
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub(crate) interval: Option<f64>,
    /// Which calibration of the model [default: the one its card names, the first of the experiment
    /// file].
    #[arg(long, value_name = "NAME", requires = "interval")]
    pub(crate) calibration: Option<String>,
    /// Predict both strands and average them.
    #[arg(long)]
    pub(crate) average_strands: bool,
    /// Pass over sequences of a wrong length or with letters that are no bases, and count them.
    #[arg(long)]
    pub(crate) skip_invalid: bool,
    /// Sequences in memory at once.
    #[arg(long, default_value_t = 1024, value_parser = positive)]
    pub(crate) batch: usize,
    /// Threads; the numbers do not depend on it.
    #[arg(long, default_value_t = 1, value_parser = positive)]
    pub(crate) threads: usize,
    /// `auto`, `cpu` or `cuda:N`.
    #[arg(long, default_value = "auto")]
    pub(crate) device: String,
}

/// `degu-lab import`.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Weights of Keras in HDF5 (`save_weights` or `model.save`).
    Keras(KerasArgs),
}

/// `degu-lab import keras`.
#[derive(Debug, Args)]
pub(crate) struct KerasArgs {
    /// The file.
    pub(crate) file: PathBuf,
    /// Folder of the model to write.
    #[arg(short, long, value_name = "MODEL")]
    pub(crate) output: PathBuf,
    /// Architecture plugin with the same layers.
    #[arg(long, default_value = "deepstarr")]
    pub(crate) architecture: String,
    /// A parameter of the architecture; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Names of the outputs, in their order.
    #[arg(long, value_delimiter = ',', default_value = "Dev,Hk")]
    pub(crate) tasks: Vec<String>,
    /// Length of the input in bp.
    #[arg(long, default_value_t = 249)]
    pub(crate) length: usize,
    /// Columns after the means, as of a distilled model: `aleatoric`, `epistemic` or both.
    #[arg(long, value_delimiter = ',')]
    pub(crate) spreads: Vec<String>,
    /// Order of the bases in the one-hot input of the file's model.
    #[arg(long, default_value = "ACGT")]
    pub(crate) alphabet: String,
    /// The model flattens channel by channel, not position by position.
    #[arg(long)]
    pub(crate) channels_first: bool,
}
