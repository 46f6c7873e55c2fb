//! Objects appear whole, once, and are checked when read.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use degu_workflow::key::to_value;
use degu_workflow::store::{Problem, Provenance, Store, StoreError};
use tempfile::tempdir;

use crate::helpers::{child, command, damage, fields, publish, role};

#[test]
fn an_object_is_published_and_read() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    let fields = fields("train", 0);
    assert!(store.get(&fields.key()).unwrap().is_none());
    assert!(!store.root().exists(), "reading creates nothing");
    let published = publish(&store, &fields, b"weights");
    assert!(published.ours && published.same_content);
    let artifact = store.get(&fields.key()).unwrap().unwrap();
    assert_eq!(artifact.bytes("model.bin").unwrap(), b"weights");
    assert_eq!(artifact.manifest().provenance.task, "test");
    assert_eq!(
        fs::read(artifact.path("model.bin").unwrap()).unwrap(),
        b"weights"
    );
    let error = artifact.bytes("model.safetensors").unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("has no file `model.safetensors`; it has model.bin")
    );
    for (path, mode) in [("", 0o555), ("model.bin", 0o444), ("manifest.json", 0o444)] {
        let metadata = fs::metadata(artifact.folder().join(path)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{path}");
    }
    assert_eq!(
        store.find(&fields.key().short()[..6]).unwrap(),
        fields.key()
    );
    assert!(matches!(
        store.find("000"),
        Err(StoreError::NoSuchKey { .. })
    ));
    assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
}

#[test]
fn an_abandoned_publication_leaves_nothing() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let publication = store.begin(&fields("train", 0).key()).unwrap();
    publication.write_bytes("a/b/c.txt", b"text").unwrap();
    drop(publication);
    assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
    let publication = store.begin(&fields("train", 0).key()).unwrap();
    for name in [
        "",
        "../x",
        "/etc/x",
        "a//b",
        ".hidden",
        "a b",
        "manifest.json",
    ] {
        let error = publication.write_bytes(name, b"").unwrap_err();
        assert!(matches!(error, StoreError::Name { .. }), "{name}: {error}");
    }
    assert!(matches!(
        publication.write_json("x.json", &f64::NAN),
        Err(StoreError::Value { .. })
    ));
    // Fields of another task do not fit the key.
    assert!(
        publication
            .publish(&fields("train", 1), Provenance::default())
            .is_err()
    );
}

#[test]
fn of_two_publications_one_is_kept() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let fields = fields("train", 0);
    publish(&store, &fields, b"weights");
    let again = publish(&store, &fields, b"weights");
    assert!(!again.ours && again.same_content);
    let other = publish(&store, &fields, b"other weights");
    assert!(!other.ours && !other.same_content);
    assert_eq!(other.artifact.bytes("model.bin").unwrap(), b"weights");
    assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn threads_race_for_the_same_keys() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let ours: usize = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..4)
            .map(|_| {
                let race = || {
                    (0..25)
                        .filter(|&i| publish(&store, &fields("race", i), b"same").ours)
                        .count()
                };
                scope.spawn(race)
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).sum()
    });
    assert_eq!(ours, 25);
    let report = store.verify().unwrap();
    assert_eq!(
        (report.objects, report.broken.len(), report.orphans.len()),
        (25, 0, 0)
    );
}

