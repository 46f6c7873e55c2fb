//! The name of a study is a name and nothing else.

use std::{collections::BTreeMap, path::Path};

use degu_config::Selection;
use degu_core::ModelId;
use degu_study::{plan, run};
use degu_train::{ModelCard, SavedModel};
use degu_workflow::journal::StudyEvent;

use crate::helpers::{Bench, study, table};

/// The tables of a run.
fn tables(folder: &Path) -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder.join("tables")).unwrap();
    files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .filter(|(name, _)| name != "configuration.csv")
        .collect()
}

fn card(folder: &Path, model: &str) -> ModelCard {
    SavedModel::load(&folder.join("models").join(model))
        .unwrap()
        .card
}

#[test]
fn a_study_named_like_a_model_changes_nothing_but_its_name() {
    let bench = Bench::new();
    let quiet = |_: &StudyEvent| {};
    let mut known: Option<BTreeMap<String, String>> = None;
    for name in ["plain", "member_7", "student"] {
        let study = study(bench.path(), name, &table());
        let outcome = run::run(&study, &run::Request::default(), &quiet).unwrap();
        assert!(
            outcome.summary.failed.is_empty(),
            "{:?}",
            outcome.summary.failed
        );
        let tables = tables(&outcome.folder);
        match &known {
            None => known = Some(tables),
            Some(known) => {
                assert!(outcome.summary.finished.is_empty(), "all keys are known");
                assert_eq!(known, &tables, "{name}");
            }
        }
        let student = card(&outcome.folder, "student-0");
        assert_eq!(student.name, format!("{name} student-0"));
        assert_eq!(student.model, Some(ModelId::Student(0)));
        let member = card(&outcome.folder, "member-1");
        assert_eq!(member.model, Some(ModelId::Member(1)));
    }
}

#[test]
fn tasks_are_named_by_stage_and_unit() {
    let bench = Bench::new();
    let names: Vec<&str> = bench.plan.work.keys().map(String::as_str).collect();
    let expected = [
        "attribute/saliency",
        "calibrate/plain",
        "distill/student-0",
        "evaluate",
        "predict/teacher",
        "prepare",
        "shift/mutated",
        "train/member-0",
        "train/member-1",
    ];
    assert_eq!(names, expected);
    let again = study(bench.path(), "ensemble", &table());
    let points = again.points(&Selection::default()).unwrap();
    let again = plan(points, None).unwrap();
    for name in expected {
        let key = |plan: &degu_study::StudyPlan| plan.plan.node(name).unwrap().key;
        assert_eq!(key(&bench.plan), key(&again), "{name}");
    }
}
