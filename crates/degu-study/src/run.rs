//! Runs a study from end to end: plan, execute, write what the run leaves behind.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use serde_json::json;

use crate::stages::{StageError, StageRunner, StudyPlan, plan, refuse_stored_leakage, summary};
use degu_config::{ConfigErrors, Selection, Study};
use degu_workflow::execute::{Options, RunSummary, execute};
use degu_workflow::exit::ExitCode;
use degu_workflow::journal::{JournalError, Ledger, Observer, StudyEvent, StudyLock};
use degu_workflow::key::Key;
use degu_workflow::plan::Plan;
use degu_workflow::store::{Store, StoreError, files};

/// Why a study could not be started, or its results not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Sweeps or arms that do not fit.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// Source files, or results that cannot be put together.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The artifact store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger, or another process that runs the study.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The report.
    #[error(transparent)]
    Report(#[from] degu_report::Error),
    /// A file of the run.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// `--only` that names no task.
    #[error("{problem}; `degu-lab plan` lists the tasks")]
    NoTask {
        /// What was looked for.
        problem: String,
    },
    /// A feature that a file asks for and this program does not have.
    #[error("{what}; {help}")]
    Unavailable {
        /// What was asked for.
        what: String,
        /// What to do.
        help: &'static str,
    },
}

impl RunError {
    /// The damaged result, if the error is about one.
    fn corrupt_key(&self) -> Option<Key> {
        match self {
            Self::Store(error) | Self::Stage(StageError::Store(error)) => error.corrupt_key(),
            _ => None,
        }
    }

    /// Exit code of the error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => ExitCode::CONFIGURATION,
            // Files of the run; sources that cannot be read are `degu_core::Error::Data`.
            Self::Stage(
                StageError::Store(_)
                | StageError::Io(_)
                | StageError::Train(degu_train::TrainError::Io(_)),
            )
            | Self::Store(_)
            | Self::Io(_) => ExitCode::STORE,
            Self::Stage(_) => ExitCode::DATA,
            Self::Journal(JournalError::Locked { .. }) => ExitCode::LOCKED,
            Self::Journal(_) => ExitCode::STORE,
            Self::Report(degu_report::Error::Io(_)) => ExitCode::STORE,
            Self::Report(_) => ExitCode::STAGE,
            Self::Unavailable { .. } => ExitCode::EXECUTOR,
            Self::NoTask { .. } => ExitCode::USAGE,
        }
    }
}

/// What to run, and how; nothing here changes a number.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Sweeps and arms.
    pub selection: Selection,
    /// Tasks side by side; that of the file if absent.
    pub jobs: Option<usize>,
    /// Threads in all; the machine's if absent.
    pub threads: Option<usize>,
    /// Stop starting tasks after a failure.
    pub fail_fast: bool,
    /// Repetitions after a transient failure.
    pub retries: u32,
    /// Only tasks that match one of these (`train/*`) and what they need; all if empty.
    pub only: Vec<String>,
    /// Write tables, figures and report again although nothing has changed.
    pub rewrite: bool,
    /// Ends the run at the next batch when set.
    pub interrupt: Arc<AtomicBool>,
}

/// What a run did.
#[derive(Debug)]
pub struct Outcome {
    /// Tasks by how they ended.
    pub summary: RunSummary,
    /// Folder of the run.
    pub folder: PathBuf,
    /// The report, if it was written.
    pub report: Option<PathBuf>,
}

/// How often results that are damaged when they are reported are computed again.
const REPAIRS: u32 = 2;

/// File of a run folder that names the sweeps and arms of the run.
const SELECTION: &str = "selection.json";

/// Folder of a study's results.
pub fn folder(study: &Study) -> PathBuf {
    study.identity.runs.join(&study.identity.name)
}

/// Opens the store of a study.
///
/// # Errors
///
/// A folder that cannot be used.
pub fn store(study: &Study) -> Result<Store, RunError> {
    Ok(Store::open(&study.identity.store)?)
}

/// Plans a study; opens source files for their digests only.
///
/// # Errors
///
/// Sweeps that do not fit, source files that are missing.
pub fn planned(study: &Study, selection: &Selection, store: &Store) -> Result<StudyPlan, RunError> {
    Ok(plan(study.points(selection)?, Some(store))?)
}

