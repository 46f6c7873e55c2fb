//! Keys of every experiment file, as they were when the golden files were written.
//!
//! A key that moves makes every user compute again. Where that is meant, review the new files with
//! `cargo insta review` and list the change under "Numbers changed" in the changelog.

use std::{fmt::Write as _, path::Path};

use serde_json::Value;

use crate::support::{run_with_data, shared};

/// `task key` of every planned task, one a line.
fn keys(file: &str, data: &Path, flags: &[&str]) -> String {
    let path = format!("experiments/{file}.toml");
    let ran = run_with_data(
        data,
        &[&["plan", &path, "--format", "json"], flags].concat(),
    );
    assert_eq!(ran.code, 0, "{file}: {}{}", ran.stdout, ran.stderr);
    let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
    let mut lines = String::new();
    for task in plan["tasks"].as_array().unwrap() {
        let (key, names) = (
            task["key"].as_str().unwrap(),
            task["names"].as_array().unwrap(),
        );
        for name in names {
            let _ = writeln!(lines, "{} {key}", name.as_str().unwrap());
        }
    }
    lines
}

#[test]
fn keys_of_the_quickstart() {
    let nowhere = Path::new("nowhere");
    insta::assert_snapshot!("quickstart", keys("quickstart", nowhere, &[]));
}

#[test]
fn keys_of_the_deepstarr_study_with_a_stand_in_for_its_table() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("deepstarr_all_data.txt"), "a stand-in\n").unwrap();
    insta::assert_snapshot!("deepstarr", keys("deepstarr", folder.path(), &[]));
}

#[test]
fn keys_of_the_studies_of_real_data() {
    let Some(table) = shared("agarwal_joint.tsv.gz") else {
        eprintln!("skipped: ../shared/data is not there");
        return;
    };
    let data = table.parent().unwrap();
    for file in [
        "lentimpra_joint",
        "lentimpra_joint_best",
        "lentimpra_k562",
        "lentimpra_shift_categories",
    ] {
        insta::assert_snapshot!(file, keys(file, data, &[]));
    }
    let flags = ["--ablation"];
    insta::assert_snapshot!(
        "uncertainty_benchmark",
        keys("uncertainty_benchmark", data, &flags)
    );
}
