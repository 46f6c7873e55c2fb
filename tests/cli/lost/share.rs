//! Two processes and one store.

use std::time::Duration;

use serde_json::Value;

use super::{assert_undisturbed, command, events, place, spawn};

#[test]
fn two_studies_at_once_share_a_store_and_its_results() {
    let folder = place();
    let mut other = command("run", 1);
    other.extend(["--set", "study.name=\"other\""]);
    let both = [
        spawn(folder.path(), &command("run", 1)),
        spawn(folder.path(), &other),
    ];
    for process in both {
        let done = process.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(0), "{told}");
    }
    for study in ["lost", "other"] {
        assert_undisturbed(folder.path(), study);
    }
    // Each task was computed by one of the two.
    let mut finished: Vec<Value> = ["lost", "other"]
        .iter()
        .flat_map(|study| events(folder.path(), study))
        .filter(|e| e["event"] == "task_finished")
        .map(|e| e["task"].clone())
        .collect();
    let all = finished.len();
    finished.sort_by_key(ToString::to_string);
    finished.dedup();
    assert_eq!(finished.len(), all, "computed twice: {finished:?}");
}

#[test]
fn the_same_study_twice_at_once_is_refused_by_the_second() {
    let folder = place();
    let mut first = spawn(folder.path(), &command("run", 1));
    while !events(folder.path(), "lost")
        .iter()
        .any(|e| e["event"] == "task_started")
    {
        assert_eq!(first.try_wait().unwrap(), None);
        std::thread::sleep(Duration::from_millis(1));
    }
    let second = spawn(folder.path(), &command("resume", 1))
        .wait_with_output()
        .unwrap();
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(75), "{told}");
    assert!(
        told.contains(&first.id().to_string()),
        "names the process that runs it: {told}"
    );
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_undisturbed(folder.path(), "lost");
}
