//! Garbage collection keeps what plans name.

use std::{collections::BTreeSet, fs};

use degu_workflow::gc::{GcError, gc};
use degu_workflow::plan::Plan;
use degu_workflow::store::{Attempt, Store};
use tempfile::tempdir;

use crate::helpers::{fields, publish, toy_tasks};

#[test]
fn what_no_plan_names_is_swept() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    let runs = [folder.path().join("runs")];
    let plan = Plan::build(toy_tasks()).unwrap();
    plan.write("toy", &runs[0].join("toy/plan.json")).unwrap();
    for node in plan.nodes() {
        publish(&store, &node.task.fields, b"kept");
    }
    let old = fields("train", 99);
    publish(&store, &old, &[0; 1000]);
    let (leased, resumable) = (fields("train", 98), &plan.nodes()[1].key);
    publish(&store, &leased, b"in use");
    let Attempt::Acquired(lease) = store.lease(&leased.key()).unwrap() else {
        panic!("nobody holds it");
    };
    store
        .partial(&fields("train", 97).key())
        .save("checkpoint", b"unwanted")
        .unwrap();
    store.set_aside(resumable).unwrap();
    store
        .partial(resumable)
        .save("checkpoint", b"wanted")
        .unwrap();
    fs::write(store.root().join("leases/0123456789abcdef"), "torn").unwrap();
    let file = fs::File::options()
        .write(true)
        .open(store.root().join("leases/0123456789abcdef"))
        .unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();

    let dry = gc(&store, &runs, &BTreeSet::new(), false).unwrap();
    assert_eq!((dry.kept, dry.objects.len(), dry.partials.len()), (4, 1, 1));
    assert_eq!(dry.orphans.len(), 2, "{:?}", dry.orphans);
    assert!(dry.bytes() > 1000 && store.contains(&old.key()));
    let done = gc(&store, &runs, &BTreeSet::new(), true).unwrap();
    assert_eq!(done.bytes(), dry.bytes());
    assert!(!store.contains(&old.key()) && store.contains(&leased.key()));
    assert!(
        store
            .partial(resumable)
            .load("checkpoint")
            .unwrap()
            .is_some()
    );
    let again = gc(&store, &runs, &BTreeSet::new(), true).unwrap();
    assert_eq!(again.bytes(), 0);
    assert_eq!(store.summaries().unwrap().len(), 4);
    assert!(store.verify().unwrap().broken.is_empty());
    let also = BTreeSet::from([leased.key().short()]);
    drop(lease);
    assert_eq!(gc(&store, &runs, &also, false).unwrap().objects.len(), 0);
}

#[test]
fn a_plan_that_cannot_be_read_stops_everything() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    let fields = fields("train", 0);
    publish(&store, &fields, b"x");
    let run = folder.path().join("runs/broken");
    fs::create_dir_all(&run).unwrap();
    fs::write(run.join("plan.json"), "{\"schema\": 1").unwrap();
    let error = gc(
        &store,
        &[folder.path().join("runs")],
        &BTreeSet::new(),
        true,
    )
    .unwrap_err();
    assert!(matches!(error, GcError::Plan { .. }));
    assert!(store.contains(&fields.key()));
}
