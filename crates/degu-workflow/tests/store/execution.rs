//! The executor with a toy runner.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use degu_workflow::execute::{Options, RunSummary, TaskContext, TaskError, execute};
use degu_workflow::exit::ExitCode;
use degu_workflow::journal::{
    Ledger, Progress, StudyEvent, StudyStatus, TaskStatusKind, read_events,
};
use degu_workflow::plan::{Plan, Task, TaskState};
use degu_workflow::store::{Attempt, Provenance, Store};
use tempfile::tempdir;

use crate::helpers::{Events, damage, fields, toy_tasks, toy_work};

fn run(
    plan: &Plan,
    store: &Store,
    jobs: usize,
    work: impl Fn(&Task, &TaskContext<'_>) -> Result<(), TaskError> + Sync,
) -> (RunSummary, Events) {
    let events = Events::default();
    let options = Options {
        jobs,
        study: "toy".to_owned(),
        ..Options::default()
    };
    let summary = execute(plan, store, &work, &options, &events);
    (summary, events)
}

/// prepare = 1; member 0 = 1·31 + 1 = 32; member 1 = 2·31 + 1 = 63; teacher = (1·31 + 32)·31 + 63
/// = 2016.
const TEACHER: u64 = 2016;

#[test]
fn a_study_runs_once_whatever_the_number_of_jobs() {
    let mut digests = Vec::new();
    for jobs in [1, 2] {
        let folder = tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let plan = Plan::build(toy_tasks()).unwrap();
        let (first, _) = run(&plan, &store, jobs, toy_work);
        assert_eq!(first.finished.len(), 4);
        assert_eq!(first.exit_code(), 0);
        let (second, events) = run(&plan, &store, jobs, |_, _| unreachable!());
        assert_eq!((second.finished.len(), second.cached.len()), (0, 4));
        assert_eq!(
            events.count(|e| matches!(e, StudyEvent::TaskStarted { .. })),
            0
        );
        let teacher = &plan.node("predict/teacher").unwrap().key;
        let artifact = store.get(teacher).unwrap().unwrap();
        assert_eq!(artifact.json::<u64>("value.json").unwrap(), TEACHER);
        assert_eq!(
            artifact.names().collect::<Vec<_>>(),
            ["log/lines.txt", "value.json"]
        );
        let keys = plan.nodes().iter();
        let all: Vec<_> = keys
            .map(|node| {
                store
                    .get(&node.key)
                    .unwrap()
                    .unwrap()
                    .manifest()
                    .content_digest()
            })
            .collect();
        digests.push(all);
        assert!(store.verify().unwrap().orphans.is_empty());
    }
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn members_run_side_by_side() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let plan = Plan::build(toy_tasks()).unwrap();
    let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (summary, _) = run(&plan, &store, 2, |task, context| {
        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Each member waits until the other one runs too.
        let start = std::time::Instant::now();
        while task.stage() == "train"
            && most.load(Ordering::SeqCst) < 2
            && start.elapsed() < Duration::from_secs(20)
        {
            std::thread::sleep(Duration::from_millis(2));
        }
        running.fetch_sub(1, Ordering::SeqCst);
        toy_work(task, context)
    });
    assert_eq!(summary.exit_code(), 0);
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[test]
fn equal_keys_run_once() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut tasks = toy_tasks();
    for arm in ["mean_only", "log_var"] {
        tasks.extend(toy_tasks().into_iter().map(|mut task| {
            task.id = format!("{arm}/{}", task.id);
            task.inputs = task.inputs.iter().map(|i| format!("{arm}/{i}")).collect();
            task
        }));
    }
    let plan = Plan::build(tasks).unwrap();
    assert_eq!((plan.named(), plan.nodes().len()), (12, 4));
    let runs = AtomicUsize::new(0);
    let (summary, _) = run(&plan, &store, 2, |task, context| {
        runs.fetch_add(1, Ordering::SeqCst);
        toy_work(task, context)
    });
    assert_eq!(summary.finished.len(), 4);
    assert_eq!(runs.into_inner(), 4);
}

#[test]
fn a_failure_blocks_its_dependents_and_nothing_else() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let plan = Plan::build(toy_tasks()).unwrap();
    let failing = |task: &Task, context: &TaskContext<'_>| {
        if task.id == "train/member-0" {
            return Err(TaskError::Stage("the optimizer lost its way".into()));
        }
        toy_work(task, context)
    };
    let (summary, events) = run(&plan, &store, 1, failing);
    assert_eq!(summary.exit_code(), ExitCode::STAGE);
    assert_eq!(summary.finished, ["prepare", "train/member-1"]);
    assert_eq!(summary.failed[0].task, "train/member-0");
    let blocked = ("predict/teacher".to_owned(), "train/member-0".to_owned());
    assert_eq!(summary.blocked, [blocked]);
    assert_eq!(
        events.count(|e| matches!(e, StudyEvent::TaskBlocked { .. })),
        1
    );
    // The next run only does what is missing.
    let (again, _) = run(&plan, &store, 1, toy_work);
    assert_eq!(again.finished, ["train/member-0", "predict/teacher"]);
}

