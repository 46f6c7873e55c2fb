//! A study on profiles, from the experiment file to predictions of a model folder.

use std::{collections::BTreeMap, io::Read as _, path::Path};

use degu_core::OutputKind;
use degu_train::SavedModel;
use serde_json::Value;

use crate::support::columns;

const BINS: usize = 12;
const LENGTH: usize = 48;
const TEST: usize = 80;

fn experiment(folder: &Path, name: &str, architecture: &str) -> String {
    let at = |part: &str| folder.join(part).display().to_string();
    let text = format!(
        r#"
[study]
name = "{name}"
store = "{}"
runs = "{}"

[dataset]
plugin = "kit-profile"
length = {LENGTH}
bins = {BINS}
test = {TEST}

[architecture]
plugin = "kit-profile-tower"
{architecture}

[ensemble]
members = 3
head = {{ plugin = "kit-profile-rate" }}

[training]
epochs = 12
batch_size = 32
optimizer = {{ kind = "adam", lr = 1e-2 }}

[distill]
students = 2
targets = ["mean", "epistemic", "aleatoric"]
head = {{ plugin = "distilled" }}

[calibration.absolute]
plugin = "split-conformal"
alpha = [0.2]
score = "absolute"

[calibration.scaled]
plugin = "split-conformal"
alpha = [0.2]
score = "normalized"
scale = "total"

[attribute.saliency]
plugin = "saliency"
targets = [{{ part = "mean", task = "ap1" }}, {{ part = "epistemic" }}]
sequences = {{ split = "test", top_n = 6, by = "sp1" }}

[shift.mutated]
plugin = "mutagenesis"
severities = [0.25]

[evaluation]
splits = ["test"]
metrics = ["pearson", "mse", "interval_coverage", "interval_width"]
bootstrap = {{ n = 50 }}
"#,
        at("store"),
        at("runs"),
    );
    let file = folder.join(format!("{name}.toml"));
    fs_err::write(&file, text).unwrap();
    file.display().to_string()
}

/// A command of the program with this binary's plugins linked in.
fn degu_lab(arguments: &[&str]) -> u8 {
    let all = std::iter::once("degu-lab").chain(arguments.iter().copied());
    degu_cli::run_with(all)
}

/// A table written by the program, column by column.
fn table(path: &Path) -> BTreeMap<String, Vec<String>> {
    let mut reader = csv_reader(path);
    let header: Vec<String> = reader.remove(0);
    let mut all: BTreeMap<String, Vec<String>> =
        header.iter().map(|h| (h.clone(), Vec::new())).collect();
    for row in reader {
        for (name, field) in header.iter().zip(row) {
            all.get_mut(name).unwrap().push(field);
        }
    }
    all
}

fn csv_reader(path: &Path) -> Vec<Vec<String>> {
    let text = fs_err::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            // Fields with commas are quoted and hold no quotes here.
            let mut fields = vec![String::new()];
            let mut quoted = false;
            for c in line.chars() {
                match c {
                    '"' => quoted = !quoted,
                    ',' if !quoted => fields.push(String::new()),
                    c => fields.last_mut().unwrap().push(c),
                }
            }
            fields
        })
        .collect()
}

