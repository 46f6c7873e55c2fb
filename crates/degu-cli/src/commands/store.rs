//! `degu-lab ls`, `show`, `gc`, `verify`: the artifact store.

use std::{collections::BTreeSet, path::PathBuf};

use degu_workflow::exit::ExitCode;
use degu_workflow::gc;
use degu_workflow::key::Key;
use degu_workflow::plan::{show_bytes, show_seconds};
use degu_workflow::store::{Store, StoreError, Summary};
use serde::Serialize;

use crate::{
    CliError, Result,
    args::{GcArgs, LsArgs, ShowArgs, VerifyArgs},
    output::{Output, Table},
};

#[derive(Serialize)]
struct Listing {
    artifacts: Vec<Summary>,
}

pub(crate) fn ls(args: &LsArgs, output: &mut Output) -> Result<()> {
    let store = Store::open(&args.store)?;
    let mut artifacts = store.summaries()?;
    artifacts.retain(|a| args.study.as_ref().is_none_or(|study| *study == a.study));
    artifacts.retain(|a| {
        let stage = args.stage.as_deref();
        stage.is_none_or(|stage| a.task.split('/').next() == Some(stage))
    });
    artifacts.sort_by(|a, b| {
        a.started
            .total_cmp(&b.started)
            .then_with(|| a.task.cmp(&b.task))
    });
    let listing = Listing { artifacts };
    output.result(&listing, || {
        let mut table = Table::new(&["key", "task", "study", "size", "time"]);
        for a in &listing.artifacts {
            table.row([
                a.key.to_string(),
                a.task.clone(),
                a.study.clone(),
                show_bytes(a.bytes),
                show_seconds(a.seconds),
            ]);
        }
        format!("{}{} artifacts\n", table.render(), listing.artifacts.len())
    })
}

/// The newest result of a task.
fn newest(results: &[Summary], task: &str) -> Result<Key> {
    let named = results.iter().filter(|result| result.task == task);
    let newest = named.max_by(|a, b| a.started.total_cmp(&b.started));
    newest.map(|result| result.key).ok_or_else(|| {
        let tasks = results.iter().map(|result| result.task.as_str());
        let near = degu_core::suggest::nearest(task, tasks)
            .map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
        CliError::Usage {
            command: "show",
            problem: format!(
                "`{task}` is neither the name of a task with a result nor the first 4 or more digits of one key{near}; `degu-lab ls` lists them"
            ),
        }
    })
}

pub(crate) fn show(args: &ShowArgs, output: &mut Output) -> Result<()> {
    let store = Store::open(&args.store)?;
    let key = match store.find(&args.key) {
        Ok(key) => key,
        // Not a key: the name of a task, of which the newest result is meant.
        Err(StoreError::NoSuchKey { .. }) => newest(&store.summaries()?, &args.key)?,
        Err(error) => return Err(error.into()),
    };
    let Some(artifact) = store.get(&key)? else {
        return Err(CliError::Usage {
            command: "show",
            problem: format!("`{key}` is not in the store any more"),
        });
    };
    let manifest = artifact.manifest();
    output.result(manifest, || {
        let mut table = Table::default();
        let p = &manifest.provenance;
        table.row(["key", &manifest.key.to_string()]);
        table.row(["task", &p.task]);
        table.row(["study", &p.study]);
        table.row([
            "took",
            &format!("{} on {} threads", show_seconds(p.seconds), p.threads),
        ]);
        table.row(["folder", &artifact.folder().display().to_string()]);
        let mut text = table.render();
        let mut files = Table::new(&["file", "size"]);
        for file in &manifest.files {
            files.row([file.name.clone(), show_bytes(file.bytes)]);
        }
        text.push_str("\nfiles\n");
        text.push_str(&files.render());
        let fields = serde_json::to_string_pretty(&manifest.fields).unwrap_or_default();
        text.push_str("\nkey fields\n");
        text.push_str(&fields);
        text
    })
}

pub(crate) fn gc(args: &GcArgs, output: &mut Output) -> Result<()> {
    let store = Store::open(&args.store)?;
    let runs: Vec<PathBuf> = args.runs.clone();
    let report = gc::gc(&store, &runs, &BTreeSet::new(), args.delete)?;
    output.result(&report, || {
        let mut text = format!(
            "{} plans name {} artifacts ({})\n",
            report.plans.len(),
            report.kept,
            show_bytes(report.kept_bytes)
        );
        let word = if report.deleted {
            "removed"
        } else {
            "would remove"
        };
        text.push_str(&format!(
            "{word} {} artifacts, {} checkpoints and {} leftovers: {}\n",
            report.objects.len(),
            report.partials.len(),
            report.orphans.len(),
            show_bytes(report.bytes())
        ));
        if !report.deleted && report.bytes() > 0 {
            text.push_str("dry run: `degu-lab gc --delete` removes them\n");
        }
        text
    })
}

#[derive(Serialize)]
struct Verified {
    objects: usize,
    bytes: u64,
    broken: Vec<String>,
    orphans: usize,
    /// Where damaged artifacts lie now.
    moved_to: Vec<PathBuf>,
}

pub(crate) fn verify(args: &VerifyArgs, output: &mut Output) -> Result<()> {
    let store = Store::open(&args.store)?;
    if args.rebuild_index {
        store.rebuild_index()?;
    }
    let report = store.verify()?;
    // A run that finds a damaged artifact by its key would use it.
    let mut aside = Vec::new();
    for key in report.broken.iter().filter_map(StoreError::corrupt_key) {
        aside.push(store.set_aside(&key)?);
    }
    let verified = Verified {
        objects: report.objects,
        bytes: report.bytes,
        broken: report.broken.iter().map(ToString::to_string).collect(),
        orphans: report.orphans.len(),
        moved_to: aside,
    };
    output.result(&verified, || {
        let mut text = format!(
            "{} artifacts compared byte for byte ({}), {} damaged, {} leftovers\n",
            verified.objects,
            show_bytes(verified.bytes),
            verified.broken.len(),
            verified.orphans
        );
        for broken in &verified.broken {
            text.push_str(&format!("  {broken}\n"));
        }
        for place in &verified.moved_to {
            text.push_str(&format!("  moved to `{}`\n", place.display()));
        }
        text
    })?;
    if verified.broken.is_empty() {
        Ok(())
    } else {
        Err(CliError::Outcome {
            code: ExitCode::STORE,
            problem: format!(
                "{} artifacts are damaged and were moved aside; the next run computes them again",
                verified.broken.len()
            ),
        })
    }
}
