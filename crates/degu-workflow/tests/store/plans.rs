//! Graphs of keys, their states, their pictures, and why a task runs.

use std::{collections::BTreeMap, time::Instant};

use degu_workflow::key::KeyFields;
use degu_workflow::plan::{History, Plan, PlanError, PlanFile, Task, TaskState};
use degu_workflow::store::{Attempt, Provenance, Store};
use degu_workflow::why::why;
use serde_json::json;
use tempfile::tempdir;

use crate::helpers::{fields, publish, toy_tasks};

#[test]
fn tasks_come_after_what_they_read() {
    let mut tasks = toy_tasks();
    tasks.reverse();
    let plan = Plan::build(tasks).unwrap();
    let ids: Vec<&str> = plan.nodes().iter().map(|n| n.task.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "prepare",
            "train/member-1",
            "train/member-0",
            "predict/teacher"
        ]
    );
    for (place, node) in plan.nodes().iter().enumerate() {
        assert!(node.inputs.iter().all(|&input| input < place));
        let keys: Vec<_> = node.inputs.iter().map(|&i| plan.nodes()[i].key).collect();
        assert_eq!(node.task.fields.inputs, keys);
    }
    assert_eq!(plan.nodes()[0].dependents, [1, 2]);
    // The order of the tasks is no part of the keys.
    let straight = Plan::build(toy_tasks()).unwrap();
    for name in plan.names() {
        assert_eq!(
            plan.node(name).unwrap().key,
            straight.node(name).unwrap().key
        );
    }
    let part = straight.needed_by(["train/member-1"]).unwrap();
    assert_eq!(
        part.names().collect::<Vec<_>>(),
        ["prepare", "train/member-1"]
    );
    assert_eq!(part.nodes()[0].dependents, [1]);
    assert_eq!(
        part.nodes()[1].key,
        straight.node("train/member-1").unwrap().key
    );
}

#[test]
fn what_is_no_plan_is_named() {
    let task = |id: &str, inputs: &[&str]| {
        Task::new(id, fields("x", id.len() as u64)).with_inputs(inputs.iter().copied())
    };
    let build = |tasks: &[Task]| Plan::build(tasks.to_vec()).unwrap_err();
    let error = build(&[
        task("a", &[]),
        task("bb", &["a", "dddd"]),
        task("ccc", &["bb"]),
        task("dddd", &["ccc"]),
    ]);
    assert_eq!(
        error.to_string(),
        "tasks wait for each other: bb -> dddd -> ccc -> bb"
    );
    assert!(matches!(
        build(&[task("a", &["a"])]),
        PlanError::Cycle { .. }
    ));
    assert!(matches!(
        build(&[task("a", &["z"])]),
        PlanError::UnknownInput { .. }
    ));
    let other = Task::new("a", fields("y", 1));
    assert!(matches!(
        build(&[task("a", &[]), other]),
        PlanError::Duplicate { .. }
    ));
    let mut given = task("bb", &["a"]);
    given.fields.inputs = vec![given.fields.key()];
    assert!(matches!(
        build(&[task("a", &[]), given]),
        PlanError::Inputs { .. }
    ));
    assert!(
        Plan::build(vec![task("a", &[]), task("a", &[])])
            .unwrap()
            .nodes()
            .len()
            == 1
    );
}

#[test]
fn a_survey_says_what_is_there_and_what_is_to_be_done() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut tasks = toy_tasks();
    tasks.push(Task::new("train/member-2", fields("train", 2)).with_inputs(["prepare"]));
    tasks.push(Task::new("arm/prepare", fields("prepare", 0)));
    let plan = Plan::build(tasks).unwrap();
    let node = |name: &str| plan.node(name).unwrap();
    publish(&store, &node("prepare").task.fields, b"codes");
    let partial = store.partial(&node("train/member-0").key);
    partial
        .note(degu_workflow::store::Position { epoch: 12, of: 100 })
        .unwrap();
    let Attempt::Acquired(_lease) = store.lease(&node("train/member-2").key).unwrap() else {
        panic!("nobody holds it");
    };
    let survey = plan.survey(&store, &BTreeMap::new()).unwrap();
    assert_eq!(
        survey.counts.line(),
        "6 tasks named, 5 distinct, 1 cached, 4 to run (1 from a checkpoint, 1 running)"
    );
    let text = survey.text();
    let line = |name: &str| {
        text.lines()
            .find(|line| line.contains(&format!(" {name} ")))
            .unwrap()
    };
    assert!(
        line("prepare").starts_with("cached") && line("prepare").ends_with("5 B; also arm/prepare")
    );
    assert!(line("train/member-0").ends_with("no history  epoch 12/100"));
    assert!(line("train/member-2").contains(&format!("process {}", std::process::id())));
    assert!(line("predict/teacher").ends_with("after train/member-0 and 1 more"));
    let json = survey.json();
    assert_eq!(
        (&json["schema"], &json["counts"]["distinct"]),
        (&json!(1), &json!(5))
    );
    assert_eq!(
        json["tasks"][1]["status"],
        json!({ "state": "partial", "epoch": 12, "of": 100 })
    );
    let dot = survey.dot();
    assert_eq!(dot.matches(" -> ").count(), 5);
    assert!(dot.starts_with("digraph plan {") && dot.contains("label=\"train/member-0\\n"));
    let mermaid = survey.mermaid();
    assert!(mermaid.starts_with("flowchart LR\n") && mermaid.contains(":::to_run"));
    assert_eq!(mermaid.matches(" --> ").count(), 5);

    let failed = BTreeMap::from([("train/member-1".to_owned(), "the loss is NaN".to_owned())]);
    let survey = plan.survey(&store, &failed).unwrap();
    let blocked = TaskState::Blocked {
        by: "train/member-1".to_owned(),
    };
    assert_eq!(
        survey.states[plan.position("predict/teacher").unwrap()],
        blocked
    );
}