fn gunzip(path: &Path) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs_err::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[test]
fn a_study_on_profiles_runs_from_end_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = experiment(folder.path(), "profiles", "");
    assert_eq!(degu_lab(&["run", &file, "--progress", "none"]), 0);
    let run = folder.path().join("runs/profiles");

    // Evaluation: both tasks, and the mean of the members is never worse than the mean member
    // (Jensen).
    let metrics = table(&run.join("tables/metrics.csv"));
    let value = |kind: &str, metric: &str, task: &str| -> f64 {
        let row = (0..metrics["kind"].len()).find(|&i| {
            metrics["kind"][i] == kind
                && metrics["metric"][i] == metric
                && metrics["task"][i] == task
        });
        let row = row.unwrap_or_else(|| panic!("no {metric} of {kind} on {task}: {metrics:?}"));
        metrics["value"][row].parse().unwrap()
    };
    for task in ["ap1", "sp1"] {
        assert!(value("ensemble", "mse", task) <= value("mean-member", "mse", task));
        assert!(
            value("ensemble", "pearson", task) > 0.4,
            "the bumps are learned"
        );
        assert!(value("mean-student", "pearson", task) > 0.4);
    }

    // Calibration: every bin of every task has a calibrator of its own; rows of one sequence are no
    // independent draws, so a band of the pooled coverage is not claimed, and the bins' own bands
    // are checked over random cuts.
    let calibration = table(&run.join("tables/calibration.csv"));
    assert!(
        calibration["band_low"].iter().all(String::is_empty),
        "{calibration:?}"
    );
    for coverage in &calibration["interval_coverage"] {
        let coverage: f64 = coverage.parse().unwrap();
        assert!((0.65..=0.95).contains(&coverage), "{coverage}");
    }
    let cuts = table(&run.join("tables/coverage_resplits.csv"));
    for i in 0..cuts["model"].len() {
        let number = |name: &str| -> f64 { cuts[name][i].parse().unwrap() };
        assert!(
            (number("mean_coverage") - number("expected")).abs() < 0.02,
            "{cuts:?}"
        );
        assert!((0.8..=1.0).contains(&number("within_band")), "{cuts:?}");
    }

    // Attribution: the sequences with the largest total of the named task, highest first.
    let maps = table(&run.join("tables/attribution_consistency.csv"));
    assert!(
        maps["task"].iter().any(|t| t == "sp1"),
        "epistemic maps of both tasks"
    );
    assert!(run.join("report.html").is_file());

    // Predictions: one line per bin.
    let predictions = columns(&gunzip(&run.join("predictions.tsv.gz")));
    let of_test = predictions["split"].iter().filter(|s| *s == "test").count();
    assert_eq!(of_test, TEST * BINS * 2);
    assert_eq!(
        predictions["bin"].iter().filter(|b| *b == "11").count() * BINS,
        predictions["bin"].len()
    );

    // The model folder is enough by itself.
    let model = run.join("models/student-0");
    let card = SavedModel::load(&model).unwrap().card;
    assert_eq!(card.output, OutputKind::Profile { bins: BINS });
    assert_eq!(card.labels.tasks, ["ap1", "sp1"]);
    let fasta = folder.path().join("x.fa");
    fs_err::write(
        &fasta,
        format!(">a\n{}\n>b\n{}\n", "ACGT".repeat(12), "TTGA".repeat(12)),
    )
    .unwrap();
    let out = folder.path().join("out.tsv");
    let arguments = [
        "predict",
        model.to_str().unwrap(),
        "--fasta",
        fasta.to_str().unwrap(),
        "--interval",
        "0.8",
        "--output",
        out.to_str().unwrap(),
    ];
    assert_eq!(degu_lab(&arguments), 0);
    let predicted = columns(&fs_err::read_to_string(&out).unwrap());
    assert_eq!(predicted["bin"].len(), 2 * BINS * 2);
    for i in 0..predicted["mean"].len() {
        let number = |name: &str| -> f64 { predicted[name][i].parse().unwrap() };
        assert!(number("lower") < number("mean") && number("mean") < number("upper"));
    }

    // What is in the store is not computed again.
    let before = events(&run);
    assert_eq!(degu_lab(&["run", &file, "--progress", "none"]), 0);
    let started = |events: &[Value]| {
        events
            .iter()
            .filter(|e| e["event"] == "task_started")
            .count()
    };
    let after = events(&run);
    assert!(started(&before) > 0, "{:?}", before.first());
    assert_eq!(started(&after), started(&before));
}

fn events(run: &Path) -> Vec<Value> {
    fs_err::read_to_string(run.join("events.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_network_that_makes_its_raw_profile_itself_runs_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = experiment(folder.path(), "direct", "direct = true");
    let fewer = [
        "run",
        &file,
        "--progress",
        "none",
        "--set",
        "training.epochs=2",
        "--set",
        "ensemble.members=2",
        "--set",
        "distill.students=1",
    ];
    assert_eq!(degu_lab(&fewer), 0);
    assert!(
        folder
            .path()
            .join("runs/direct/models/student-0/card.json")
            .is_file()
    );
}

#[test]
fn a_scalar_network_refuses_profiles_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = experiment(folder.path(), "scalar", "");
    let text = fs_err::read_to_string(&file).unwrap();
    fs_err::write(&file, text.replace("kit-profile-tower", "deepstarr")).unwrap();
    assert_eq!(degu_lab(&["run", &file, "--progress", "none"]), 5);
    let told = events(&folder.path().join("runs/scalar"))
        .iter()
        .any(|e| e.to_string().contains("DeepStarr") && e.to_string().contains("profile output"));
    assert!(told);
}
