//! Files of the store that were cut or changed.

use std::path::Path;

use serde_json::Value;

use super::{assert_undisturbed, command, copy_of, events, object, reference};
use crate::support::run_in;

fn cut(file: &Path) {
    let bytes = fs_err::read(file).unwrap();
    fs_err::write(file, &bytes[..bytes.len() / 2]).unwrap();
}

fn flip(file: &Path) {
    let mut bytes = fs_err::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::write(file, bytes).unwrap();
}

#[test]
fn a_cut_and_a_flipped_result_are_noticed_named_and_computed_again() {
    let folder = copy_of(reference());
    let member = object(folder.path(), "train/member-0").join("model.safetensors");
    let student = object(folder.path(), "distill/student-0").join("predictions.safetensors");
    cut(&member);
    flip(&student);
    let ran = run_in(folder.path(), &command("run", 1));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let finished: Vec<&str> = told["finished"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(finished, ["train/member-0", "distill/student-0"]);
    let warnings: Vec<String> = events(folder.path(), "lost")
        .iter()
        .filter(|e| e["event"] == "message" && e["level"] == "warning")
        .map(|e| e["text"].as_str().unwrap().to_owned())
        .collect();
    for file in [&member, &student] {
        let relative = file
            .strip_prefix(folder.path())
            .unwrap()
            .display()
            .to_string();
        let named = warnings
            .iter()
            .any(|w| w.contains(&relative) && w.contains("digest"));
        assert!(named, "{relative}: {warnings:?}");
    }
    assert_undisturbed(folder.path(), "lost");
}

#[test]
fn verify_names_what_is_damaged_and_the_next_run_computes_it_again() {
    let folder = copy_of(reference());
    flip(&object(folder.path(), "prepare").join("codes.u8"));
    let verified = run_in(folder.path(), &["verify"]);
    assert_eq!(verified.code, 7, "{}", verified.stdout);
    for part in ["codes.u8", "1 damaged", "moved to"] {
        assert!(verified.stdout.contains(part), "{}", verified.stdout);
    }
    assert_eq!(run_in(folder.path(), &["verify"]).code, 0);
    let ran = run_in(folder.path(), &command("run", 1));
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["finished"], serde_json::json!(["prepare"]));
    assert_undisturbed(folder.path(), "lost");
}
