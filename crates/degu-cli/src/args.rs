//! The tree of commands.

mod apply;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use apply::{
    AblateArgs, AnchorArg, AttributeArgs, BackgroundArg, EdgeArg, MarginalizeArgs, MismatchArg,
    ModelArgs, ReplacementArg, SequenceArgs, VariantsArgs,
};

/// Uncertainty-aware genomic deep learning: one file describes a study, one command runs it.
#[derive(Debug, Parser)]
#[command(
    name = "degu-lab",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Form of the results on stdout.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) format: Format,
    /// Say more on stderr; -vv and -vvv say still more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Form of results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one object with a field `schema`.
    Json,
    /// A Graphviz graph (`plan` alone).
    Dot,
    /// A Mermaid flow chart (`plan` alone).
    Mermaid,
}

/// A command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a study, or go on with it: what is in the store is not computed again.
    Run(RunArgs),
    /// Show what a run would do: tasks, keys, what is cached, how long the rest takes.
    Plan(PlanArgs),
    /// Go on with a run from its locked configuration.
    Resume(ResumeArgs),
    /// Write the report of a finished run again.
    Report(ReportArgs),
    /// Explain why a task has to run: which field of its key differs from the nearest result.
    Why(WhyArgs),
    /// Predict sequences with a model folder: means, spreads, calibrated intervals.
    Predict(PredictArgs),
    /// Draw attribution maps of new sequences: what each base adds to a prediction, with the spread between members.
    Attribute(AttributeArgs),
    /// Predict effects of variants, with their uncertainty; score them against saturation mutagenesis.
    Variants(VariantsArgs),
    /// Put motifs into background sequences: what each adds by itself.
    Marginalize(MarginalizeArgs),
    /// Take motifs out of the sequences where they occur: what each adds there.
    Ablate(AblateArgs),
    /// Turn weights of other frameworks into a model folder.
    Import {
        #[command(subcommand)]
        command: ImportCommand,
    },
    /// Look at data before training on it, and fetch public data.
    Data {
        #[command(subcommand)]
        command: DataCommand,
    },
    /// Show the merged configuration of an experiment file.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print the JSON Schema of experiment files, for editors.
    Schema,
    /// Show where runs stand.
    Status(StatusArgs),
    /// List the artifacts of a store.
    Ls(LsArgs),
    /// Show one artifact: where it came from, its files, its key.
    Show(ShowArgs),
    /// Remove what no run needs (a dry run unless `--delete`).
    Gc(GcArgs),
    /// Compare every artifact with its digests.
    Verify(VerifyArgs),
    /// Test this machine: instructions, threads, CUDA, and whether a store works here.
    Doctor {
        /// Folder of the store to test.
        #[arg(long, default_value = "store")]
        store: PathBuf,
    },
    /// List, show, check and start plugins.
    Plugins {
        #[command(subcommand)]
        command: PluginsCommand,
    },
    /// Explain a command, or the exit codes (`help exit-codes`).
    Help {
        /// Words of a command, or `exit-codes`.
        topic: Vec<String>,
    },
}

/// `degu-lab plugins`.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginsCommand {
    /// List the plugins that are linked into this binary.
    #[command(visible_alias = "ls")]
    List {
        /// Only this slot, as in `architecture`.
        #[arg(long)]
        slot: Option<String>,
    },
    /// Show what a plugin does and the parameters it takes.
    Show {
        /// Name, or SLOT/NAME.
        name: String,
    },
    /// Check that a plugin keeps the contract of its slot.
    Check(CheckArgs),
    /// Write the crate of a new plugin: code, own binary, contract test, experiment.
    New(NewArgs),
    /// Write the reference pages of all plugins (run in the repository's root).
    #[command(hide = true)]
    Docs {
        /// Only compare; exit 5 if a page is out of date.
        #[arg(long)]
        check: bool,
        /// Folder of the workspace.
        #[arg(long, default_value = ".")]
        root: PathBuf,
    },
}

/// `degu-lab plugins check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Name, or SLOT/NAME.
    pub(crate) name: String,
    /// A parameter, as in `--set filters=[8,8,8,8]`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// `degu-lab plugins new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// What to write.
    #[arg(value_enum)]
    pub(crate) kind: NewKind,
    /// Name of the plugin, kebab-case.
    pub(crate) name: String,
    /// Folder of the new crate [default: the package's name].
    #[arg(short, long)]
    pub(crate) output: Option<PathBuf>,
    /// Where the framework comes from: a folder with its workspace, or the URL of a git repository.
    #[arg(long, value_name = "PATH|URL")]
    pub(crate) framework: String,
}

/// Templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NewKind {
    /// A family of networks.
    Architecture,
}

/// Points of a study beside its own.
#[derive(Debug, Args)]
pub(crate) struct SelectionArgs {
    /// Run this sweep of the file as well (`all` for every one); may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) sweep: Vec<String>,
    /// Run the ablation of the file as well.
    #[arg(long)]
    pub(crate) ablation: bool,
}

