//! `degu-lab status`: the state of runs, read from their ledgers.

use std::path::{Path, PathBuf};

use degu_workflow::journal::{StudyLock, StudyStatus, TaskStatusKind, read_events};
use degu_workflow::plan::show_seconds;
use serde::Serialize;

use crate::{
    CliError, Result,
    args::StatusArgs,
    output::{Output, Table},
};

#[derive(Serialize)]
struct Run {
    folder: PathBuf,
    running: bool,
    status: StudyStatus,
}

#[derive(Serialize)]
struct Runs {
    runs: Vec<Run>,
}

pub(crate) fn run(args: &StatusArgs, output: &mut Output) -> Result<()> {
    let Some(study) = &args.study else {
        let runs = Runs {
            runs: all(&args.runs)?,
        };
        return output.result(&runs, || overview(&runs.runs));
    };
    let folder = folder_of(study, &args.runs)?;
    let run = read(folder)?;
    output.result(&run, || detail(&run))
}

/// The folder of a study: a path, or a name below `runs`.
pub(crate) fn folder_of(study: &str, runs: &Path) -> Result<PathBuf> {
    let places = [PathBuf::from(study), runs.join(study)];
    let found = places
        .iter()
        .find(|place| place.join("events.jsonl").is_file());
    found.cloned().ok_or_else(|| {
        let known = all(runs).unwrap_or_default();
        let names: Vec<String> = known
            .iter()
            .filter_map(|run| Some(run.folder.file_name()?.to_string_lossy().into_owned()))
            .collect();
        let near = degu_core::suggest::nearest(study, names.iter().map(String::as_str));
        let hint = near
            .map(|n| format!(", did you mean `{n}`?"))
            .unwrap_or_default();
        CliError::Usage {
            command: "status",
            problem: format!("no run of `{study}` in `{}`{hint}", runs.display()),
        }
    })
}

fn all(runs: &Path) -> Result<Vec<Run>> {
    if !runs.is_dir() {
        return Ok(Vec::new());
    }
    let mut folders: Vec<PathBuf> = fs_err::read_dir(runs)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| folder.join("events.jsonl").is_file())
        .collect();
    folders.sort();
    folders.into_iter().map(read).collect()
}

fn read(folder: PathBuf) -> Result<Run> {
    let status = StudyStatus::of(&read_events(&folder.join("events.jsonl"))?);
    let running = StudyLock::holder(&folder)?.is_some();
    Ok(Run {
        folder,
        running,
        status,
    })
}

/// One word for a run.
fn word(run: &Run) -> String {
    match (run.running, run.status.finished) {
        (true, _) => "running".to_owned(),
        (false, Some((_, 0))) => "complete".to_owned(),
        (false, Some((_, 130))) => "interrupted".to_owned(),
        (false, Some((_, code))) => format!("failed ({code})"),
        (false, None) => "stopped".to_owned(),
    }
}

fn overview(runs: &[Run]) -> String {
    let mut table = Table::new(&["study", "state", "done", "failed"]);
    for run in runs {
        let status = &run.status;
        let done = status.count(TaskStatusKind::Finished) + status.count(TaskStatusKind::Cached);
        let of = status
            .distinct
            .map_or_else(String::new, |n| format!(" of {n}"));
        table.row([
            status.study.clone(),
            word(run),
            format!("{done}{of}"),
            status.count(TaskStatusKind::Failed).to_string(),
        ]);
    }
    table.render()
}

fn detail(run: &Run) -> String {
    let mut table = Table::new(&["task", "state", "progress"]);
    for (task, status) in &run.status.tasks {
        let progress = match (&status.progress, status.seconds, &status.text) {
            (_, Some(seconds), _) => show_seconds(seconds),
            (_, _, Some(text)) => text.lines().next().unwrap_or_default().to_owned(),
            (Some(p), None, None) => format!("{} of {}", p.epoch, p.of),
            (None, None, None) => String::new(),
        };
        let state = format!("{:?}", status.kind).to_lowercase();
        table.row([task.clone(), state, progress]);
    }
    let state = word(run);
    let mut text = format!("{}: {state}\n\n{}", run.status.study, table.render());
    if !run.running && state != "complete" {
        text.push_str(&format!("\nnext: degu-lab resume {}\n", run.status.study));
    }
    text
}
