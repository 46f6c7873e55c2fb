//! What can go wrong above the libraries.

use std::{io, path::PathBuf};

use degu_apply::ApplyError;
use degu_apply::data::fetch::FetchError;
use degu_config::ConfigErrors;
use degu_core::Slot;
use degu_core::{Problem, Refusal};
use degu_genome::GenomeError;
use degu_study::run::RunError;
use degu_train::TrainError;
use degu_workflow::gc::GcError;
use degu_workflow::journal::JournalError;
use degu_workflow::store::StoreError;
use degu_workflow::why::WhyError;

/// Result of the command line.
pub type Result<T, E = CliError> = std::result::Result<T, E>;

/// What can go wrong with a command. [`exit::code`](crate::exit::code) gives the exit code of each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// The plugin layer.
    #[error(transparent)]
    Core(#[from] degu_core::Error),

    /// Training, prediction, model folders.
    #[error(transparent)]
    Train(#[from] TrainError),

    /// Files with sequences.
    #[error(transparent)]
    Genome(#[from] GenomeError),

    /// The use of finished models.
    #[error(transparent)]
    Apply(Box<ApplyError>),

    /// An experiment file with everything that is wrong with it.
    #[error("{0}")]
    Configuration(Box<ConfigErrors>),

    /// The artifact store.
    #[error(transparent)]
    Store(#[from] StoreError),

    /// The ledger or the lock of a run.
    #[error(transparent)]
    Journal(#[from] JournalError),

    /// Garbage collection of the store.
    #[error(transparent)]
    Gc(#[from] GcError),

    /// A study that cannot be run.
    #[error(transparent)]
    Run(Box<RunError>),

    /// A question about a plan.
    #[error(transparent)]
    Why(#[from] WhyError),

    /// A download.
    #[error(transparent)]
    Fetch(Box<FetchError>),

    /// A command that ran and found a failure.
    #[error("{problem}")]
    Outcome {
        /// Exit code.
        code: u8,
        /// What failed.
        problem: String,
    },

    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),

    /// A value that does not serialize.
    #[error("the output does not serialize to JSON")]
    Json(#[from] serde_json::Error),

    /// Arguments that do not go together.
    #[error("{problem}; see `degu-lab help {command}`")]
    Usage {
        /// The command.
        command: &'static str,
        /// What was expected and what was found.
        problem: String,
    },

    /// No such help page.
    #[error("no command or topic is named `{name}`{}", nearest.as_deref().map(|n| format!(", did you mean `{n}`?")).unwrap_or_default())]
    UnknownTopic {
        /// What was asked for.
        name: String,
        /// The nearest there is.
        nearest: Option<String>,
    },

    /// No plugin of any slot has this name.
    #[error("no plugin is named `{name}`{}; `degu-lab plugins list` shows what is linked", nearest.map(|n| format!(", did you mean `{n}`?")).unwrap_or_default())]
    UnknownPlugin {
        /// Name asked for.
        name: String,
        /// The nearest registered name.
        nearest: Option<&'static str>,
    },

    /// The same name in several slots.
    #[error("`{name}` is the name of several plugins: write {}", slots.iter().map(|s| format!("`{s}/{name}`")).collect::<Vec<_>>().join(" or "))]
    AmbiguousPlugin {
        /// Name asked for.
        name: String,
        /// Slots that have one.
        slots: Vec<Slot>,
    },

    /// `--set` that is not `key=value`.
    #[error("`--set {text}`: {problem}")]
    Setting {
        /// As given.
        text: String,
        /// What was expected.
        problem: String,
    },

    /// A plugin that does not keep the contract of its slot.
    #[error("{failed} of {total} checks failed")]
    ContractFailed {
        /// Failed checks.
        failed: usize,
        /// All checks.
        total: usize,
    },

    /// A template that cannot be written.
    #[error("{}: {problem}", path.display())]
    Template {
        /// Target.
        path: PathBuf,
        /// Why not.
        problem: String,
    },

    /// A plugin whose documentation lacks a part.
    #[error("{}: the module documentation of `{plugin}` has no heading `# {heading}`", path.display())]
    ModuleDoc {
        /// Source file.
        path: PathBuf,
        /// Plugin.
        plugin: &'static str,
        /// The heading that is missing.
        heading: &'static str,
    },

    /// Generated files that are out of date.
    #[error("{} generated files are out of date ({}); run `degu-lab plugins docs` and commit them", files.len(), files.join(", "))]
    Stale {
        /// The files.
        files: Vec<String>,
    },

    /// A model that cannot do what is asked of it.
    #[error("{}: {problem}", path.display())]
    Model {
        /// Folder of the model.
        path: PathBuf,
        /// What was expected, what was found, what to do.
        problem: String,
    },
}

impl CliError {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        crate::exit::code(self)
    }

    /// What a plugin refuses of its parameters, in words.
    fn parameters(&self) -> Option<String> {
        let (Self::Core(error) | Self::Train(TrainError::Core(error))) = self else {
            return None;
        };
        let degu_core::Error::Config(all) = error else {
            return None;
        };
        let all: Vec<String> = all.iter().map(refused).collect();
        Some(all.join("; "))
    }

    /// Whether the reader of the output closed it.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        let closed = |e: &io::Error| e.kind() == io::ErrorKind::BrokenPipe;
        match self {
            Self::Io(e) => closed(e),
            Self::Json(e) => e.io_error_kind() == Some(io::ErrorKind::BrokenPipe),
            _ => false,
        }
    }

    /// What is written to stderr; `color` for a terminal that takes it.
    pub(crate) fn render(&self, color: bool) -> String {
        use std::error::Error as _;
        if let Self::Configuration(errors) = self {
            return errors.render(color, 100).trim_end().to_owned();
        }
        if let Some(refused) = self.parameters() {
            return format!("error: {refused}");
        }
        let mut text = format!("error: {self}");
        let mut source = self.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text.push_str("\n  because: ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        text
    }
}

/// One parameter that a plugin refuses: which, what was expected, what was found.
fn refused(refused: &Refusal) -> String {
    let path = refused.path.join(".");
    match &refused.problem {
        Problem::Unknown { name, known } => {
            let near = degu_core::suggest::nearest(name, known.iter().copied())
                .map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
            format!(
                "there is no parameter `{name}`{near}; parameters: {}",
                known.join(", ")
            )
        }
        Problem::Value(message) if path.is_empty() || message.contains(&path) => message.clone(),
        problem if path.is_empty() => format!("the table {problem}"),
        problem => format!("the parameter `{path}` {problem}"),
    }
}

/// For `map_err`: the errors of an experiment file.
pub(crate) fn configuration(errors: ConfigErrors) -> CliError {
    CliError::Configuration(Box::new(errors))
}

impl From<ApplyError> for CliError {
    /// Errors of libraries keep their own form, whoever passed them on.
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Train(TrainError::Core(error)) => Self::Core(error),
            ApplyError::Train(TrainError::Io(error)) => Self::Io(error),
            ApplyError::Train(error) => Self::Train(error),
            ApplyError::Genome(error) => Self::Genome(error),
            ApplyError::Json(error) => Self::Json(error),
            other => Self::Apply(Box::new(other)),
        }
    }
}

impl From<FetchError> for CliError {
    fn from(error: FetchError) -> Self {
        Self::Fetch(Box::new(error))
    }
}

impl From<RunError> for CliError {
    /// The errors of an experiment file are rendered in one way, whoever read it.
    fn from(error: RunError) -> Self {
        match error {
            RunError::Config(errors) => configuration(errors),
            other => Self::Run(Box::new(other)),
        }
    }
}
