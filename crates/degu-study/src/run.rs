//! Runs a study from end to end: plan, execute, write what the run leaves behind.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use serde_json::json;

use crate::{
    error::StageError,
    plan::{StudyPlan, plan},
    stages::prepare,
    summary, tasks, unsupported,
};
use degu_config::{ConfigErrors, Selection, Study};
use degu_workflow::execute::{Options, RunSummary, execute};
use degu_workflow::exit::ExitCode;
use degu_workflow::journal::{JournalError, Ledger, Observer, StudyEvent, StudyLock};
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
    /// A file of the run.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// `--only` that names no task.
    #[error("{problem}; `degu-lab plan` lists the tasks")]
    NoTask {
        /// What was looked for.
        problem: String,
    },
}

impl RunError {
    /// Exit code of the error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => ExitCode::CONFIGURATION,
            Self::Stage(error) => error.exit_code(),
            Self::Journal(JournalError::Locked { .. }) => ExitCode::LOCKED,
            Self::Store(_) | Self::Io(_) | Self::Journal(_) => ExitCode::STORE,
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
pub struct RunOutcome {
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
pub fn run(
    study: &Study,
    request: &Request,
    observer: &dyn Observer,
) -> Result<RunOutcome, RunError> {
    unsupported::check(study)?;
    for point in study.points(&request.selection)? {
        unsupported::check(&point.study)?;
    }
    let folder = folder(study);
    fs_err::create_dir_all(&folder)?;
    let lock = StudyLock::acquire(&folder)?;
    let store = store(study)?;
    let study_plan = planned(study, &request.selection, &store)?;
    refuse_stored_leakage(&study_plan, &store)?;
    write_request(study, request, &study_plan, &folder)?;
    let ledger = Ledger::open(&folder.join("events.jsonl"))?;
    let both = |event: &StudyEvent| {
        if let Err(error) = ledger.append(event) {
            tracing::warn!(%error, "an event could not be written to the ledger");
        }
        observer.observe(event);
    };
    let options = options(study, request);
    let wanted = restricted(&study_plan.plan, &request.only)?;
    let tasks = wanted.as_ref().unwrap_or(&study_plan.plan);
    let execute = || execute(tasks, &store, &study_plan, &options, &both);
    let mut summary = execute();
    if request.rewrite {
        summary::forget(&folder)?;
    }
    let report = if request.only.is_empty() {
        let write =
            |summary: &RunSummary| summary::write(study, &study_plan, &store, summary, &folder);
        report(&mut summary, &store, write, execute)?
    } else {
        None
    };
    let closed = ledger.close();
    if summary.failed.is_empty() {
        closed?;
    }
    drop(lock);
    Ok(RunOutcome {
        summary,
        folder,
        report,
    })
}

/// Refuses stored data that leak where the study does not allow it. Data that cannot be read are
/// computed again.
fn refuse_stored_leakage(planned: &StudyPlan, store: &Store) -> Result<(), RunError> {
    let prepare = tasks::prepare();
    for (id, own) in &planned.work {
        if own.task.stage != prepare.stage {
            continue;
        }
        let node = planned.plan.node(id);
        if let Some(Ok(Some(artifact))) = node.map(|node| store.get(&node.key)) {
            prepare::refuse_stored(&own.point.study, &artifact)?;
        }
    }
    Ok(())
}

/// Writes what is run: the configuration, the choice of points, the plan.
fn write_request(
    study: &Study,
    request: &Request,
    planned: &StudyPlan,
    folder: &Path,
) -> Result<(), RunError> {
    let config = study.locked_toml();
    files::write_atomic(&folder.join("study.lock.toml"), config.as_bytes())?;
    let selection = serde_json::to_vec_pretty(&request.selection).map_err(io::Error::from)?;
    files::write_atomic(&folder.join(SELECTION), &selection)?;
    let file = folder.join("plan.json");
    planned.plan.write(&study.identity.name, &file)?;
    Ok(())
}

fn options(study: &Study, request: &Request) -> Options {
    let machine = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = request.threads.or(study.executor.threads);
    Options {
        jobs: request.jobs.unwrap_or(study.executor.jobs).max(1),
        threads: threads.unwrap_or(machine),
        keep_going: !request.fail_fast,
        retries: request.retries,
        interrupt: Arc::clone(&request.interrupt),
        study: study.identity.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        details: json!({ "kernels": degu_train::backend::kernels() }),
    }
}

/// Writes the report; executes the plan again where a result that no task has read is damaged.
fn report(
    summary: &mut RunSummary,
    store: &Store,
    write: impl Fn(&RunSummary) -> Result<PathBuf, StageError>,
    execute: impl Fn() -> RunSummary,
) -> Result<Option<PathBuf>, RunError> {
    let mut repairs = 0;
    loop {
        let error = match write(summary) {
            Ok(report) => return Ok(Some(report)),
            Err(error) => error,
        };
        match error.corrupt_key().filter(|_| repairs < REPAIRS) {
            Some(key) => {
                repairs += 1;
                store.set_aside(&key)?;
                tracing::warn!(%error, "computing it again");
                let before = std::mem::take(&mut summary.finished);
                *summary = execute();
                summary.finished.extend(before);
            }
            // What failed is told first; a full disk often spoils the report as well.
            None if !summary.failed.is_empty() => {
                tracing::warn!(%error, "the report of what is there could not be written");
                return Ok(None);
            }
            None => return Err(error.into()),
        }
    }
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