#[test]
fn estimates_are_medians_of_the_same_stage_and_architecture() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let train = |plugin: &str, setting| {
        let mut fields = fields("train", setting);
        fields.plugins = json!({ "architecture": { "plugin": plugin } });
        fields
    };
    let times = [
        ("deepstarr", 10.0),
        ("deepstarr", 30.0),
        ("deepstarr", 20.0),
        ("legnet", 100.0),
    ];
    for (i, (plugin, seconds)) in times.into_iter().enumerate() {
        let fields = train(plugin, i as u64);
        let provenance = Provenance {
            seconds,
            ..Provenance::default()
        };
        store
            .begin(&fields.key())
            .unwrap()
            .publish(&fields, provenance)
            .unwrap();
    }
    let history = History::new(&store.summaries().unwrap());
    let estimate = |fields: &KeyFields| history.estimate(fields).map(|e| (e.seconds, e.tasks));
    assert_eq!(estimate(&train("deepstarr", 9)), Some((20.0, 3)));
    assert_eq!(estimate(&train("legnet", 9)), Some((100.0, 1)));
    assert_eq!(estimate(&train("bpnet", 9)), Some((25.0, 4)));
    assert_eq!(estimate(&fields("distill", 9)), None);
    // The index is only a cache: torn, deleted or rebuilt, the answer is the same.
    let index = folder.path().join("index.jsonl");
    let text = std::fs::read_to_string(&index).unwrap();
    std::fs::write(&index, &text[..text.len() / 2]).unwrap();
    let torn = Store::open(folder.path()).unwrap();
    assert_eq!(torn.summaries().unwrap(), store.summaries().unwrap());
    assert_eq!(torn.rebuild_index().unwrap(), 4);
}

#[test]
fn ten_thousand_tasks_are_planned_in_less_than_two_seconds() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut tasks = vec![Task::new("prepare", fields("prepare", 0))];
    for study in 0..1000 {
        let members: Vec<String> = (0..8)
            .map(|m| format!("{study}/train/member-{m}"))
            .collect();
        for (m, member) in members.iter().enumerate() {
            let mut fields = fields("train", study);
            fields.seed = json!(format!("1:/replicate/{study}/member/{m}"));
            fields.plugins = json!({ "architecture": { "plugin": "residualbind", "dropout": 0.2, "filters": [192, 256, 512] } });
            tasks.push(Task::new(member, fields).with_inputs(["prepare"]));
        }
        let teacher = format!("{study}/predict/teacher");
        tasks.push(Task::new(&teacher, fields("predict", study)).with_inputs(members));
        tasks.push(
            Task::new(format!("{study}/distill"), fields("distill", study)).with_inputs([teacher]),
        );
    }
    let start = Instant::now();
    let plan = Plan::build(tasks).unwrap();
    assert_eq!(plan.nodes().len(), 10_001);
    publish(&store, &plan.nodes()[0].task.fields, b"codes");
    let survey = plan.survey(&store, &BTreeMap::new()).unwrap();
    assert_eq!(survey.text().lines().count(), 10_003);
    assert!(survey.json().to_string().len() > 1_000_000);
    let seconds = start.elapsed().as_secs_f64();
    println!("10,001 tasks planned, surveyed and rendered in {seconds:.2} s");
    assert!(seconds < 2.0, "took {seconds} s");
    let path = folder.path().join("plan.json");
    plan.write("big", &path).unwrap();
    assert_eq!(PlanFile::read(&path).unwrap(), plan.to_file("big"));
}

#[test]
fn why_names_the_fields_that_differ() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let tasks = |dropout: f64| {
        let mut tasks = toy_tasks();
        for task in &mut tasks[1..3] {
            task.fields.plugins =
                json!({ "architecture": { "plugin": "residualbind", "dropout": dropout } });
        }
        Plan::build(tasks).unwrap()
    };
    let new = tasks(0.3);
    let first = why(&new, &store, "train/member-1").unwrap();
    assert!(first.nearest.is_none() && first.text(|_, _| None).contains("nothing of this stage"));
    for node in tasks(0.2).nodes() {
        publish(&store, &node.task.fields, b"x");
    }
    let answer = why(&new, &store, "train/member-1").unwrap();
    let nearest = answer.nearest.as_ref().unwrap();
    assert_eq!(
        nearest.differences.len(),
        1,
        "the other member differs in two fields"
    );
    assert_eq!(nearest.differences[0].path, "plugins.architecture.dropout");
    let text = answer.text(|task, path| {
        assert_eq!(task, "train/member-1");
        (path == "plugins.architecture.dropout").then(|| "k562.toml:29:11".to_owned())
    });
    assert!(
        text.contains("differs in  plugins.architecture.dropout   0.2 -> 0.3      k562.toml:29:11"),
        "{text}"
    );
    assert!(
        nearest.same.contains(&"settings".to_owned()) && nearest.same.contains(&"seed".to_owned())
    );
    // Downstream, the cause is named where it arose.
    let teacher = why(&new, &store, "predict/teacher").unwrap();
    let causes: Vec<&str> = teacher.upstream.iter().map(|u| u.task.as_str()).collect();
    assert_eq!(causes, ["train/member-0", "train/member-1"]);
    assert!(
        teacher
            .text(|_, _| None)
            .contains("because train/member-0 differs in  plugins.architecture.dropout")
    );
    assert!(why(&new, &store, "prepare").unwrap().cached);
    assert!(why(&new, &store, "nothing").is_err());
}