#[test]
fn processes_race_for_the_same_keys() {
    if let Some((_, folder)) = role() {
        let store = Store::open(folder).unwrap();
        for i in 0..40 {
            publish(&store, &fields("race", i), &[i as u8; 10_000]);
        }
        return;
    }
    let folder = tempdir().unwrap();
    let test = "publication::processes_race_for_the_same_keys";
    let racers: Vec<_> = (0..2).map(|_| child(test, "race", folder.path())).collect();
    for mut racer in racers {
        assert!(racer.wait().unwrap().success());
    }
    let store = Store::open(folder.path()).unwrap();
    let report = store.verify().unwrap();
    assert_eq!(
        (report.objects, report.broken.len(), report.orphans.len()),
        (40, 0, 0)
    );
    assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn damage_is_named_with_both_digests() {
    let folder = tempdir().unwrap();
    let weights = b"some weights".to_vec();
    let found = |damaged: &[u8]| blake3::hash(damaged).to_string();
    for (cut, damaged) in [(true, &weights[..4]), (false, b"tome weights")] {
        let store = Store::open(folder.path().join(format!("cut-{cut}"))).unwrap();
        let fields = fields("train", 0);
        let path = publish(&store, &fields, &weights)
            .artifact
            .folder()
            .join("model.bin");
        damage(&path, |bytes| *bytes = damaged.to_vec());
        let store = Store::open(store.root()).unwrap();
        let error = match store.get(&fields.key()) {
            Err(error) => error,
            Ok(artifact) => artifact.unwrap().bytes("model.bin").unwrap_err(),
        };
        assert_eq!(error.corrupt_key(), Some(fields.key()));
        let text = error.to_string();
        assert!(
            text.contains(&found(&weights)) && text.contains(&found(damaged)),
            "{text}"
        );
        assert!(
            text.contains("model.bin") && text.ends_with("running the study again recomputes it")
        );
        assert_eq!(store.verify().unwrap().broken.len(), 1);
        // Publishing over it moves it aside.
        assert!(publish(&Store::open(store.root()).unwrap(), &fields, &weights).ours || !cut);
    }
}

#[test]
fn a_manifest_must_be_there_whole_and_of_its_key() {
    let folder = tempdir().unwrap();
    let fields = fields("train", 0);
    let changes: [(&str, fn(&mut Vec<u8>)); 2] = [
        ("cut", |bytes| bytes.truncate(100)),
        ("changed", |bytes| {
            let text = String::from_utf8(bytes.clone()).unwrap();
            *bytes = text
                .replace("\"stage\": \"train\"", "\"stage\": \"trait\"")
                .into_bytes();
        }),
    ];
    for (name, change) in changes {
        let store = Store::open(folder.path().join(name)).unwrap();
        let path = publish(&store, &fields, b"weights")
            .artifact
            .folder()
            .join("manifest.json");
        damage(&path, change);
        let store = Store::open(store.root()).unwrap();
        let StoreError::Corrupt(corruption) = store.get(&fields.key()).unwrap_err() else {
            panic!("{name}: expected a damaged object");
        };
        assert!(matches!(
            corruption.problem,
            Problem::Manifest(_) | Problem::ManifestKey
        ));
        store.set_aside(&fields.key()).unwrap();
        assert!(store.get(&fields.key()).unwrap().is_none());
        assert!(publish(&store, &fields, b"weights").ours);
    }
}

#[test]
fn a_store_of_another_version_is_refused() {
    let folder = tempdir().unwrap();
    fs::write(
        folder.path().join("store.json"),
        r#"{"format":"degu-store","version":2}"#,
    )
    .unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("has store version 2, expected 1"),
        "{error}"
    );
    let file = folder.path().join("store.json");
    assert!(matches!(
        Store::open(file),
        Err(StoreError::NotAFolder { .. })
    ));
}

#[test]
fn this_file_system_can_hold_a_store() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.probe().unwrap();
    assert!(store.verify().unwrap().orphans.is_empty());
}

