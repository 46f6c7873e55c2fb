//! Leases save double work, and die with their holders.

use std::{
    fs,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use degu_workflow::journal::{JournalError, StudyLock};
use degu_workflow::store::{Attempt, Holder, LeaseTimes, Store};
use tempfile::tempdir;

use crate::helpers::fields;

const QUICK: LeaseTimes = LeaseTimes {
    heartbeat: Duration::from_millis(40),
    stale: Duration::from_millis(800),
};

/// A process of this host that has ended.
fn dead() -> Holder {
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    Holder {
        pid: child.id(),
        started: None,
        ..Holder::ours()
    }
}

fn write(store: &Store, holder: &Holder) {
    let path = store.lease_path(&fields("train", 0).key());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, serde_json::to_vec(holder).unwrap()).unwrap();
}

#[test]
fn a_lease_is_exclusive_and_released() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let key = fields("train", 0).key();
    let Attempt::Acquired(lease) = store.lease(&key).unwrap() else {
        panic!("nobody holds it");
    };
    let Attempt::Held { holder, age } = store.lease(&key).unwrap() else {
        panic!("it is held");
    };
    assert_eq!(
        (holder.pid, &holder.nonce),
        (std::process::id(), &lease.holder().nonce)
    );
    assert!(age < Duration::from_mins(1));
    assert_eq!(store.live_leases().unwrap().len(), 1);
    drop(lease);
    assert!(store.live_leases().unwrap().is_empty());
    assert!(matches!(store.lease(&key).unwrap(), Attempt::Acquired(_)));
}

#[test]
fn a_heartbeat_keeps_a_lease() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap().with_lease_times(QUICK);
    let key = fields("train", 0).key();
    let Attempt::Acquired(lease) = store.lease(&key).unwrap() else {
        panic!("nobody holds it");
    };
    std::thread::sleep(2 * QUICK.stale);
    assert!(matches!(store.lease(&key).unwrap(), Attempt::Held { .. }));
    assert!(!lease.is_lost());
}

#[test]
fn a_lease_of_a_dead_process_is_taken_over_at_once() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    write(&store, &dead());
    assert!(store.live_leases().unwrap().is_empty());
    let key = fields("train", 0).key();
    assert!(matches!(store.lease(&key).unwrap(), Attempt::Acquired(_)));
    // A process id that is used again by another process does not keep it alive.
    let reused = Holder {
        started: Some(1),
        ..Holder::ours()
    };
    if Holder::ours().started.is_some() {
        write(&store, &reused);
        assert!(matches!(store.lease(&key).unwrap(), Attempt::Acquired(_)));
    }
}

#[test]
fn a_lease_of_another_host_is_taken_over_when_it_is_stale() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap().with_lease_times(QUICK);
    let elsewhere = Holder {
        host: "node17".to_owned(),
        ..dead()
    };
    write(&store, &elsewhere);
    let key = fields("train", 0).key();
    assert!(
        matches!(store.lease(&key).unwrap(), Attempt::Held { holder, .. } if holder == elsewhere)
    );
    std::thread::sleep(QUICK.stale + Duration::from_millis(50));
    let Attempt::Acquired(lease) = store.lease(&key).unwrap() else {
        panic!("it is stale");
    };
    // Whoever loses a lease notices, and does not remove the new one.
    write(&store, &elsewhere);
    std::thread::sleep(5 * QUICK.heartbeat);
    assert!(lease.is_lost());
    drop(lease);
    assert!(store.lease_path(&key).exists());
}

#[test]
fn one_of_many_takes_over() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (key, dead) = (fields("train", 0).key(), dead());
    for round in 0..40 {
        write(&store, &dead);
        let (winners, asked) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let attempt = store.lease(&key).unwrap();
                    asked.fetch_add(1, Ordering::SeqCst);
                    if let Attempt::Acquired(_lease) = &attempt {
                        winners.fetch_add(1, Ordering::SeqCst);
                        // Held until everybody has asked.
                        while asked.load(Ordering::SeqCst) < 4 {
                            std::thread::yield_now();
                        }
                    }
                });
            }
        });
        assert_eq!(winners.into_inner(), 1, "round {round}");
    }
    assert!(store.verify().unwrap().orphans.is_empty());
}

#[test]
fn a_study_is_locked_while_it_runs() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("runs/k562");
    let lock = StudyLock::acquire(&run).unwrap();
    assert_eq!(
        StudyLock::holder(&run).unwrap().unwrap().pid,
        std::process::id()
    );
    let error = StudyLock::acquire(&run).unwrap_err();
    assert!(matches!(&error, JournalError::Locked { pid, .. } if *pid == std::process::id()));
    assert!(error.to_string().contains("runs this study"), "{error}");
    drop(lock);
    assert!(StudyLock::holder(&run).unwrap().is_none());
    StudyLock::acquire(&run).unwrap();
}
