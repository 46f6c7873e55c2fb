//! What is refused, with which exit code and in which form; and what a user may allow by name.

use std::{fmt::Write as _, path::Path};

use serde_json::Value;

use crate::support::{Ran, run_in};

const STUDY: &str = r#"
[study]
name = "table"

[dataset]
plugin = "table"
file = { path = "rows.tsv" }
tasks = ["A"]

[split]
kind = "column"
column = "part"

[architecture]
plugin = "deepstarr"
filters = [4, 4, 4, 4]
units = [8, 8]

[ensemble]
members = 2

[training]
epochs = 1
batch_size = 16

[distill]
students = 1

[evaluation]
metrics = ["pearson", "spearman", "rmse", "mse", "mae"]
bootstrap = { n = 50 }
"#;

/// Rows of a table: name, sequence, value, part.
fn rows() -> Vec<[String; 4]> {
    let mut draws = degu_genome::Draws::new([7; 32]);
    (0..64)
        .map(|i| {
            let codes: Vec<u8> = (0..60).map(|_| draws.below(4) as u8).collect();
            let part = ["train", "train", "val", "test"][i % 4];
            [
                format!("s{i}"),
                degu_genome::decode(&codes),
                format!("{:.3}", 2.0 * draws.unit() - 1.0),
                part.to_owned(),
            ]
        })
        .collect()
}

fn place(rows: &[[String; 4]]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut table = "name\tsequence\tA\tpart\n".to_owned();
    for row in rows {
        let _ = writeln!(table, "{}", row.join("\t"));
    }
    fs_err::write(folder.path().join("rows.tsv"), table).unwrap();
    fs_err::write(folder.path().join("table.toml"), STUDY).unwrap();
    folder
}

fn run(folder: &Path, more: &[&str]) -> Ran {
    let mut all = vec!["run", "table.toml", "--progress", "none"];
    all.extend(more);
    run_in(folder, &all)
}

/// The errors of a command as programs get them.
fn errors(ran: &Ran) -> (i64, Vec<Value>) {
    let answer: Value = serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|e| panic!("{e}\n{}\n{}", ran.stdout, ran.stderr));
    assert_eq!(answer["schema"], 1);
    assert!(!ran.stderr.is_empty(), "people are told too");
    (
        answer["exit_code"].as_i64().unwrap(),
        answer["errors"].as_array().unwrap().clone(),
    )
}

#[test]
fn unreadable_data_exit_with_4_whoever_reads_them() {
    let mut broken = rows();
    broken[4][2] = "1e39".to_owned();
    let folder = place(&broken);
    for arguments in [
        &["data", "inspect", "table.toml"][..],
        &["data", "inspect", "rows.tsv"],
        &["run", "table.toml", "--progress", "none"],
    ] {
        let ran = run_in(folder.path(), arguments);
        assert_eq!(ran.code, 4, "{arguments:?}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("rows.tsv:6, `A`") && ran.stderr.contains("`1e39`"),
            "{arguments:?}: {}",
            ran.stderr
        );
    }
    let ran = run_in(
        folder.path(),
        &["data", "inspect", "table.toml", "--format", "json"],
    );
    let (code, errors) = errors(&ran);
    assert_eq!((code, &errors[0]["code"]), (4, &Value::from("data")));
}

#[test]
fn errors_of_an_experiment_file_are_an_object_for_programs() {
    let folder = place(&rows());
    let text = STUDY
        .replace("name = \"table\"", "name = \"Table\"\ntag = 1")
        .replace(
            "epochs = 1",
            "epochs = 0\nearly_stopping = { metric = \"validation/pearson\" }",
        );
    fs_err::write(folder.path().join("table.toml"), text).unwrap();
    let ran = run_in(folder.path(), &["plan", "table.toml", "--format", "json"]);
    assert_eq!(ran.code, 3);
    let (code, errors) = errors(&ran);
    assert_eq!(code, 3);
    let found: Vec<(&str, i64)> = errors
        .iter()
        .map(|e| (e["path"].as_str().unwrap(), e["line"].as_i64().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("study.name", 3),
            ("study.tag", 4),
            ("training.epochs", 24),
            ("training.early_stopping.metric", 25),
        ],
        "a section with one mistake is read for all others"
    );
}

