//! Nothing is lost: runs that are killed, that meet damage, each other or a full disk end as if
//! nothing had happened.

mod damage;
mod disk;
mod kill;
mod share;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value;

/// A study of a second or two with every stage, and checkpoints within epochs.
const STUDY: &str = r#"
[study]
name = "lost"

[dataset]
plugin = "simulated"
train = 256
validation = 80
test = 80
length = 80
replicates = 2

[architecture]
plugin = "deepstarr"
filters = [12, 8, 8, 8]
units = [16, 16]

[ensemble]
members = 2
head = { plugin = "point" }

[training]
epochs = 8
batch_size = 32
checkpoint = { every_steps = 3 }

[distill]
students = 1
targets = ["mean", "epistemic"]
head = { plugin = "distilled" }

[calibration.main]
plugin = "split-conformal"
alpha = [0.2]

[attribute.saliency]
plugin = "saliency"
sequences = { split = "test", top_n = 8 }

[shift.mutated]
plugin = "mutagenesis"
severities = [0.2]

[evaluation]
metrics = ["pearson", "mse", "interval_coverage"]
bootstrap = { n = 20 }
"#;

const FILE: &str = "lost.toml";

/// A folder with the experiment in it.
fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join(FILE), STUDY).unwrap();
    folder
}

/// The run that nothing disturbed, at one thread; made once for all tests.
fn reference() -> &'static Path {
    static REFERENCE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = REFERENCE.get_or_init(|| {
        let folder = place();
        let ran = crate::support::run_in(folder.path(), &command("run", 1));
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        folder
    });
    folder.path()
}

/// `run` or `resume` on some threads, one task after another.
fn command(verb: &str, threads: usize) -> Vec<&str> {
    let what = if verb == "run" { FILE } else { "lost" };
    let threads = if threads == 1 { "1" } else { "2" };
    let mut all = vec![verb, what, "--progress", "none", "--format", "json"];
    all.extend(["--jobs", "1", "--threads", threads]);
    all
}

/// Starts a command in `folder`.
fn spawn(folder: &Path, arguments: &[&str]) -> Child {
    Command::new(assert_cmd::cargo::cargo_bin!("degu-lab"))
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The events of a run so far; a record that is being written does not count.
fn events(folder: &Path, study: &str) -> Vec<Value> {
    let ledger = folder.join("runs").join(study).join("events.jsonl");
    let text = fs_err::read_to_string(ledger).unwrap_or_default();
    let records = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    records.collect()
}

fn is(event: &Value, kind: &str, task: &str) -> bool {
    event["event"] == kind && event["task"] == task
}

/// Every file below a folder with its content.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs_err::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_owned();
                all.insert(name, fs_err::read(&path).unwrap());
            }
        }
    }
    all
}

/// Everything that was computed, without what tells when and how fast.
fn results(folder: &Path, study: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = files(&folder.join("store/objects"));
    all.retain(|path, _| path.file_name().is_some_and(|name| name != "manifest.json"));
    let run = folder.join("runs").join(study);
    for part in ["tables", "models"] {
        for (path, mut bytes) in files(&run.join(part)) {
            if path.ends_with("card.json") {
                // A card names its study.
                let text = String::from_utf8(bytes).unwrap();
                bytes = text.replace(&format!("\"{study} "), "\"lost ").into_bytes();
            }
            // Who set a value: the experiment file, or the locked one of a run that was resumed.
            if !path.ends_with("configuration.csv") {
                all.insert(Path::new(part).join(path), bytes);
            }
        }
    }
    let predictions = run.join("predictions.tsv.gz");
    all.insert(
        "predictions.tsv.gz".into(),
        fs_err::read(predictions).unwrap(),
    );
    all
}

/// The same files with the same bits.
fn assert_same(found: &BTreeMap<PathBuf, Vec<u8>>, expected: &BTreeMap<PathBuf, Vec<u8>>) {
    let names = |all: &BTreeMap<PathBuf, Vec<u8>>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected));
    let other: Vec<_> = expected
        .iter()
        .filter(|(name, bytes)| found[*name] != **bytes)
        .map(|(name, _)| name)
        .collect();
    assert!(other.is_empty(), "these differ: {other:?}");
}

/// As undisturbed, with nothing left lying about.
fn assert_undisturbed(folder: &Path, study: &str) {
    assert_same(&results(folder, study), &results(reference(), "lost"));
    for place in ["tmp", "partial"] {
        let left: Vec<_> = files(&folder.join("store").join(place))
            .into_keys()
            .filter(|path| !path.to_string_lossy().contains(".broken."))
            .collect();
        assert!(left.is_empty(), "{place}: {left:?}");
    }
}

/// The folder of a task's result.
fn object(folder: &Path, task: &str) -> PathBuf {
    let listed = crate::support::run_in(folder, &["ls", "--format", "json"]);
    let listing: Value = serde_json::from_str(&listed.stdout).unwrap();
    let all = listing["artifacts"].as_array().unwrap();
    let one = all.iter().find(|a| a["task"] == task);
    let key = one.unwrap_or_else(|| panic!("no `{task}` in {listing}"))["key"]
        .as_str()
        .unwrap();
    folder
        .join("store/objects")
        .join(&key[..2])
        .join(&key[..16])
}

/// Copies a finished run.
fn copy_of(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for (name, bytes) in files(from) {
        let path = to.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }
    to
}
