//! `degu-lab run`, `resume`, `report`.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use degu_config::{ENVIRONMENT_PREFIX, Selection, Study};
use degu_study::run::{self, Request, RunOutcome};
use degu_workflow::plan::{show_count, show_seconds};
use degu_workflow::signal::Interrupt;
use serde::Serialize;

use super::{config, plan, status};
use crate::{
    CliError, Result,
    args::{ExecutionArgs, ReportArgs, ResumeArgs, RunArgs, SelectionArgs},
    output::Output,
    progress,
};

#[derive(Serialize)]
struct Ran {
    study: String,
    folder: PathBuf,
    report: Option<PathBuf>,
    exit: u8,
    seconds: f64,
    finished: Vec<String>,
    cached: usize,
    failed: Vec<Failed>,
    blocked: Vec<String>,
    interrupted: Vec<String>,
    not_started: usize,
}

#[derive(Serialize)]
struct Failed {
    task: String,
    message: String,
}

pub(crate) fn run(args: &RunArgs, output: &mut Output) -> Result<()> {
    let mut sets = args.study.set.clone();
    if let Some(kind) = &args.executor {
        sets.push(format!("executor.kind=\"{kind}\""));
    }
    let study = config::read(&args.study.file, &sets)?;
    if args.dry_run {
        return plan::show(&study, &config::selection(&args.selection), output);
    }
    let points = config::selection(&args.selection);
    execute(&study, points, &args.execution, output)
}

pub(crate) fn resume(args: &ResumeArgs, output: &mut Output) -> Result<()> {
    let (study, points) = locked(&args.study, &args.runs, &args.selection)?;
    execute(&study, points, &args.execution, output)
}

/// The study that a run folder was made from, and its sweeps and arms unless others are asked for;
/// variables that would change it do not count.
fn locked(name: &str, runs: &Path, asked: &SelectionArgs) -> Result<(Study, Selection)> {
    let folder = status::folder_of(name, runs)?;
    let mut env = config::environment();
    env.retain(|key, _| !key.starts_with(ENVIRONMENT_PREFIX));
    let study = run::locked(&folder, env)?;
    let asked = config::selection(asked);
    if asked == Selection::default() {
        return Ok((study, run::selection(&folder)?));
    }
    Ok((study, asked))
}

/// Writes the report of a finished run again.
pub(crate) fn report(args: &ReportArgs, output: &mut Output) -> Result<()> {
    let (study, selection) = locked(&args.study, &args.runs, &args.selection)?;
    let store = run::store(&study)?;
    let planned = run::planned(&study, &selection, &store)?;
    let survey = planned
        .plan
        .survey(&store, &std::collections::BTreeMap::new())?;
    if survey.counts.to_run > 0 {
        return Err(CliError::Outcome {
            code: crate::exit::Codes::STAGE,
            problem: format!(
                "{} of {} tasks have no result yet, so there is no report; run them with `degu-lab resume {}`",
                survey.counts.to_run, survey.counts.distinct, study.identity.name
            ),
        });
    }
    let request = Request {
        selection,
        rewrite: true,
        ..Request::default()
    };
    let outcome = run::run(
        &study,
        &request,
        progress::observer(crate::args::ProgressMode::None).as_ref(),
    )?;
    finish(&study, outcome, output)
}

fn execute(
    study: &Study,
    selection: Selection,
    args: &ExecutionArgs,
    output: &mut Output,
) -> Result<()> {
    let interrupt: Arc<AtomicBool> = match Interrupt::install() {
        Ok(interrupt) => interrupt.flag(),
        Err(error) => {
            tracing::warn!(%error, "signals cannot be handled: an interrupt ends the run without a checkpoint");
            Arc::default()
        }
    };
    let request = Request {
        selection,
        jobs: args.jobs,
        threads: args.threads,
        fail_fast: args.fail_fast,
        retries: args.retries,
        only: args.only.clone(),
        rewrite: false,
        interrupt,
    };
    let observer = progress::observer(args.progress);
    let outcome = run::run(study, &request, observer.as_ref())?;
    finish(study, outcome, output)
}

fn finish(study: &Study, outcome: RunOutcome, output: &mut Output) -> Result<()> {
    let summary = outcome.summary;
    let exit = summary.exit_code();
    let ran = Ran {
        study: study.identity.name.clone(),
        folder: outcome.folder,
        report: outcome.report,
        exit,
        seconds: summary.seconds,
        failed: summary
            .failed
            .iter()
            .map(|failure| Failed {
                task: failure.task.clone(),
                message: failure.error.to_string(),
            })
            .collect(),
        finished: summary.finished,
        cached: summary.cached.len(),
        blocked: summary.blocked.into_iter().map(|(task, _)| task).collect(),
        interrupted: summary.interrupted,
        not_started: summary.not_started.len(),
    };
    output.result(&ran, || text(&ran))?;
    if exit == 0 {
        return Ok(());
    }
    Err(CliError::Outcome {
        code: exit,
        problem: failures(&ran),
    })
}

fn text(ran: &Ran) -> String {
    let mut text = format!(
        "{}: {} tasks computed, {} found in the store, in {}\n",
        ran.study,
        show_count(ran.finished.len()),
        show_count(ran.cached),
        show_seconds(ran.seconds)
    );
    if let Some(report) = &ran.report {
        text.push_str(&format!("report: {}\n", report.display()));
    }
    text
}

/// Failed and blocked tasks, and the command that continues the run.
fn failures(ran: &Ran) -> String {
    let mut text = match ran.failed.len() {
        0 => "interrupted; finished tasks are kept".to_owned(),
        1 => "1 task failed; finished tasks are kept".to_owned(),
        n => format!("{n} tasks failed; finished tasks are kept"),
    };
    for failed in &ran.failed {
        text.push_str(&format!("\n  {}: {}", failed.task, failed.message));
    }
    if !ran.blocked.is_empty() {
        text.push_str(&format!("\n  blocked: {}", ran.blocked.join(", ")));
    }
    text.push_str(&format!("\n  continue with: degu-lab resume {}", ran.study));
    text
}