#[test]
fn checkpoints_fall_back_to_the_one_before() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let partial = store.partial(&fields("train", 0).key());
    assert!(partial.load("checkpoint").unwrap().is_none() && !partial.exists());
    partial.save("checkpoint", b"epoch 1").unwrap();
    partial.save("checkpoint", b"epoch 2").unwrap();
    let path = partial.folder().join("checkpoint");
    let whole = fs::read(&path).unwrap();
    assert_eq!(partial.load("checkpoint").unwrap().unwrap(), b"epoch 2");
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        assert_eq!(
            partial.load("checkpoint").unwrap().unwrap(),
            b"epoch 1",
            "cut at {cut}"
        );
    }
    for flip in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[flip] ^= 4;
        fs::write(&path, bytes).unwrap();
        assert_eq!(
            partial.load("checkpoint").unwrap().unwrap(),
            b"epoch 1",
            "flipped at {flip}"
        );
    }
    // A damaged one does not replace the good one before it.
    partial.save("checkpoint", b"epoch 3").unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(partial.load("checkpoint").unwrap().unwrap(), b"epoch 1");
}

#[test]
fn a_full_disk_is_named_and_leaves_nothing() {
    if let Some((_, folder)) = role() {
        fill(&Store::open(folder).unwrap());
        return;
    }
    let test = "publication::a_full_disk_is_named_and_leaves_nothing";
    // A limit on file sizes needs no rights; the signal that goes with it is ignored across exec.
    let limited = tempdir().unwrap();
    let plain = command(test, "full", limited.path());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f 512; exec \"$@\"", "sh"])
        .arg(plain.get_program())
        .args(plain.get_args())
        .envs(
            plain
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    assert!(shell.status().unwrap().success());
    // A small file system of its own where we may mount one.
    let mounted = tempdir().unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=400k", "tmpfs"])
        .arg(mounted.path())
        .stderr(Stdio::null())
        .status();
    if mount.is_ok_and(|status| status.success()) {
        let done = command(test, "full", mounted.path()).status();
        let gone = Command::new("umount").arg(mounted.path()).status();
        assert!(done.unwrap().success() && gone.unwrap().success());
    } else {
        println!("skipped: a tmpfs of 400 kB (no right to mount)");
    }
}

/// Writes 1 MB where there is less.
fn fill(store: &Store) {
    let fields = fields("train", 0);
    let big = vec![7_u8; 1_000_000];
    let partial = store.partial(&fields.key());
    partial.save("checkpoint", b"small").unwrap();
    let full = |error: StoreError| {
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        assert!(error.to_string().contains("gc --delete"), "{error}");
    };
    full(partial.save("checkpoint", &big).unwrap_err());
    assert_eq!(partial.load("checkpoint").unwrap().unwrap(), b"small");
    assert_eq!(fs::read_dir(partial.folder()).unwrap().count(), 1);
    let publication = store.begin(&fields.key()).unwrap();
    full(publication.write_bytes("model.bin", &big).unwrap_err());
    assert_eq!(fs::read_dir(publication.folder()).unwrap().count(), 0);
    full(
        publication
            .write_json("numbers.json", &to_value(&big).unwrap())
            .unwrap_err(),
    );
    drop(publication);
    assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
    assert!(store.get(&fields.key()).unwrap().is_none());
    assert!(
        publish(store, &fields, b"small").ours,
        "the store works once there is room"
    );
}

#[test]
fn digests_of_source_files_are_cached_until_the_file_changes() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    store.probe().unwrap();
    let path = folder.path().join("table.tsv");
    fs::write(&path, "one").unwrap();
    let set_time = |seconds| {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(time)
            .unwrap();
    };
    set_time(1_000_000);
    let one = store.file_digest(&path).unwrap();
    assert_eq!(one.to_string(), blake3::hash(b"one").to_string());
    assert!(
        fs::read_to_string(store.root().join("index.jsonl"))
            .unwrap()
            .contains("table.tsv")
    );
    // Same size, time and inode: the cache answers; asked again it reads.
    fs::write(&path, "two").unwrap();
    set_time(1_000_000);
    let other = Store::open(store.root()).unwrap();
    assert_eq!(other.file_digest(&path).unwrap(), one);
    let two = other.file_digest_again(&path).unwrap();
    assert_ne!(two, one);
    set_time(2_000_000);
    assert_eq!(store.file_digest(&path).unwrap(), two);
}
