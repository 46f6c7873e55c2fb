//! Heads in a study: single networks evaluated, calibrated and asked for predictions; what is
//! refused before training.

use std::path::Path;

use crate::support::run_in;

/// A study of one small network that takes seconds.
const SINGLE: &str = r#"
[study]
name = "single"
seed = 3

[dataset]
plugin = "simulated"
train = 160
validation = 120
test = 80
length = 60
replicates = 2

[split]
kind = "files"
calibration = 0.5

[architecture]
plugin = "deepstarr"
filters = [8, 4, 4, 4]
units = [8, 8]
dropout = 0.3
norm = "torch"

[ensemble]
members = 1
head = { HEAD }

[training]
epochs = 2
batch_size = 32

[distill]
enabled = false
head = { plugin = "distilled" }

[calibration.scaled]
plugin = "split-conformal"
alpha = [0.2]
score = "SCORE"
scale = "SCALE"

[evaluation]
splits = ["test"]
metrics = ["pearson", "interval_coverage"]
"#;

/// Runs the study; `scale` is the spread that intervals follow, or empty for intervals of one
/// width.
fn study(place: &Path, head: &str, scale: &str, set: &[&str]) -> crate::support::Ran {
    let (score, scale) = match scale {
        "" => ("absolute", "epistemic"),
        scale => ("normalized", scale),
    };
    let text = SINGLE
        .replace("HEAD", head)
        .replace("SCORE", score)
        .replace("SCALE", scale);
    fs_err::write(place.join("single.toml"), text).unwrap();
    let mut arguments = vec!["run", "single.toml", "--progress", "none"];
    for set in set {
        arguments.extend(["--set", set]);
    }
    run_in(place, &arguments)
}

fn predictions(place: &Path, interval: bool) -> Vec<Vec<String>> {
    let sequence = "ACGTTGCAAC".repeat(6);
    let table = format!(
        "id\tsequence\na\t{sequence}\nb\t{}\n",
        sequence.replace('A', "T")
    );
    fs_err::write(place.join("x.tsv"), table).unwrap();
    let mut arguments = vec!["predict", "runs/single/models/member-0", "--table", "x.tsv"];
    if interval {
        arguments.extend(["--interval", "0.8"]);
    }
    let ran = run_in(place, &arguments);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout
        .lines()
        .map(|l| l.split('\t').map(str::to_owned).collect())
        .collect()
}

/// Every head that predicts a spread of its own: its model folder alone gives intervals.
#[test]
fn a_single_network_is_calibrated_like_an_ensemble() {
    for (head, scale) in [
        ("plugin = \"gaussian\"", "aleatoric"),
        ("plugin = \"evidential\"", "total"),
        ("plugin = \"mc-dropout\", samples = 5", "epistemic"),
        ("plugin = \"replicate\", loss = \"likelihood\"", "aleatoric"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ran = study(folder.path(), head, scale, &[]);
        assert_eq!(ran.code, 0, "{head}\n{}{}", ran.stdout, ran.stderr);
        let rows = predictions(folder.path(), true);
        assert_eq!(rows.len(), 3, "a header and two sequences");
        let number = |row: usize, name: &str| -> f64 {
            let column = rows[0].iter().position(|c| c == name).unwrap();
            rows[row][column].parse().unwrap()
        };
        for row in [1, 2] {
            assert!(number(row, "total") > 0.0, "{head}");
            assert!(number(row, "lower") < number(row, "mean"), "{head}");
            assert!(number(row, "upper") > number(row, "mean"), "{head}");
        }
    }
}

#[test]
fn quantiles_are_stored_and_printed() {
    let folder = tempfile::tempdir().unwrap();
    let head = "plugin = \"quantile\", levels = [0.1, 0.5, 0.9]";
    let ran = study(folder.path(), head, "", &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let rows = predictions(folder.path(), false);
    let tail = |row: &Vec<String>| row[row.len() - 3..].to_vec();
    assert_eq!(tail(&rows[0]), ["q0.1", "q0.5", "q0.9"]);
    for row in &rows[1..] {
        let q: Vec<f64> = tail(row).iter().map(|v| v.parse().unwrap()).collect();
        assert!(q[0] < q[1] && q[1] < q[2], "{row:?}");
        assert_eq!(row[2], tail(row)[1], "the mean is the median");
    }
}

#[test]
fn samples_need_dropout() {
    let folder = tempfile::tempdir().unwrap();
    let ran = study(
        folder.path(),
        "plugin = \"mc-dropout\"",
        "",
        &["architecture.dropout=0.0"],
    );
    assert_ne!(ran.code, 0);
    assert!(
        ran.stderr.contains("dropout in the network"),
        "{}",
        ran.stderr
    );
}

/// Refused when planned: nothing has been trained.
#[test]
fn labels_that_the_dataset_lacks_are_refused_before_training() {
    for (head, set, word) in [
        (
            "plugin = \"replicate\"",
            "dataset.replicates=1",
            "one measurement per target",
        ),
        (
            "plugin = \"replicate\", weights = \"barcodes\"",
            "dataset.replicates=2",
            "does not count any",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ran = study(folder.path(), head, "", &[set]);
        assert_ne!(ran.code, 0);
        assert!(ran.stderr.contains(word), "{}", ran.stderr);
        let trained = folder.path().join("runs/single/models").exists();
        assert!(!trained);
    }
}

#[test]
fn a_students_head_fits_what_students_learn() {
    let folder = tempfile::tempdir().unwrap();
    let sets = [
        "distill.enabled=true",
        "ensemble.members=2",
        "distill.head.plugin=\"gaussian\"",
    ];
    let ran = study(folder.path(), "plugin = \"point\"", "", &sets);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("does not fit the targets"),
        "{}",
        ran.stderr
    );
}

/// Heteroscedastic members, a bootstrap, labels from the members that did not see a row, and a
/// student of all three parts.
#[test]
fn a_student_learns_from_heteroscedastic_members_that_were_held_out() {
    let folder = tempfile::tempdir().unwrap();
    let sets = [
        "distill.enabled=true",
        "ensemble.members=4",
        "ensemble.vary=[\"init\", \"order\", \"bootstrap\"]",
        "distill.label_members=\"held_out\"",
        "distill.ddof=\"c4\"",
        "distill.targets=[\"mean\", \"epistemic\", \"aleatoric\"]",
    ];
    let ran = study(folder.path(), "plugin = \"gaussian\"", "total", &sets);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(
        folder
            .path()
            .join("runs/single/models/student-0/card.json")
            .exists()
    );
    // Without a bootstrap no member is held out.
    let ran = study(
        folder.path(),
        "plugin = \"gaussian\"",
        "total",
        &[&sets[..2], &sets[3..]].concat(),
    );
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("none is held out"), "{}", ran.stderr);
}
