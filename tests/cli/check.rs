//! `plugins check`: every plugin that comes with the binary keeps the contract of its slot.

use serde_json::Value;

use crate::support::{ok, run};

/// Names of all plugins of a slot.
fn names(slot: &str) -> Vec<String> {
    let text = ok(&["plugins", "list", "--slot", slot, "--format", "json"]);
    let listing: Value = serde_json::from_str(&text).unwrap();
    listing["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap().to_owned())
        .collect()
}

fn all_pass(slot: &str) {
    let broken: Vec<String> = names(slot)
        .into_iter()
        .map(|name| run(&["plugins", "check", &format!("{slot}/{name}")]))
        .filter(|ran| ran.code != 0)
        .map(|ran| format!("{}{}", ran.stdout, ran.stderr))
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn architectures() {
    all_pass("architecture");
}

#[test]
fn heads() {
    all_pass("uncertainty-head");
}

#[test]
fn datasets() {
    all_pass("dataset");
}

#[test]
fn augmentations_and_shifts() {
    all_pass("augmentation");
    all_pass("shift");
}

#[test]
fn attributors() {
    all_pass("attributor");
}

#[test]
fn calibrators() {
    all_pass("calibrator");
}

#[test]
fn metrics() {
    all_pass("metric");
}

#[test]
fn a_check_takes_parameters_and_refuses_unknown_ones() {
    let report: Value = serde_json::from_str(&ok(&[
        "plugins",
        "check",
        "dataset/simulated",
        "--set",
        "train=50",
        "--format",
        "json",
    ]))
    .unwrap();
    assert_eq!(report["schema"], 1);
    assert_eq!(report["slot"], "dataset");
    let ran = run(&[
        "plugins",
        "check",
        "architecture/deepstarr",
        "--set",
        "dropuot=0.1",
    ]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("dropuot"), "{}", ran.stderr);
    assert_eq!(
        run(&["plugins", "check", "deepstarr", "--set", "dropout"]).code,
        3
    );
}

#[test]
fn a_dataset_is_checked_on_the_files_that_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..40)
        .map(|i| {
            format!(
                "r{i}\t{}\t{}\n",
                ["ACGTACGTGA", "CCGTTAGTGA"][i % 2].repeat(2),
                i
            )
        })
        .collect();
    let table = folder.path().join("x.tsv");
    fs_err::write(&table, format!("name\tsequence\tactivity\n{rows}")).unwrap();
    let file = format!("file.path={:?}", table.to_str().unwrap());
    let text = ok(&[
        "plugins",
        "check",
        "dataset/table",
        "--set",
        &file,
        "--set",
        "tasks=[\"activity\"]",
    ]);
    assert!(text.contains("0 failed"), "{text}");
    assert!(
        text.lines()
            .any(|line| line.starts_with("D2") && line.contains("passed")),
        "{text}"
    );
}
