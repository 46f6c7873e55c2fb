//! What an experiment file may choose: backends, groups, sweeps, the calibration that counts.

use std::{fmt::Write as _, path::Path};

use serde_json::Value;

use crate::support::run_in;

/// A study of a second; `{..}` marks are replaced by each test.
const STUDY: &str = r#"
[study]
name = "small"

[dataset]
plugin = "simulated"
train = 96
validation = 60
test = 60
length = 60

[architecture]
plugin = "deepstarr"
filters = [4, 4, 4, 4]
units = [8, 8]

[ensemble]
members = 2
head = { plugin = "point" }

[training]
epochs = 2
batch_size = 32

[distill]
students = 1
head = { plugin = "distilled" }

[evaluation]
bootstrap = { n = 20 }
"#;

fn place(more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("small.toml"), format!("{STUDY}\n{more}")).unwrap();
    folder
}

fn run(folder: &Path, more: &[&str]) -> Value {
    let mut all = vec![
        "run",
        "small.toml",
        "--progress",
        "none",
        "--format",
        "json",
    ];
    all.extend(more);
    let ran = run_in(folder, &all);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

fn manifest(folder: &Path, task: &str) -> Value {
    let shown = run_in(folder, &["show", task, "--format", "json"]);
    serde_json::from_str(&shown.stdout).unwrap()
}

/// What a network was trained with, and why.
fn backend(folder: &Path, task: &str) -> String {
    let manifest = manifest(folder, task);
    let told = &manifest["provenance"]["details"]["backend"];
    told.as_str()
        .unwrap_or_else(|| panic!("{manifest}"))
        .to_owned()
}

const NOISE: &str = r#"
[augmentation]
plugin = "evoaug"
operations = ["deletion", "mutation", "noise"]
max_augs = 2
deletion = [0, 8]
fine_tune_epochs = 2
"#;

#[test]
fn noise_trains_with_autograd_and_is_fine_tuned_on_clean_data() {
    let folder = place(NOISE);
    run(folder.path(), &[]);
    let told = backend(folder.path(), "train/member-0");
    assert!(
        told.starts_with("autograd") && told.contains("adds noise"),
        "{told}"
    );
    assert!(backend(folder.path(), "distill/student-0").starts_with("fused"));
    // Two epochs on changed sequences, two on clean ones.
    let curves =
        fs_err::read_to_string(folder.path().join("runs/small/tables/learning.csv")).unwrap();
    let of_member = curves.lines().filter(|l| l.starts_with("train/member-0,"));
    assert_eq!(of_member.count(), 4, "{curves}");
    let page = fs_err::read_to_string(folder.path().join("runs/small/report.html")).unwrap();
    assert!(page.contains("members trained with") && page.contains("adds noise"));
    let plan = run_in(folder.path(), &["plan", "small.toml", "--format", "json"]);
    assert!(
        plan.stdout
            .contains("with autograd: the augmentation adds noise"),
        "{}",
        plan.stdout
    );
}

#[test]
fn a_teacher_labels_sequences_with_noise() {
    let folder = place("");
    for mode in ["append", "replace"] {
        let dynamic = format!("distill.dynamic={{ mode = \"{mode}\" }}");
        let noise = "distill.augmentation={ plugin = \"evoaug\", operations = [\"mutation\", \"noise\"], max_augs = 2, fine_tune_epochs = 1 }";
        let settings = [
            "--set",
            "distill.labels=\"dynamic\"",
            "--set",
            &dynamic,
            "--set",
            noise,
        ];
        run(folder.path(), &settings);
        assert!(backend(folder.path(), "train/member-0").starts_with("fused"));
        let told = backend(folder.path(), "distill/student-0");
        assert!(told.starts_with("autograd"), "{told}");
    }
}

#[test]
fn the_fused_engine_refuses_what_it_has_no_kernel_for() {
    let folder = place(NOISE);
    for more in [
        vec!["--set", "training.backend=\"fused\""],
        vec![
            "--set",
            "augmentation={ plugin = \"reverse-complement\" }",
            "--set",
            "training={ backend = \"fused\", optimizer = { kind = \"sgd\" } }",
        ],
    ] {
        let mut all = vec!["plan", "small.toml"];
        all.extend(more);
        let ran = run_in(folder.path(), &all);
        assert_eq!(ran.code, 4, "{}{}", ran.stdout, ran.stderr);
        for part in ["training.backend", "fused", "backend = \"auto\""] {
            assert!(ran.stderr.contains(part), "`{part}`: {}", ran.stderr);
        }
    }
}

#[test]
fn both_backends_train_the_same_network() {
    let folder = place("");
    let losses = |backend: &str| -> Vec<f64> {
        let set = format!("training.backend=\"{backend}\"");
        let name = format!("study.name=\"{backend}\"");
        let dropout = "architecture.dropout=0.0";
        run(
            folder.path(),
            &["--set", &set, "--set", &name, "--set", dropout],
        );
        let file = folder
            .path()
            .join("runs")
            .join(backend)
            .join("tables/learning.csv");
        let text = fs_err::read_to_string(file).unwrap();
        text.lines()
            .filter(|l| l.starts_with("train/"))
            .map(|l| l.split(',').nth(3).unwrap().parse().unwrap())
            .collect()
    };
    let (fused, autograd) = (losses("fused"), losses("autograd"));
    assert_eq!(fused.len(), 4);
    for (a, b) in fused.iter().zip(&autograd) {
        assert!((a - b).abs() < 1e-3 * a.abs(), "{fused:?} {autograd:?}");
    }
    // `auto` is the fused engine here, but a study that names an engine has results of its own.
    assert_eq!(
        run(folder.path(), &[])["cached"],
        1,
        "only the data are shared"
    );
    let told = backend(folder.path(), "train/member-0");
    assert!(
        told.starts_with("fused") && told.contains("kernel for every layer"),
        "{told}"
    );
}

/// A table in which rows two by two share a cluster.
const TABLE: &str = r#"
[study]
name = "grouped"

[dataset]
plugin = "table"
file = { path = "x.tsv" }
tasks = ["activity"]

[architecture]
plugin = "deepstarr"

[split]
kind = "random"
fractions = { validation = 0.25, test = 0.25 }
"#;

#[test]
fn a_column_is_never_mistaken_for_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = "name\tsequence\tactivity\tcluster\n".to_owned();
    let mut draws = degu_genome::Draws::new([7; 32]);
    for i in 0..80 {
        let codes: Vec<u8> = (0..40).map(|_| draws.below(4) as u8).collect();
        let _ = writeln!(
            table,
            "r{i}\t{}\t{i}\tc{}",
            degu_genome::decode(&codes),
            i / 4
        );
    }
    fs_err::write(folder.path().join("x.tsv"), table).unwrap();
    let with = |group: &str| {
        fs_err::write(
            folder.path().join("g.toml"),
            format!("{TABLE}group = {group}\n"),
        )
        .unwrap();
    };
    with("\"cluster\"");
    let ran = run_in(folder.path(), &["config", "show", "g.toml"]);
    assert_eq!(ran.code, 3);
    for part in [
        "near_duplicates",
        "column = \"..\"",
        "group = { column = \"cluster\" }",
    ] {
        assert!(ran.stderr.contains(part), "`{part}`: {}", ran.stderr);
    }
    let parts = |group: &str| -> Vec<Value> {
        with(group);
        let ran = run_in(
            folder.path(),
            &["run", "g.toml", "--only", "prepare", "--progress", "none"],
        );
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let key = manifest(folder.path(), "prepare")["key"]
            .as_str()
            .unwrap()
            .to_owned();
        let rows = folder
            .path()
            .join("store/objects")
            .join(&key[..2])
            .join(&key[..16])
            .join("rows.json");
        let rows: Value = serde_json::from_slice(&fs_err::read(rows).unwrap()).unwrap();
        rows["part"].as_array().unwrap().clone()
    };
    let whole = |parts: &[Value]| parts.chunks(4).all(|c| c.iter().all(|p| *p == c[0]));
    assert!(whole(&parts("{ column = \"cluster\" }")));
    assert!(
        !whole(&parts("\"near_duplicates\"")),
        "random sequences are no near-duplicates"
    );
    with("{ column = \"clutser\" }");
    let ran = run_in(
        folder.path(),
        &["run", "g.toml", "--only", "prepare", "--progress", "none"],
    );
    assert_eq!(ran.code, 4);
    assert!(
        ran.stderr.contains("did you mean `cluster`?"),
        "{}",
        ran.stderr
    );
}