#[test]
fn fail_fast_starts_nothing_new() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let plan = Plan::build(toy_tasks()).unwrap();
    let options = Options {
        keep_going: false,
        ..Options::default()
    };
    let work = |task: &Task, context: &TaskContext<'_>| match task.id.as_str() {
        "train/member-0" => Err(TaskError::Diverged("the loss is NaN at epoch 3".into())),
        _ => toy_work(task, context),
    };
    let summary = execute(&plan, &store, &work, &options, &Events::default());
    assert_eq!(summary.exit_code(), ExitCode::DIVERGED);
    assert_eq!(summary.not_started, ["train/member-1"]);
}

#[test]
fn a_panic_is_a_bug_of_its_task() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let plan = Plan::build(toy_tasks()).unwrap();
    let (summary, _) = run(&plan, &store, 2, |task, context| {
        assert!(task.id != "train/member-1", "an invariant of member 1");
        toy_work(task, context)
    });
    assert_eq!(summary.exit_code(), ExitCode::BUG);
    let message = summary.failed[0].error.to_string();
    assert_eq!(message, "bug: the task panicked: an invariant of member 1");
    assert_eq!(summary.finished, ["prepare", "train/member-0"]);
    assert!(
        store.verify().unwrap().orphans.is_empty(),
        "nothing is left in tmp or leases"
    );
}

#[test]
fn transient_failures_are_tried_again_and_others_are_not() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let plan = Plan::build(toy_tasks()).unwrap();
    let tries = AtomicUsize::new(0);
    let work = |task: &Task, context: &TaskContext<'_>| {
        if task.id == "prepare" && tries.fetch_add(1, Ordering::SeqCst) < 2 {
            return Err(TaskError::Transient(
                io::Error::other("stale handle").into(),
            ));
        }
        toy_work(task, context)
    };
    let options = Options {
        retries: 2,
        ..Options::default()
    };
    let events = Events::default();
    let summary = execute(&plan, &store, &work, &options, &events);
    assert_eq!(summary.exit_code(), 0);
    assert_eq!(
        events.count(|e| matches!(e, StudyEvent::TaskFailed { retried: true, .. })),
        2
    );

    let store = Store::open(folder.path().join("two")).unwrap();
    let tries = AtomicUsize::new(0);
    let work = |_: &Task, _: &TaskContext<'_>| {
        tries.fetch_add(1, Ordering::SeqCst);
        Err(TaskError::Data(
            "row 17: expected a number, found `NA`".into(),
        ))
    };
    let summary = execute(&plan, &store, &work, &options, &Events::default());
    assert_eq!(
        (summary.exit_code(), tries.into_inner()),
        (ExitCode::DATA, 1)
    );
}

#[test]
fn an_interrupted_study_resumes_from_its_checkpoints() {
    // Ten epochs, a checkpoint after each; member 1 is interrupted after its third.
    fn work(
        task: &Task,
        context: &TaskContext<'_>,
        interrupt_at: Option<(u64, &AtomicBool)>,
    ) -> Result<(), TaskError> {
        if task.stage() != "train" {
            return toy_work(task, context);
        }
        let saved = context.partial().load("checkpoint")?;
        let mut epoch = saved.map_or(0, |bytes| u64::from(bytes[0]));
        let first = epoch;
        while epoch < 10 {
            context.check()?;
            epoch += 1;
            context.partial().save("checkpoint", &[epoch as u8])?;
            context.progress(Progress {
                epoch,
                of: 10,
                ..Progress::default()
            });
            if let Some((at, flag)) = interrupt_at
                && task.id == "train/member-1"
                && epoch == at
            {
                flag.store(true, Ordering::SeqCst);
            }
        }
        context.note("first_epoch", first.into());
        toy_work(task, context)
    }
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    let plan = Plan::build(toy_tasks()).unwrap();
    let path = folder.path().join("runs/toy/events.jsonl");
    let ledger = Ledger::open(&path).unwrap();
    let options = Options::default();
    let flag: Arc<AtomicBool> = options.interrupt.clone();
    let summary = execute(
        &plan,
        &store,
        &|task: &Task, context: &TaskContext<'_>| work(task, context, Some((3, &flag))),
        &options,
        &ledger,
    );
    ledger.close().unwrap();
    assert_eq!(summary.exit_code(), ExitCode::INTERRUPTED);
    assert_eq!(summary.interrupted, ["train/member-1"]);
    assert_eq!(summary.not_started, ["predict/teacher"]);
    let survey = plan.survey(&store, &BTreeMap::new()).unwrap();
    let place = plan.position("train/member-1").unwrap();
    let partial = TaskState::Partial {
        epoch: Some(3),
        of: Some(10),
    };
    assert_eq!(survey.states[place], partial);
    let status = StudyStatus::of(&read_events(&path).unwrap());
    assert_eq!(
        status.tasks["train/member-1"].kind,
        TaskStatusKind::Interrupted
    );
    assert_eq!(status.finished.unwrap().1, ExitCode::INTERRUPTED);

    let (summary, events) = run(&plan, &store, 1, |task, context| work(task, context, None));
    assert_eq!(summary.finished, ["train/member-1", "predict/teacher"]);
    let resumed = |e: &StudyEvent| matches!(e, StudyEvent::TaskStarted { resumed: true, .. });
    assert_eq!(events.count(resumed), 1);
    let member = store.get(&plan.nodes()[place].key).unwrap().unwrap();
    assert_eq!(member.manifest().provenance.details["first_epoch"], 3);
    assert!(store.partials().unwrap().is_empty());
}

