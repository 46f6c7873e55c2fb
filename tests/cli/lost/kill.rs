//! SIGKILL at moments that the ledger names.

use std::{
    os::unix::process::ExitStatusExt as _,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    assert_same, assert_undisturbed, command, events, is, place, reference, results, spawn,
};
use crate::support::run_in;

/// Longest wait for a moment.
const PATIENCE: Duration = Duration::from_mins(2);

/// When a run is killed: what it is, and how it is recognised from the folder and from the events
/// of this process.
type Moment = (&'static str, fn(&Path, &[Value]) -> bool);

const MOMENTS: [Moment; 7] = [
    ("while the data are prepared", |_, events| {
        events.iter().any(|e| is(e, "task_started", "prepare"))
    }),
    ("within an epoch, after a checkpoint", |folder, _| {
        let Ok(tasks) = fs_err::read_dir(folder.join("store/partial")) else {
            return false;
        };
        let mut found = tasks.filter_map(Result::ok);
        found.any(|task| task.path().join("checkpoint.safetensors").is_file())
    }),
    ("two epochs later", |_, events| {
        let members = events
            .iter()
            .filter(|e| is(e, "task_progress", "train/member-0"));
        members.filter(|e| e["epoch"].as_u64() > Some(1)).count() > 1
    }),
    ("between two members", |_, events| {
        events
            .iter()
            .any(|e| is(e, "task_finished", "train/member-0"))
    }),
    ("in the second epoch of a student", |_, events| {
        events
            .iter()
            .any(|e| is(e, "task_progress", "distill/student-0"))
    }),
    ("while an object is written", |folder, _| {
        let Ok(objects) = fs_err::read_dir(folder.join("store/tmp")) else {
            return false;
        };
        let mut written = objects
            .filter_map(Result::ok)
            .map(|o| fs_err::read_dir(o.path()));
        written.any(|files| files.is_ok_and(|mut files| files.next().is_some()))
    }),
    ("while models are compared", |_, events| {
        events.iter().any(|e| is(e, "task_started", "evaluate"))
    }),
];

#[test]
fn a_run_killed_at_many_moments_ends_with_the_same_bits_on_one_thread() {
    killed(1);
}

#[test]
fn a_run_killed_at_many_moments_ends_with_the_same_bits_on_two_threads() {
    killed(2);
}

fn killed(threads: usize) {
    let folder = place();
    for (i, (name, reached)) in MOMENTS.iter().enumerate() {
        let before = events(folder.path(), "lost").len();
        let verb = if i % 2 == 0 { "run" } else { "resume" };
        let mut process = spawn(folder.path(), &command(verb, threads));
        let start = Instant::now();
        loop {
            let all = events(folder.path(), "lost");
            if reached(folder.path(), all.get(before..).unwrap_or_default()) {
                break;
            }
            assert_eq!(process.try_wait().unwrap(), None, "ended before: {name}");
            assert!(start.elapsed() < PATIENCE, "never came: {name}");
            std::thread::sleep(Duration::from_millis(1));
        }
        process.kill().unwrap();
        assert_eq!(process.wait().unwrap().signal(), Some(9), "{name}");
        let verified = run_in(folder.path(), &["verify"]);
        assert_eq!(verified.code, 0, "{name}: {}", verified.stdout);
    }
    let last = run_in(folder.path(), &command("resume", threads));
    assert_eq!(last.code, 0, "{}{}", last.stdout, last.stderr);
    assert_undisturbed(folder.path(), "lost");

    // Checkpoints were used: a training went on where it stood, and none of its epochs was done
    // twice but the one that was cut.
    let all = events(folder.path(), "lost");
    let resumed = |task: &str| {
        all.iter()
            .any(|e| is(e, "task_started", task) && e["resumed"] == true)
    };
    assert!(resumed("train/member-0"));
    assert!(resumed("distill/student-0"));
    let epochs: Vec<u64> = all
        .iter()
        .filter(|e| is(e, "task_progress", "train/member-0"))
        .filter_map(|e| e["epoch"].as_u64())
        .collect();
    assert!(epochs.windows(2).all(|w| w[1] >= w[0]), "{epochs:?}");
    assert!(epochs.len() <= 8 + MOMENTS.len(), "{epochs:?}");

    // What is finished is not computed again.
    let again = run_in(folder.path(), &command("run", threads));
    let ran: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        (again.code, ran["finished"].as_array().unwrap().len()),
        (0, 0)
    );
    let started = |events: &[Value]| {
        events
            .iter()
            .filter(|e| e["event"] == "task_started")
            .count()
    };
    assert_eq!(started(&events(folder.path(), "lost")), started(&all));
}

#[test]
fn two_threads_and_two_tasks_at_once_change_no_bit() {
    let folder = place();
    let side_by_side = [
        "run",
        "lost.toml",
        "--progress",
        "none",
        "--jobs",
        "2",
        "--threads",
        "4",
    ];
    let ran = run_in(folder.path(), &side_by_side);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_same(
        &results(folder.path(), "lost"),
        &results(reference(), "lost"),
    );
}