#[test]
fn resume_remembers_sweeps_and_changed_values() {
    let folder = place("[sweep.rate]\naxes = { \"training.optimizer.lr\" = [1e-3, 3e-3] }\n");
    let first = run(
        folder.path(),
        &["--sweep", "rate", "--set", "training.epochs=1"],
    );
    let computed = first["finished"].as_array().unwrap().len();
    assert!(first["finished"].to_string().contains("rate/"), "{first}");
    for verb in ["resume", "report"] {
        let mut all = vec![verb, "small", "--format", "json"];
        if verb == "resume" {
            all.extend(["--progress", "none"]);
        }
        let again = run_in(folder.path(), &all);
        assert_eq!(again.code, 0, "{}", again.stderr);
        let again: Value = serde_json::from_str(&again.stdout).unwrap();
        assert_eq!(again["finished"], serde_json::json!([]), "{verb}");
        assert_eq!(
            again["cached"], computed,
            "{verb}: the same points, students among them"
        );
    }
}

#[test]
fn the_card_names_the_calibration_that_counts() {
    let folder = place(
        r#"
[report]
intervals = "scaled"

[calibration.absolute]
plugin = "split-conformal"
alpha = [0.2]
score = "absolute"

[calibration.scaled]
plugin = "split-conformal"
alpha = [0.2]
score = "normalized"
"#,
    );
    run(folder.path(), &[]);
    fs_err::write(
        folder.path().join("x.fa"),
        format!(">a\n{}\n", "ACGTA".repeat(12)),
    )
    .unwrap();
    let model = "runs/small/models/student-0";
    let predict = ["predict", model, "--fasta", "x.fa", "--interval", "0.8"];
    let with_default = run_in(folder.path(), &predict);
    assert_eq!(with_default.code, 0, "{}", with_default.stderr);
    assert!(
        with_default.stderr.contains("calibration `scaled`"),
        "{}",
        with_default.stderr
    );
    let named: Vec<&str> = predict
        .iter()
        .copied()
        .chain(["--calibration", "scaled"])
        .collect();
    assert_eq!(run_in(folder.path(), &named).stdout, with_default.stdout);
    let other: Vec<&str> = predict
        .iter()
        .copied()
        .chain(["--calibration", "absolute"])
        .collect();
    assert_ne!(run_in(folder.path(), &other).stdout, with_default.stdout);
    let wrong = run_in(
        folder.path(),
        &[
            "config",
            "show",
            "small.toml",
            "--set",
            "report.intervals=\"scald\"",
        ],
    );
    assert_eq!(wrong.code, 3);
    assert!(
        wrong.stderr.contains("did you mean `scaled`?"),
        "{}",
        wrong.stderr
    );
}
