//! Processes that are killed leave a store that works.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    time::Duration,
};

use degu_workflow::execute::{Options, RunSummary, TaskContext, TaskError, execute};
use degu_workflow::gc::gc;
use degu_workflow::journal::{JournalError, Ledger, Progress, StudyLock, read_events};
use degu_workflow::plan::{Plan, Task};
use degu_workflow::signal::Interrupt;
use degu_workflow::store::Store;
use tempfile::tempdir;

use crate::helpers::{child, fields, publish, role, toy_tasks, toy_work};

/// Pauses of the killer in ms: a fixed sequence that looks irregular.
fn pauses(rounds: u64, most: u64) -> impl Iterator<Item = Duration> {
    (1..=rounds).map(move |i| Duration::from_millis(i * 7919 % most + 3))
}

#[test]
fn a_kill_in_the_middle_of_publications() {
    if let Some((_, folder)) = role() {
        let store = Store::open(folder).unwrap();
        let first = store.published().unwrap().len() as u64;
        for i in first.saturating_sub(3).. {
            let fields = fields("kill", i);
            let _lease = store.lease(&fields.key()).unwrap();
            publish(&store, &fields, &vec![i as u8; 300_000]);
        }
    }
    let folder = tempdir().unwrap();
    let mut before = 0;
    for pause in pauses(14, 60) {
        let mut worker = child(
            "crash::a_kill_in_the_middle_of_publications",
            "publish",
            folder.path(),
        );
        // The clock starts when there is something to kill.
        while !folder.path().join("store.json").exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(15) + pause);
        worker.kill().unwrap();
        worker.wait().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let report = store.verify().unwrap();
        assert!(report.broken.is_empty(), "{:?}", report.broken);
        assert!(report.objects >= before);
        before = report.objects;
    }
    assert!(before > 0, "nothing was published before any kill");
    let store = Store::open(folder.path()).unwrap();
    let all: BTreeSet<String> = store.published().unwrap();
    gc(&store, &[], &all, true).unwrap();
    for name in ["tmp", "partial"] {
        assert_eq!(
            fs::read_dir(folder.path().join(name)).unwrap().count(),
            0,
            "{name}"
        );
    }
    assert!(store.verify().unwrap().orphans.is_empty());
    assert!(publish(&store, &fields("after", 0), b"works").ours);
}

/// Training of 12 epochs with a checkpoint each; the state is a hash chain, so that a lost or
/// repeated epoch shows.
fn train(task: &Task, context: &TaskContext<'_>, runs: &Path) -> Result<(), TaskError> {
    let mut log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(runs)
        .unwrap();
    writeln!(log, "{}", task.id).unwrap();
    if task.stage() != "train" {
        return toy_work(task, context);
    }
    let mut state = context.partial().load("checkpoint")?.unwrap_or(vec![0; 33]);
    while state[0] < 12 {
        context.check()?;
        state[0] += 1;
        let next = blake3::hash(&state);
        state[1..].copy_from_slice(next.as_bytes());
        context.partial().save("checkpoint", &state)?;
        context.progress(Progress {
            epoch: u64::from(state[0]),
            of: 12,
            ..Progress::default()
        });
        std::thread::sleep(Duration::from_millis(4));
    }
    context.output().write_bytes("model.bin", &state)?;
    toy_work(task, context)
}

fn study(folder: &Path, interrupt: &Interrupt) -> Result<RunSummary, JournalError> {
    let run = folder.join("runs/toy");
    let _lock = StudyLock::acquire(&run)?;
    let store = Store::open(folder.join("store"))?;
    let plan = Plan::build(toy_tasks()).unwrap();
    plan.write("toy", &run.join("plan.json"))?;
    let ledger = Ledger::open(&run.join("events.jsonl"))?;
    let options = Options {
        jobs: 2,
        interrupt: interrupt.flag(),
        ..Options::default()
    };
    let log = folder.join("starts");
    let work = |task: &Task, context: &TaskContext<'_>| train(task, context, &log);
    let summary = execute(&plan, &store, &work, &options, &ledger);
    ledger.close()?;
    Ok(summary)
}

fn digests(folder: &Path) -> Vec<String> {
    let store = Store::open(folder.join("store")).unwrap();
    let plan = Plan::build(toy_tasks()).unwrap();
    let nodes = plan.nodes().iter();
    nodes
        .map(|node| {
            store
                .get(&node.key)
                .unwrap()
                .unwrap()
                .manifest()
                .content_digest()
                .to_string()
        })
        .collect()
}