#[test]
fn a_damaged_object_is_noticed_and_computed_again() {
    for cut in [true, false] {
        let folder = tempdir().unwrap();
        let plan = Plan::build(toy_tasks()).unwrap();
        let store = Store::open(folder.path()).unwrap();
        run(&plan, &store, 1, toy_work);
        let member = plan.node("train/member-0").unwrap().key;
        let teacher = plan.node("predict/teacher").unwrap().key;
        let file = store.object_path(&member).join("value.json");
        // A cut file is seen at once by its size, a flipped one when a task reads it.
        damage(&file, |bytes| {
            if cut {
                bytes.truncate(1);
            } else {
                bytes[0] ^= 1;
            }
        });
        std::fs::remove_dir_all(store.set_aside(&teacher).unwrap()).unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (summary, events) = run(&plan, &store, 2, toy_work);
        assert_eq!(summary.exit_code(), 0, "{summary:?}");
        assert_eq!(summary.recomputed, ["train/member-0"]);
        assert_eq!(summary.finished, ["train/member-0", "predict/teacher"]);
        let told = |e: &StudyEvent| matches!(e, StudyEvent::Message { text, .. } if text.contains("value.json` has digest"));
        assert_eq!(events.count(told), 1);
        let artifact = store.get(&teacher).unwrap().unwrap();
        assert_eq!(artifact.json::<u64>("value.json").unwrap(), TEACHER);
    }
}

#[test]
fn a_key_that_another_process_works_on_is_waited_for() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let plan = Plan::build(toy_tasks()).unwrap();
    let prepare = &plan.nodes()[0];
    let Attempt::Acquired(lease) = store.lease(&prepare.key).unwrap() else {
        panic!("nobody else is here");
    };
    let (summary, events) = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            let publication = store.begin(&prepare.key).unwrap();
            publication.write_json("value.json", &1).unwrap();
            publication
                .publish(&prepare.task.fields, Provenance::default())
                .unwrap();
            drop(lease);
        });
        run(&plan, &store, 2, toy_work)
    });
    assert_eq!(summary.cached, ["prepare"]);
    assert_eq!(summary.finished.len(), 3);
    assert_eq!(
        events.count(|e| matches!(e, StudyEvent::TaskWaiting { .. })),
        1
    );
}

#[test]
fn tasks_share_the_threads_and_have_deep_stacks() {
    #[inline(never)]
    fn deep(n: usize) -> usize {
        let block = std::hint::black_box([n; 1024]);
        if n == 0 {
            block[0]
        } else {
            deep(n - 1) + block[n % 1024] / n.max(1)
        }
    }
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let plan = Plan::build(vec![
        Task::new("one", fields("one", 0)),
        Task::new("two", fields("two", 0)),
    ])
    .unwrap();
    let options = Options {
        jobs: 2,
        threads: 6,
        ..Options::default()
    };
    let work = |task: &Task, context: &TaskContext<'_>| {
        assert_eq!(context.threads(), 3);
        // 8 MB of frames at least.
        assert_eq!(deep(1000), 1000);
        toy_work(task, context)
    };
    let summary = execute(&plan, &store, &work, &options, &Events::default());
    assert_eq!(summary.exit_code(), 0, "{summary:?}");
}

#[test]
fn a_task_may_ask_to_be_interrupted() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let plan = Plan::build(toy_tasks()).unwrap();
    let (summary, _) = run(&plan, &store, 1, |task, context| match task.stage() {
        "train" => Err(TaskError::Interrupted),
        _ => toy_work(task, context),
    });
    assert_eq!(summary.exit_code(), ExitCode::INTERRUPTED);
    assert_eq!(summary.not_started, ["train/member-1", "predict/teacher"]);
}

#[test]
fn an_error_tells_its_causes_once() {
    let inner = io::Error::other("unexpected end of file");
    let error = TaskError::from(degu_workflow::store::StoreError::Io {
        action: "read",
        path: "table.tsv".into(),
        source: inner,
    });
    assert_eq!(
        error.chain(),
        "cannot read `table.tsv`: unexpected end of file"
    );
    let parse = "x".parse::<u8>().unwrap_err();
    let error = TaskError::Data(Box::new(io::Error::new(io::ErrorKind::InvalidData, parse)));
    assert_eq!(error.chain(), "invalid digit found in string");
}
