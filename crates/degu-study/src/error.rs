//! What a stage can fail with, and the exit code of each failure.

use degu_genome::GenomeError;
use degu_train::TrainError;
use degu_workflow::{execute::TaskError, exit::ExitCode, key::Key, store::StoreError};

/// Result of a stage.
pub type Result<T, E = StageError> = std::result::Result<T, E>;

/// What a stage can fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StageError {
    /// A plugin or a shape.
    #[error(transparent)]
    Core(#[from] degu_core::Error),

    /// Training, prediction or a model file.
    #[error(transparent)]
    Train(#[from] TrainError),

    /// Sequences or files.
    #[error(transparent)]
    Genome(#[from] GenomeError),

    /// A statistic.
    #[error(transparent)]
    Stats(#[from] degu_stats::StatsError),

    /// A tensor operation.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),

    /// The artifact store.
    #[error(transparent)]
    Store(#[from] StoreError),

    /// A failure that the executor has classed already.
    #[error(transparent)]
    Task(#[from] TaskError),

    /// Tables, figures or the report.
    #[error(transparent)]
    Report(#[from] degu_report::Error),

    /// A file.
    #[error(transparent)]
    Io(#[from] std::io::Error),

    /// An artifact that does not parse.
    #[error("{file}: {problem}")]
    Artifact {
        /// File in the artifact.
        file: &'static str,
        /// What was expected and what was found.
        problem: String,
    },

    /// A column that the source does not have.
    #[error("the dataset has no column `{name}`{}; it has: {}", nearest.as_deref().map(|n| format!(", did you mean `{n}`?")).unwrap_or_default(), known.join(", "))]
    Column {
        /// Column asked for.
        name: String,
        /// Nearest column.
        nearest: Option<String>,
        /// All columns.
        known: Vec<String>,
    },

    /// A row that cannot be assigned.
    #[error("row {row} (`{id}`): {problem}")]
    Row {
        /// Row, counted from 1.
        row: usize,
        /// Its name.
        id: String,
        /// What was expected and what was found.
        problem: String,
    },

    /// A group with rows in two parts.
    #[error(
        "`{first}` ({first_part}) and `{second}` ({second_part}) belong to one group, but the split separates them; choose another `split.group`, or `split.kind = \"cluster\"`, or accept it with `split.allow_leakage = [\"{first_part}/{second_part}\"]`"
    )]
    Straddles {
        /// One row.
        first: String,
        /// Its part.
        first_part: &'static str,
        /// The other row.
        second: String,
        /// Its part.
        second_part: &'static str,
    },

    /// Sequences of one part in another.
    #[error(
        "{count} of {of} {second} rows are in the {first} part as well (the same sequence or its reverse complement){}; use `split.kind = \"cluster\"`, or accept it with `split.allow_leakage = [\"{first}/{second}\"]`",
        if examples.is_empty() { String::new() } else { format!(", for example {examples}") }
    )]
    Leakage {
        /// Training side.
        first: &'static str,
        /// Other side.
        second: &'static str,
        /// Rows that leak.
        count: usize,
        /// Rows of the part.
        of: usize,
        /// Pairs of names; empty if they are not at hand.
        examples: String,
    },

    /// Something that the study asks for and the data do not have.
    #[error("{what}; {help}")]
    Study {
        /// What does not fit.
        what: String,
        /// What to do.
        help: &'static str,
    },

    /// A feature or a device that a file asks for and this program or machine does not have.
    #[error("{what}; {help}")]
    Unavailable {
        /// What was asked for.
        what: String,
        /// What to do.
        help: &'static str,
    },
}

impl StageError {
    /// A broken invariant of the planner.
    pub(crate) fn bug(what: impl Into<String>) -> Self {
        Self::Task(TaskError::Bug(what.into().into()))
    }

    /// The end of a stage that was asked to end.
    pub(crate) fn interrupted() -> Self {
        Self::Task(TaskError::Interrupted)
    }

    /// Exit code of the failure: its class.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Task(error) => error.exit_code(),
            Self::Store(_)
            | Self::Io(_)
            | Self::Train(TrainError::Io(_))
            | Self::Report(degu_report::Error::Io(_)) => ExitCode::STORE,
            Self::Train(TrainError::Interrupted { .. }) => ExitCode::INTERRUPTED,
            Self::Train(TrainError::Diverged { .. }) => ExitCode::DIVERGED,
            Self::Train(TrainError::Device { .. }) | Self::Unavailable { .. } => ExitCode::EXECUTOR,
            Self::Genome(_)
            | Self::Column { .. }
            | Self::Row { .. }
            | Self::Straddles { .. }
            | Self::Leakage { .. }
            | Self::Study { .. }
            | Self::Core(degu_core::Error::Data { .. } | degu_core::Error::Plugin { .. })
            | Self::Train(TrainError::EmptySplit { .. }) => ExitCode::DATA,
            _ => ExitCode::STAGE,
        }
    }

    /// The damaged result, if the failure is about one.
    pub(crate) fn corrupt_key(&self) -> Option<Key> {
        match self {
            Self::Store(error) | Self::Task(TaskError::Store(error)) => error.corrupt_key(),
            _ => None,
        }
    }
}

impl From<StageError> for TaskError {
    fn from(error: StageError) -> Self {
        match error {
            StageError::Task(error) => error,
            StageError::Store(error) => Self::Store(error),
            error => match error.exit_code() {
                ExitCode::INTERRUPTED => Self::Interrupted,
                ExitCode::DIVERGED => Self::Diverged(error.into()),
                ExitCode::EXECUTOR => Self::Unavailable(error.into()),
                ExitCode::DATA => Self::Data(error.into()),
                _ => Self::Stage(error.into()),
            },
        }
    }
}