#[test]
fn a_study_killed_many_times_ends_as_if_it_had_not_been() {
    let test = "crash::a_study_killed_many_times_ends_as_if_it_had_not_been";
    if let Some((role, folder)) = role() {
        let interrupt = Interrupt::install().unwrap();
        let summary = study(&folder, &interrupt).unwrap();
        if role == "signal" {
            assert_eq!(interrupt.signal(), Some("SIGTERM"));
            assert_eq!(summary.exit_code(), 130);
        }
        return;
    }
    let (killed, whole) = (tempdir().unwrap(), tempdir().unwrap());
    for pause in pauses(8, 50) {
        let mut worker = child(test, "kill", killed.path());
        std::thread::sleep(Duration::from_millis(25) + pause);
        worker.kill().unwrap();
        worker.wait().unwrap();
        read_events(&killed.path().join("runs/toy/events.jsonl")).unwrap();
    }
    let last = study(killed.path(), &Interrupt::manual()).unwrap();
    assert_eq!(last.exit_code(), 0, "{last:?}");
    assert_eq!(
        study(whole.path(), &Interrupt::manual())
            .unwrap()
            .finished
            .len(),
        4
    );
    assert_eq!(digests(killed.path()), digests(whole.path()));
    let store = Store::open(killed.path().join("store")).unwrap();
    assert!(store.partials().unwrap().is_empty());
    gc(
        &store,
        &[killed.path().join("runs")],
        &BTreeSet::new(),
        true,
    )
    .unwrap();
    assert!(store.verify().unwrap().orphans.is_empty());

    // A signal ends a study with its checkpoints saved and its lock released.
    let asked = tempdir().unwrap();
    let mut worker = child(test, "signal", asked.path());
    while !asked.path().join("starts").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(15));
    let pid = rustix::process::Pid::from_raw(worker.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(worker.wait().unwrap().success());
    assert!(
        StudyLock::holder(&asked.path().join("runs/toy"))
            .unwrap()
            .is_none()
    );
    assert_eq!(
        study(asked.path(), &Interrupt::manual())
            .unwrap()
            .exit_code(),
        0
    );
    assert_eq!(digests(asked.path()), digests(whole.path()));
}

#[test]
fn two_processes_share_the_work_of_one_plan() {
    if let Some((_, folder)) = role() {
        let store = Store::open(folder.join("store")).unwrap();
        let plan = Plan::build(toy_tasks()).unwrap();
        let log = folder.join("starts");
        let work = |task: &Task, context: &TaskContext<'_>| train(task, context, &log);
        let quiet = |_: &degu_workflow::journal::StudyEvent| {};
        let summary = execute(&plan, &store, &work, &Options::default(), &quiet);
        assert_eq!(summary.exit_code(), 0, "{summary:?}");
        return;
    }
    let folder = tempdir().unwrap();
    let test = "crash::two_processes_share_the_work_of_one_plan";
    let workers: Vec<_> = (0..2).map(|_| child(test, "work", folder.path())).collect();
    for mut worker in workers {
        assert!(worker.wait().unwrap().success());
    }
    let starts = fs::read_to_string(folder.path().join("starts")).unwrap();
    let mut starts: Vec<&str> = starts.lines().collect();
    starts.sort_unstable();
    assert_eq!(
        starts,
        [
            "predict/teacher",
            "prepare",
            "train/member-0",
            "train/member-1"
        ]
    );
    assert_eq!(digests(folder.path()).len(), 4);
}

#[test]
fn a_second_sigint_ends_at_once() {
    use rustix::process::{Pid, Signal, kill_process};
    if let Some((_, folder)) = role() {
        let interrupt = Interrupt::install().unwrap();
        fs::write(folder.join("ready"), "").unwrap();
        loop {
            std::thread::sleep(Duration::from_millis(1));
            if interrupt.is_set() {
                fs::write(folder.join("set"), interrupt.signal().unwrap()).unwrap();
            }
        }
    }
    let folder = tempdir().unwrap();
    let mut worker = child("crash::a_second_sigint_ends_at_once", "loop", folder.path());
    let pid = Pid::from_raw(worker.id() as i32).unwrap();
    for file in ["ready", "set"] {
        while !folder.path().join(file).exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(
            worker.try_wait().unwrap(),
            None,
            "the first signal only sets a flag"
        );
        kill_process(pid, Signal::INT).unwrap();
    }
    assert_eq!(worker.wait().unwrap().code(), Some(130));
}
