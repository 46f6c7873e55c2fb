//! What is written loads back.

use degu_config::{LoadOptions, Study};

use crate::common::{Folder, GOOD};

const RICH: &str = r#"
[training]
optimizer = { kind = "adamw", lr = 2e-3 }
schedule = { kind = "reduce_on_plateau", factor = 0.2, patience = 5, min_lr = 1e-7 }
early_stopping = { metric = "validation/loss", mode = "min", patience = 10 }
gradient_clip = 1
fine_tune = { epochs = 5, lr = 1e-4, patience = 5 }
device = "cuda:1"

[distill]
students = 2
ddof = "c4"
labels = "dynamic"
dynamic = { mode = "replace" }
mean_only_control = 1
[distill.training]
epochs = 60

[attribute."my.maps"]
plugin = "deepshap"
targets = [{ part = "mean" }, { part = "epistemic", task = "k562" }]
sequences = { split = "test", top_n = 10, by = "k562" }
forms = ["hypothetical"]

[shift.mutated]
plugin = "mutagenesis"
severities = [0.05, 0.25]

[evaluation]
metrics = ["pearson", "interval_width", { plugin = "crps", draws = 10 }]
bootstrap = { n = 200, unit = "cluster" }

[ablation]
primary_metric = "test/interval_width@0.1"
replicates = 2
set = { "distill.students" = 1 }
[ablation.arm.mean_only]
set = { "distill.targets" = ["mean"] }

[sweep.low_data]
axes = { "split.train_fraction" = [0.1, 1.0] }
[sweep.drawn]
kind = "random"
n = 3
axes = { "training.optimizer.lr" = { log_uniform = [1e-4, 1e-2] } }

[report]
compare_by = ["arm", "split.train_fraction"]
title = "5 $ and \"quotes\""
[track]
sinks = ["jsonl", "mlflow"]
mlflow = { uri = "http://localhost", experiment = "e" }
[executor]
kind = "slurm"
[executor.slurm]
extra = ["--constraint=$${h100}"]
"#;

fn rich() -> (Folder, Study) {
    let folder = Folder::new(&[("experiment.toml", &format!("schema = 1\n{GOOD}{RICH}"))]);
    let study = folder.study("experiment.toml");
    (folder, study)
}

#[test]
fn the_merged_file_is_a_fixed_point() {
    let (_folder, study) = rich();
    let merged = study.config().to_toml();
    let again = Study::parse("merged", &merged, &LoadOptions::default()).expect("loads");
    assert_eq!(again.to_json(), study.to_json());
    assert_eq!(again.config().to_toml(), merged);
}

#[test]
fn the_locked_file_is_a_fixed_point() {
    let (_folder, study) = rich();
    let locked = study.locked_toml();
    let again = Study::parse("locked", &locked, &LoadOptions::default()).expect("loads");
    assert_eq!(again.to_json(), study.to_json());
    assert_eq!(again.locked_toml(), locked);
    assert_eq!(
        study.executor.slurm.extra,
        ["--constraint=${h100}"],
        "a doubled dollar is one"
    );
    assert!(
        locked.contains("extra = [\"--constraint=$${h100}\"]"),
        "{locked}"
    );
}

#[test]
fn keys_do_not_depend_on_how_the_file_is_written() {
    let folder = Folder::new(&[
        ("plain.toml", GOOD),
        (
            "parts/data.toml",
            "[dataset]\nplugin = \"tiny\"\nfile = { path = \"../data/k562.tsv\" }\n",
        ),
        (
            "parts.toml",
            "# the same study\nextends = [\"parts/data.toml\"]\ncalibration.main = { alpha = [1e-1], plugin = \"split-conformal\" }\n\
             ensemble.members = 5\n[architecture]\ndropout = 2e-1\nplugin = \"residualbind\"\n\
             [study]\nseed = 7\nname = \"k562\"\n",
        ),
    ]);
    let json = |file: &str| {
        let mut json = folder.study(file).to_json();
        json["dataset"]["file"]["path"] = "elsewhere".into();
        json
    };
    assert_eq!(json("plain.toml"), json("parts.toml"));
}

#[test]
fn the_merged_file_reads_well() {
    let folder = Folder::new(&[(
        "experiment.toml",
        &GOOD.replace("data/k562.tsv", "/data/k562.tsv"),
    )])
    .set(&["training.optimizer={ kind = \"sgd\", lr = 1e-2 }"]);
    insta::assert_snapshot!("merged", folder.config("experiment.toml").to_toml());
    insta::assert_snapshot!("locked", folder.study("experiment.toml").locked_toml());
}

#[test]
fn every_value_has_an_origin() {
    let folder = Folder::new(&[(
        "experiment.toml",
        &GOOD.replace("data/k562.tsv", "/data/k562.tsv"),
    )])
    .set(&["ensemble.members=3"]);
    let lines: Vec<String> = folder
        .study("experiment.toml")
        .listing()
        .iter()
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!("listing", lines.join("\n"));
    let lines: Vec<String> = folder
        .config("experiment.toml")
        .listing()
        .iter()
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!("listing_of_layers", lines.join("\n"));
}
