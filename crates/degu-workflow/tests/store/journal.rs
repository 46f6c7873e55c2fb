//! Ledgers that are cut anywhere still read.

use std::fs;

use degu_workflow::journal::{
    JournalError, Ledger, Level, Observer, Observers, Progress, StudyEvent, StudyStatus,
    TaskStatusKind, read_events,
};
use tempfile::tempdir;

use crate::helpers::Events;

fn events() -> Vec<StudyEvent> {
    let (task, key) = ("train/member-3".to_owned(), "7c1e5f02a94d6b18".to_owned());
    vec![
        StudyEvent::StudyStarted {
            study: "k562".to_owned(),
            host: "laptop".to_owned(),
            pid: 17,
            version: "0.1.0".to_owned(),
        },
        StudyEvent::Planned {
            named: 412,
            distinct: 187,
            cached: 96,
            to_run: 91,
        },
        StudyEvent::TaskStarted {
            task: task.clone(),
            key: key.clone(),
            threads: 2,
            resumed: false,
            attempt: 1,
        },
        StudyEvent::TaskProgress {
            task: task.clone(),
            progress: Progress {
                epoch: 12,
                of: 100,
                loss: Some(0.412),
                validation: Some(0.438),
                best: Some(0.438),
                rate: None,
            },
        },
        StudyEvent::TaskFailed {
            task: task.clone(),
            key,
            exit: 6,
            message: "the loss is NaN\nat step 17 \u{2013} \"here\"".to_owned(),
            retried: false,
        },
        StudyEvent::TaskBlocked {
            task: "predict/teacher".to_owned(),
            by: task.clone(),
        },
        StudyEvent::Message {
            level: Level::Warning,
            task: Some(task),
            text: "look here".to_owned(),
        },
        StudyEvent::StudyFinished {
            exit: 6,
            seconds: 1.25,
            finished: 0,
            cached: 96,
            failed: 1,
            blocked: 1,
        },
    ]
}

#[test]
fn a_ledger_cut_at_any_byte_reads_and_goes_on() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let ledger = Ledger::open(&path).unwrap();
    for event in events() {
        ledger.observe(&event);
    }
    ledger.close().unwrap();
    let whole = fs::read(&path).unwrap();
    let read: Vec<_> = read_events(&path)
        .unwrap()
        .into_iter()
        .map(|r| r.event)
        .collect();
    assert_eq!(read, events());
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        // Complete lines before the cut, the header not counted.
        let lines = whole[..cut].split(|&byte| byte == b'\n').count() - 1;
        let kept = lines.saturating_sub(1);
        let read = read_events(&path).unwrap();
        assert_eq!(read.len(), kept, "cut at {cut}");
        let ledger = Ledger::open(&path).unwrap();
        ledger.append(&events()[0]).unwrap();
        ledger.close().unwrap();
        let read = read_events(&path).unwrap();
        assert_eq!(read.len(), kept + 1, "appended after a cut at {cut}");
        assert_eq!(read[kept].event, events()[0]);
    }
}

#[test]
fn other_files_are_left_alone() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    assert!(read_events(&path).unwrap().is_empty());
    for text in [
        "notes",
        "{\"format\":\"degu-events\",\"version\":2}\n",
        "a\nb\n",
    ] {
        fs::write(&path, text).unwrap();
        assert!(
            matches!(Ledger::open(&path), Err(JournalError::Header { .. })),
            "{text}"
        );
        assert!(
            matches!(read_events(&path), Err(JournalError::Header { .. })),
            "{text}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    let header = "{\"format\":\"degu-events\",\"version\":1}\n";
    fs::write(
        &path,
        format!("{header}{{\"at\":1.0,\"event\":\"of_a_later_version\",\"x\":1}}\nbroken\n"),
    )
    .unwrap();
    assert!(matches!(
        read_events(&path),
        Err(JournalError::Line { line: 3, .. })
    ));
    let text = fs::read_to_string(&path).unwrap().replace("broken\n", "");
    fs::write(&path, text).unwrap();
    assert_eq!(read_events(&path).unwrap()[0].event, StudyEvent::Unknown);
}

#[test]
fn the_status_is_that_of_the_last_run() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let ledger = Ledger::open(&path).unwrap();
    let seen = Events::default();
    let both = Observers(vec![&ledger, &seen]);
    for event in events().into_iter().chain(events().into_iter().take(7)) {
        both.observe(&event);
    }
    assert_eq!(seen.count(|_| true), 15);
    let status = StudyStatus::of(&read_events(&path).unwrap());
    assert_eq!(
        (status.study.as_str(), status.distinct),
        ("k562", Some(187))
    );
    assert_eq!(status.finished, None);
    assert_eq!(status.count(TaskStatusKind::Failed), 1);
    assert_eq!(status.tasks["train/member-3"].progress.unwrap().epoch, 12);
    assert_eq!(
        status.tasks["predict/teacher"].text.as_deref(),
        Some("train/member-3")
    );
    assert!(status.failures()["train/member-3"].starts_with("the loss is NaN"));
}