#[test]
fn leakage_is_allowed_by_name_and_counted() {
    let mut leaking = rows();
    leaking[3][1] = leaking[0][1].clone();
    let folder = place(&leaking);
    let ran = run(folder.path(), &[]);
    assert_eq!(ran.code, 4);
    assert!(
        ran.stderr.contains("`s0` (train) and `s3` (test)")
            && ran.stderr.contains("allow_leakage = [\"train/test\"]"),
        "{}",
        ran.stderr
    );
    // The usual spellings, in either order.
    let ran = run(
        folder.path(),
        &["--set", "split.allow_leakage=[\"test/training\"]"],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let page = fs_err::read_to_string(folder.path().join("runs/table/report.html")).unwrap();
    assert!(page.contains("1 groups have rows in the train part and in the test part"));
    assert!(page.contains("1 of 16 test rows resemble a train row (1 the same sequence"));
    // What a run allowed is not allowed for the next.
    let ran = run(folder.path(), &[]);
    assert_eq!(ran.code, 4);
    assert!(
        ran.stderr
            .contains("1 of 16 test rows are in the train part as well"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_sequence_in_two_parts_that_do_not_train_is_leakage_too() {
    let mut leaking = rows();
    leaking[3][1] = leaking[2][1].clone();
    let folder = place(&leaking);
    let ran = run(folder.path(), &["--set", "split.group=\"none\""]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("/test\"]`") && ran.stderr.contains("`s2` and `s3`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_task_that_a_part_never_measured_is_refused_before_training() {
    let mut missing = rows();
    for row in &mut missing {
        if row[3] == "test" {
            row[2] = "NA".to_owned();
        }
    }
    let ran = run(place(&missing).path(), &[]);
    assert_eq!(ran.code, 4);
    assert!(
        ran.stderr
            .contains("no test row has a measurement of `A`; leave the task out"),
        "{}",
        ran.stderr
    );
}

#[test]
fn every_model_and_their_means_have_intervals() {
    let folder = place(&rows());
    let ran = run(folder.path(), &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let table = |name: &str| {
        fs_err::read_to_string(folder.path().join("runs/table/tables").join(name)).unwrap()
    };
    let metrics = table("metrics.csv");
    for metric in ["pearson", "spearman", "rmse", "mse", "mae"] {
        for model in [
            "member-0",
            "member-1",
            "mean of members",
            "ensemble",
            "student-0",
            "mean of students",
        ] {
            let line = metrics
                .lines()
                .find(|line| line.contains(&format!(",{model},test,A,{metric},")))
                .unwrap_or_else(|| panic!("{model} {metric}\n{metrics}"));
            let numbers: Vec<f64> = line
                .split(',')
                .skip(5)
                .take(3)
                .map(|cell| cell.parse().unwrap_or_else(|_| panic!("{line}")))
                .collect();
            let [value, low, high] = numbers[..] else {
                panic!("{line}")
            };
            assert!(low <= value && value <= high, "{line}");
        }
    }
    let why = run_in(
        folder.path(),
        &[
            "why",
            "table.toml",
            "train/member-0",
            "--set",
            "architecture.dropout=0.1",
        ],
    );
    let line = why.stdout.lines().find(|l| l.contains("dropout"));
    assert!(
        line.is_some_and(|l| l.contains("--set #1")),
        "{}",
        why.stdout
    );
    for (arguments, problem) in [
        (
            &["show", "train/member-7"][..],
            "did you mean `train/member-",
        ),
        (
            &["run", "table.toml", "--only", "tarin/*"],
            "no task matches tarin/*",
        ),
        (&["run", "table.toml", "--jobs", "0"], "at least 1"),
        (
            &[
                "predict",
                "runs/table/models/student-0",
                "--fasta",
                "x.fa",
                "--interval",
                "90",
            ],
            "as in 0.9",
        ),
    ] {
        let ran = run_in(folder.path(), arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(
            ran.stderr.contains(problem),
            "{arguments:?}: {}",
            ran.stderr
        );
    }
    let ran = run_in(folder.path(), &["predict", "runs/table", "--fasta", "x.fa"]);
    assert_eq!(ran.code, 4);
    assert!(
        ran.stderr
            .contains("found a run, whose models are models/member-0"),
        "{}",
        ran.stderr
    );
    // A failed prediction leaves nothing behind.
    fs_err::write(folder.path().join("bad.fa"), ">a\nACGJ\n").unwrap();
    let ran = run_in(
        folder.path(),
        &[
            "predict",
            "runs/table/models/student-0",
            "--fasta",
            "bad.fa",
            "-o",
            "out.tsv",
        ],
    );
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    let left = fs_err::read_dir(folder.path()).unwrap();
    assert!(
        !left
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("out"))
    );
    // Parameters of plugins on the command line are refused in words.
    let ran = run_in(
        folder.path(),
        &[
            "plugins",
            "check",
            "architecture/deepstarr",
            "--set",
            "drpout=1",
        ],
    );
    assert_eq!(ran.code, 3);
    assert!(
        ran.stderr
            .contains("no parameter `drpout`, did you mean `dropout`?"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_cannot_be_trained_or_calibrated_is_refused_before_it_starts() {
    let folder = place(&rows());
    for (set, problem) in [
        (
            &[
                "ensemble.members=1",
                "distill.targets=[\"mean\"]",
                "calibration.main={plugin=\"split-conformal\",alpha=[0.5]}",
            ][..],
            "takes an epistemic spread",
        ),
        (
            &["calibration.band={plugin=\"cqr\",alpha=[0.1]}"],
            "[calibration.band] takes quantiles, which neither members nor students predict",
        ),
        (
            &[
                "calibration.main={plugin=\"split-conformal\",alpha=[0.5],score=\"normalized\",scale=\"aleatoric\"}",
            ],
            "takes an aleatoric spread, which neither members nor students predict",
        ),
    ] {
        let mut arguments = vec!["plan", "table.toml"];
        for set in set {
            arguments.extend(["--set", set]);
        }
        let ran = run_in(folder.path(), &arguments);
        assert_eq!(ran.code, 3, "{set:?}: {}", ran.stderr);
        // Lines are wrapped at the width of the page.
        let text: Vec<&str> = ran
            .stderr
            .split_whitespace()
            .filter(|w| *w != "│")
            .collect();
        assert!(text.join(" ").contains(problem), "{}", ran.stderr);
    }
    let band = "calibration.band={plugin=\"cqr\",alpha=[0.1]}";
    let served = [
        "plan",
        "table.toml",
        "--set",
        band,
        "--set",
        "ensemble.head={plugin=\"quantile\"}",
    ];
    let ran = run_in(folder.path(), &served);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}