/// How to run; nothing here changes a number.
#[derive(Debug, Args)]
pub(crate) struct ExecutionArgs {
    /// Only tasks that match, as in `train/*`, and what they need; may be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) only: Vec<String>,
    /// Tasks side by side.
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<usize>,
    /// Threads in all [default: those of the machine].
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Start nothing new after a failure; without it, everything that does not depend on the failure runs.
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Try a task again after a failure that may pass.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) retries: u32,
    /// Progress on stderr.
    #[arg(long, value_enum, default_value_t, value_name = "MODE")]
    pub(crate) progress: ProgressMode,
}

/// Progress on stderr.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// Bars on a terminal, lines elsewhere.
    #[default]
    Auto,
    /// One line an epoch and task.
    Plain,
    /// One event a line, as in `events.jsonl`.
    Json,
    /// Nothing.
    None,
}

/// `degu-lab run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) study: StudyArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) execution: ExecutionArgs,
    /// `local` or `slurm`, instead of what the file says.
    #[arg(long, value_parser = ["local", "slurm"])]
    pub(crate) executor: Option<String>,
    /// Show the plan and run nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `degu-lab plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) study: StudyArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

/// `degu-lab resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// Name of a study, or its folder.
    pub(crate) study: String,
    /// Folder of the runs.
    #[arg(long, default_value = "runs")]
    pub(crate) runs: PathBuf,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) execution: ExecutionArgs,
}

/// `degu-lab report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Name of a study, or its folder.
    pub(crate) study: String,
    /// Folder of the runs.
    #[arg(long, default_value = "runs")]
    pub(crate) runs: PathBuf,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

/// `degu-lab why`.
#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    #[command(flatten)]
    pub(crate) study: StudyArgs,
    /// Task, as in `train/member-0`.
    pub(crate) task: String,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

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
    /// Where to write; compressed if it ends with `.gz` [default: stdout].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Add intervals of this level, as in 0.9, from the model's calibration.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) interval: Option<f64>,
    /// Which calibration of the model, if it has several.
    #[arg(long, value_name = "NAME", requires = "interval")]
    pub(crate) calibration: Option<String>,
    /// Predict both strands and average them.
    #[arg(long)]
    pub(crate) average_strands: bool,
    /// Pass over sequences of a wrong length or with letters that are no bases, and count them.
    #[arg(long)]
    pub(crate) skip_invalid: bool,
    /// Sequences in memory at once.
    #[arg(long, default_value_t = 1024)]
    pub(crate) batch: usize,
    /// Threads; the numbers do not depend on it.
    #[arg(long, default_value_t = 1)]
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

/// `degu-lab data`.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Say what a file of sequences is made of: lengths, bases, targets, duplicates, leakage between parts.
    Inspect {
        /// A table or FASTA file, or an experiment file (`.toml`), whose dataset is meant.
        file: PathBuf,
    },
    /// Fetch a public data set, or list them.
    Fetch {
        /// Name of the data set; all of them are listed without one.
        name: Option<String>,
        /// Folder to put it into.
        #[arg(short, long, default_value = "data")]
        output: PathBuf,
    },
}

/// An experiment file with its changes.
#[derive(Debug, Args)]
pub(crate) struct StudyArgs {
    /// Experiment file.
    pub(crate) file: PathBuf,
    /// Change a value, as in `--set ensemble.members=3`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// `degu-lab config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// The configuration with every default filled in.
    Show {
        #[command(flatten)]
        study: StudyArgs,
        /// One line a value, with the file, line and column (or variable, or argument) that set it.
        #[arg(long)]
        origin: bool,
    },
}

/// `degu-lab status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Name of a study, or its folder; all of them without one.
    pub(crate) study: Option<String>,
    /// Folder of the runs.
    #[arg(long, default_value = "runs")]
    pub(crate) runs: PathBuf,
}

/// `degu-lab ls`.
#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// Folder of the store.
    #[arg(long, default_value = "store")]
    pub(crate) store: PathBuf,
    /// Only artifacts that this study computed.
    #[arg(long)]
    pub(crate) study: Option<String>,
    /// Only this stage, as in `train`.
    #[arg(long)]
    pub(crate) stage: Option<String>,
}

/// `degu-lab show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// First digits of a key (four at least), or the name of a task, of which the newest result is meant.
    pub(crate) key: String,
    /// Folder of the store.
    #[arg(long, default_value = "store")]
    pub(crate) store: PathBuf,
}

/// `degu-lab gc`.
#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Folder of the store.
    #[arg(long, default_value = "store")]
    pub(crate) store: PathBuf,
    /// Folders of runs whose plans say what is needed; may be given several times.
    #[arg(long, default_value = "runs")]
    pub(crate) runs: Vec<PathBuf>,
    /// Remove, instead of saying what would be removed.
    #[arg(long)]
    pub(crate) delete: bool,
}

/// `degu-lab verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Folder of the store.
    #[arg(long, default_value = "store")]
    pub(crate) store: PathBuf,
    /// Read all manifests again and write the index anew.
    #[arg(long)]
    pub(crate) rebuild_index: bool,
}