/// Runs a study, or goes on with it.
///
/// # Errors
///
/// [`RunError`]; failures of tasks are in the summary.
pub fn run(study: &Study, request: &Request, observer: &dyn Observer) -> Result<Outcome, RunError> {
    crate::unsupported::check(study, &request.selection)?;
    let folder = folder(study);
    fs_err::create_dir_all(&folder)?;
    let lock = StudyLock::acquire(&folder)?;
    let store = store(study)?;
    let study_plan = planned(study, &request.selection, &store)?;
    refuse_stored_leakage(&study_plan, &store)?;
    files::write_atomic(
        &folder.join("study.lock.toml"),
        study.locked_toml().as_bytes(),
    )?;
    files::write_atomic(
        &folder.join(SELECTION),
        &serde_json::to_vec_pretty(&request.selection).map_err(io::Error::from)?,
    )?;
    study_plan
        .plan
        .write(&study.identity.name, &folder.join("plan.json"))?;
    let ledger = Ledger::open(&folder.join("events.jsonl"))?;
    let both = |event: &StudyEvent| {
        if let Err(error) = ledger.append(event) {
            tracing::warn!(%error, "an event could not be written to the ledger");
        }
        observer.observe(event);
    };
    let jobs = request.jobs.unwrap_or(study.executor.jobs).max(1);
    let machine = std::thread::available_parallelism().map_or(1, usize::from);
    let options = Options {
        jobs,
        threads: request
            .threads
            .or(study.executor.threads)
            .unwrap_or(machine),
        keep_going: !request.fail_fast,
        retries: request.retries,
        interrupt: Arc::clone(&request.interrupt),
        study: study.identity.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        details: json!({ "kernels": degu_train::backend::kernels() }),
    };
    let wanted = restricted(&study_plan.plan, &request.only)?;
    let runner = StageRunner::new(study_plan.work.clone());
    let tasks = wanted.as_ref().unwrap_or(&study_plan.plan);
    let mut summary = execute(tasks, &store, &runner, &options, &both);
    let mut repairs = 0;
    if request.rewrite {
        summary::forget(&folder)?;
    }
    let report = loop {
        if !request.only.is_empty() {
            break None;
        }
        match summary::write(study, &study_plan, &store, &summary, &folder) {
            // A result that is damaged, and that no task read: it is computed again.
            Err(error) if repairs < REPAIRS && error.corrupt_key().is_some() => {
                repairs += 1;
                if let Some(key) = error.corrupt_key() {
                    store.set_aside(&key)?;
                }
                tracing::warn!(%error, "computing it again");
                let before = std::mem::take(&mut summary.finished);
                summary = execute(tasks, &store, &runner, &options, &both);
                summary.finished.extend(before);
            }
            // What failed is told first; a full disk often spoils the report as well.
            Err(error) if !summary.failed.is_empty() => {
                tracing::warn!(%error, "the report of what is there could not be written");
                break None;
            }
            written => break Some(written?),
        }
    };
    let closed = ledger.close();
    if summary.failed.is_empty() {
        closed?;
    }
    drop(lock);
    Ok(Outcome {
        summary,
        folder,
        report,
    })
}

/// The part of a plan that some patterns need; `None` for all of it.
fn restricted(plan: &Plan, only: &[String]) -> Result<Option<Plan>, RunError> {
    if only.is_empty() {
        return Ok(None);
    }
    let wanted: Vec<&str> = plan
        .names()
        .filter(|name| only.iter().any(|pattern| matches(pattern, name)))
        .collect();
    if wanted.is_empty() {
        return Err(RunError::NoTask {
            problem: format!("no task matches {}", only.join(", ")),
        });
    }
    plan.needed_by(wanted)
        .map(Some)
        .map_err(|e| RunError::NoTask {
            problem: e.to_string(),
        })
}

/// Whether a name fits a pattern in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|tail| {
            (0..=tail.len()).any(|i| tail.is_char_boundary(i) && matches(rest, &tail[i..]))
        }),
    }
}

/// The sweeps and arms that the last run of a folder was asked for; none if the folder does not
/// say.
///
/// # Errors
///
/// A file that cannot be read, or holds something else.
pub fn selection(folder: &Path) -> Result<Selection, RunError> {
    let Some(bytes) = files::read_optional(&folder.join(SELECTION))? else {
        return Ok(Selection::default());
    };
    Ok(serde_json::from_slice(&bytes).map_err(io::Error::from)?)
}

/// Reads the study that a run folder was made from.
///
/// # Errors
///
/// A folder without a locked configuration, or one that no longer loads.
pub fn locked(
    folder: &Path,
    env: std::collections::BTreeMap<String, String>,
) -> Result<Study, RunError> {
    let options = degu_config::LoadOptions {
        env,
        ..degu_config::LoadOptions::default()
    };
    Ok(Study::load(&folder.join("study.lock.toml"), &options)?)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_a_shell() {
        assert!(matches("train/*", "train/member-3"));
        assert!(matches("*student-0", "distill/student-0"));
        assert!(matches("evaluate", "evaluate"));
        assert!(!matches("train", "train/member-3"));
    }
}
