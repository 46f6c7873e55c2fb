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
    ModelArgs, ReplacementArg, SequenceArgs, VariantsArgs,
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
    /// For programs: one object with a field `schema`; `predict`, `variants` and the like one
    /// object a row.
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
    /// Go on with a run as it was started: its locked configuration, its changed values, its sweeps
    /// and arms.
    Resume(ResumeArgs),
    /// Write the report of a finished run again.
    Report(ReportArgs),
    /// Explain why a task has to run: which field of its key differs from the nearest result.
    Why(WhyArgs),
    /// Predict sequences with a model folder: means, spreads, calibrated intervals.
    Predict(PredictArgs),
    /// Draw attribution maps of new sequences: what each base adds to a prediction, with the spread
    /// between members.
    Attribute(AttributeArgs),
    /// Predict effects of variants, with their uncertainty; score them against saturation
    /// mutagenesis.
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
    /// Compare every artifact with its digests, and move damaged ones aside so that the next run
    /// computes them again.
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
    #[arg(short, long, value_name = "N", value_parser = positive)]
    pub(crate) jobs: Option<usize>,
    /// Threads in all [default: those of the machine].
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) threads: Option<usize>,
    /// Start nothing new after a failure; without it, everything that does not depend on the
    /// failure runs.
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
    /// Warnings alone.
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

/// `degu-lab data`.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Say what a file of sequences is made of: lengths, bases, targets, duplicates, leakage
    /// between parts.
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
