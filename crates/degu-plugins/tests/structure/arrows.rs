//! The arrows between crates point one way.

use std::{collections::BTreeMap, process::Command};

/// What each crate may depend on, among ours.
const ALLOWED: &[(&str, &[&str])] = &[
    ("degu-stats", &[]),
    ("degu-kernels", &[]),
    ("degu-core", &["degu-stats"]),
    ("degu-genome", &["degu-core"]),
    ("degu-nn", &["degu-core", "degu-kernels"]),
    ("degu-train", &["degu-core", "degu-nn", "degu-stats"]),
    ("degu-report", &["degu-core", "degu-stats"]),
    ("degu-workflow", &[]),
    (
        "degu-contract",
        &["degu-core", "degu-nn", "degu-stats", "degu-train"],
    ),
    (
        "degu-config",
        &["degu-core", "degu-nn", "degu-stats", "degu-train"],
    ),
    (
        "degu-apply",
        &[
            "degu-core",
            "degu-genome",
            "degu-nn",
            "degu-stats",
            "degu-train",
        ],
    ),
    (
        "degu-study",
        &[
            "degu-apply",
            "degu-config",
            "degu-core",
            "degu-genome",
            "degu-nn",
            "degu-report",
            "degu-stats",
            "degu-train",
            "degu-workflow",
        ],
    ),
    (
        "degu-cli",
        &[
            "degu-apply",
            "degu-config",
            "degu-contract",
            "degu-core",
            "degu-genome",
            "degu-kernels",
            "degu-report",
            "degu-stats",
            "degu-study",
            "degu-train",
            "degu-workflow",
        ],
    ),
    ("degu-lab", &["degu-cli", "degu-plugins"]),
];

/// What a plugin may depend on.
const PLUGIN: &[&str] = &["degu-core", "degu-genome", "degu-nn", "degu-stats"];

/// Our dependencies of every package of the workspace, without those of tests.
fn arrows() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let ours = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|d| d["kind"].is_null())
                .map(|d| d["name"].as_str().unwrap().to_owned())
                .filter(|name| name.starts_with("degu-"))
                .collect();
            (package["name"].as_str().unwrap().to_owned(), ours)
        })
        .collect()
}

/// The first dependency that is not allowed.
fn forbidden(package: &str, dependencies: &[String]) -> Option<String> {
    if package == "degu-plugins" {
        let plugin =
            |name: &String| !ALLOWED.iter().any(|(known, _)| known == name) || name == "degu-core";
        return dependencies.iter().find(|d| !plugin(d)).cloned();
    }
    let allowed = ALLOWED
        .iter()
        .find(|(name, _)| *name == package)
        .map_or(PLUGIN, |(_, allowed)| allowed);
    dependencies
        .iter()
        .find(|d| !allowed.contains(&d.as_str()))
        .cloned()
}

#[test]
fn arrows_point_one_way() {
    let arrows = arrows();
    assert!(
        arrows.len() > ALLOWED.len(),
        "cargo metadata found {} packages",
        arrows.len()
    );
    for (package, dependencies) in &arrows {
        let found = forbidden(package, dependencies);
        assert!(found.is_none(), "{package} must not depend on {found:?}");
    }
}

#[test]
fn a_planted_arrow_is_found() {
    assert_eq!(
        forbidden("degu-arch-x", &["degu-train".to_owned()]),
        Some("degu-train".to_owned())
    );
    assert_eq!(
        forbidden("degu-nn", &["degu-train".to_owned()]),
        Some("degu-train".to_owned())
    );
    assert_eq!(
        forbidden("degu-plugins", &["degu-study".to_owned()]),
        Some("degu-study".to_owned())
    );
    assert_eq!(forbidden("degu-arch-x", &["degu-nn".to_owned()]), None);
}
