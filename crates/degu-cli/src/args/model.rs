//! Arguments of the commands on model folders.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::{
    apply::SequenceArgs,
    number::{level, positive},
};

/// `degu-lab predict`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("input").args(["fasta", "table"]).required(true)))]
pub(crate) struct PredictArgs {
    /// Folder of a model, such as `runs/NAME/models/student-0`.
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) sequences: SequenceArgs,
    /// Column of the category of a sequence, for calibrations by category.
    #[arg(long, value_name = "NAME", requires = "table")]
    pub(crate) category_column: Option<String>,
    /// Table of predictions: comma-separated if the name ends with `.csv`, else tab-separated; gzip
    /// if it ends with `.gz` [default: stdout].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Add calibrated intervals of this level, as in 0.9.
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub(crate) interval: Option<f64>,
    /// Calibration of the intervals [default: the first of the experiment file].
    #[arg(long, value_name = "NAME", requires = "interval")]
    pub(crate) calibration: Option<String>,
    /// Average the predictions of both strands.
    #[arg(long)]
    pub(crate) average_strands: bool,
    /// Sequences in memory at once.
    #[arg(long, default_value_t = 1024, value_parser = positive)]
    pub(crate) batch: usize,
    /// Threads; predictions do not depend on it.
    #[arg(long, default_value_t = 1, value_parser = positive)]
    pub(crate) threads: usize,
    /// `auto`, `cpu` or `cuda:N`.
    #[arg(long, default_value = "auto")]
    pub(crate) device: String,
}

/// `degu-lab import`.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Import Keras weights in HDF5 (`save_weights` or `model.save`).
    Keras(KerasArgs),
}

/// `degu-lab import keras`.
#[derive(Debug, Args)]
pub(crate) struct KerasArgs {
    /// HDF5 file of the weights.
    pub(crate) file: PathBuf,
    /// Folder for the model.
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
    /// Standard deviations in the outputs after the means: `aleatoric`, `epistemic` or both.
    #[arg(long, value_delimiter = ',')]
    pub(crate) spreads: Vec<String>,
    /// Order of the bases in the model's one-hot input.
    #[arg(long, default_value = "ACGT")]
    pub(crate) alphabet: String,
    /// The model flattens its layers channel by channel instead of position by position.
    #[arg(long)]
    pub(crate) channels_first: bool,
}
