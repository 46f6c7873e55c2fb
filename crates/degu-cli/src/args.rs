//! The tree of commands.

mod apply;
mod model;
mod number;
mod store;

use std::path::PathBuf;

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use degu_core::Slot;

pub(crate) use apply::{
    AblateArgs, AnchorArg, AttributeArgs, BackgroundArg, EdgeArg, MarginalizeArgs, MismatchArg,
    ModelArgs, MotifArgs, ReplacementArg, SequenceArgs, VariantsArgs,
};
pub(crate) use model::{ImportCommand, KerasArgs, PredictArgs};
use number::positive;
pub(crate) use store::{GcArgs, LsArgs, ShowArgs, StatusArgs, VerifyArgs};

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
    /// Write more to stderr: -v information, -vv debugging, -vvv everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Form of results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text.
    #[default]
    Text,
    /// JSON: one object with a field `schema`; `predict`, `variants` and similar commands write one
    /// object per row.
    Json,
    /// A Graphviz graph (only `plan`).
    Dot,
    /// A Mermaid flow chart (only `plan`).
    Mermaid,
}

/// A command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a study, or continue it: results in the store are not computed again.
    Run(RunArgs),
    /// Show what a run would do: tasks, keys, cached results, estimated time.
    Plan(PlanArgs),
    /// Continue a run with its locked configuration, changed values, sweeps and arms.
    Resume(ResumeArgs),
    /// Write the report of a finished run again.
    Report(ReportArgs),
    /// Explain why a task has to run: the fields of its key that differ from the nearest result.
    Why(WhyArgs),
    /// Predict sequences with a model: means, standard deviations, calibrated intervals.
    Predict(PredictArgs),
    /// Compute attribution maps of sequences: the contribution of each base to a prediction, with
    /// the standard deviation between members.
    Attribute(AttributeArgs),
    /// Predict effects of variants with their uncertainty, and compare them with saturation
    /// mutagenesis.
    Variants(VariantsArgs),
    /// Estimate effects of motifs by placing them in background sequences.
    Marginalize(MarginalizeArgs),
    /// Estimate effects of motifs by replacing them where they occur.
    Ablate(AblateArgs),
    /// Import weights of other frameworks as a model folder.
    Import {
        #[command(subcommand)]
        command: ImportCommand,
    },
    /// Inspect data before training, and download public data.
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
    /// Show the state of runs.
    Status(StatusArgs),
    /// List the artifacts of a store.
    Ls(LsArgs),
    /// Show one artifact: its origin, its files and its key.
    Show(ShowArgs),
    /// Remove artifacts that no run needs (a dry run without `--delete`).
    Gc(GcArgs),
    /// Compare every artifact with its digests. Damaged artifacts are moved aside; the next run
    /// computes them again.
    Verify(VerifyArgs),
    /// Test this machine: instructions, threads, CUDA, and a store on its file system.
    Doctor {
        /// Folder of the store to test.
        #[arg(long, default_value = "store")]
        store: PathBuf,
    },
    /// List, show, check and create plugins.
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
    /// Show what a plugin does and its parameters.
    Show {
        /// Name, or SLOT/NAME.
        name: String,
    },
    /// Check a plugin against the contract of its slot.
    Check(CheckArgs),
    /// Write the crate of a new plugin: code, binary, contract test, experiment file.
    New(NewArgs),
    /// Write the reference pages of all plugins (run in the repository's root).
    #[command(hide = true)]
    Docs {
        /// Only compare; exit with 5 if a page is out of date.
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
    /// What kind of plugin: a slot.
    #[arg(value_parser = slots())]
    pub(crate) slot: Slot,
    /// Name of the plugin, kebab-case.
    pub(crate) name: String,
    /// Folder of the new crate [default: the package's name].
    #[arg(short, long)]
    pub(crate) output: Option<PathBuf>,
    /// Where the framework comes from: a folder with its workspace, or the URL of a git repository.
    #[arg(long, value_name = "PATH|URL")]
    pub(crate) framework: String,
}

/// A slot by its name.
fn slots() -> impl TypedValueParser<Value = Slot> {
    PossibleValuesParser::new(Slot::ALL.iter().map(|slot| slot.name())).try_map(|name| {
        let found = Slot::ALL.iter().find(|slot| slot.name() == name);
        found.copied().ok_or("no such slot")
    })
}

/// Sweeps and arms of a study.
#[derive(Debug, Args)]
pub(crate) struct SelectionArgs {
    /// Run this sweep of the file too (`all` for every sweep); may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) sweep: Vec<String>,
    /// Run the ablation of the file too.
    #[arg(long)]
    pub(crate) ablation: bool,
}

/// How to run; no option here changes a result.
#[derive(Debug, Args)]
pub(crate) struct ExecutionArgs {
    /// Only tasks that match the pattern, as in `train/*`, and the tasks they need; may be given
    /// several times.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) only: Vec<String>,
    /// Tasks at the same time [default: `executor.jobs` of the file].
    #[arg(short, long, value_name = "N", value_parser = positive)]
    pub(crate) jobs: Option<usize>,
    /// Threads of all tasks together [default: those of the machine].
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) threads: Option<usize>,
    /// Start no task after a failure; without it, tasks that do not depend on the failed task run.
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Repeat a task up to N times after a failure that may be temporary.
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
    /// One line per epoch and task.
    Plain,
    /// One JSON event per line, as in `events.jsonl`.
    Json,
    /// Only warnings.
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
    /// `local` or `slurm`, instead of the value in the file.
    #[arg(long, value_parser = ["local", "slurm"])]
    pub(crate) executor: Option<String>,
    /// Show the plan without running it.
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

/// `degu-lab data`.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Summarize a file of sequences: lengths, bases, targets, duplicates, leakage between splits.
    Inspect {
        /// A table, FASTA or HDF5 file, or an experiment file (`.toml`) for its dataset.
        file: PathBuf,
    },
    /// Download a public data set, or list the known ones.
    Fetch {
        /// Name of the data set; without it, all are listed.
        name: Option<String>,
        /// Folder for the files.
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
    /// Show the configuration with all defaults.
    Show {
        #[command(flatten)]
        study: StudyArgs,
        /// One line per value, with the file, line and column, variable or argument that sets it.
        #[arg(long)]
        origin: bool,
    },
}
