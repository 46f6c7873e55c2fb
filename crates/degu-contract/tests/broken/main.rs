//! The contract suite under test: plugins that break one rule each must fail exactly its check, and
//! built-in ones none.
#![expect(clippy::expect_used, clippy::print_stderr, reason = "helpers of tests")]

mod architectures;
mod others;

use degu_contract::check;
use degu_core::Slot;
use serde_json::json;

/// Ids of the checks that a plugin fails.
fn failed(slot: Slot, name: &str) -> Vec<&'static str> {
    let report = check(slot, name, &json!({})).expect("the plugin is registered");
    let failed: Vec<&'static str> = report.failures().map(|check| check.id).collect();
    eprintln!("{report}");
    failed
}

#[test]
fn the_sound_architecture_passes() {
    assert_eq!(failed(Slot::Architecture, "sound"), [""; 0]);
}

#[test]
fn an_architecture_that_mixes_rows_fails_a3() {
    assert_eq!(failed(Slot::Architecture, "mixes-rows"), ["A3"]);
}

#[test]
fn an_architecture_with_a_nonlinearity_of_its_own_fails_a10() {
    assert_eq!(failed(Slot::Architecture, "bare-relu"), ["A10"]);
}

#[test]
fn an_architecture_with_an_unused_parameter_fails_a6() {
    assert_eq!(failed(Slot::Architecture, "dead-parameter"), ["A6"]);
}

#[test]
fn an_architecture_that_sees_codes_and_one_hot_differently_fails_a2() {
    assert_eq!(failed(Slot::Architecture, "two-inputs"), ["A2"]);
}

#[test]
fn an_architecture_of_one_width_for_all_lengths_fails_a1() {
    assert_eq!(failed(Slot::Architecture, "any-length"), ["A1"]);
}

#[test]
fn an_architecture_that_cuts_the_gradient_fails() {
    let found = failed(Slot::Architecture, "cut-gradient");
    assert!(found.contains(&"A5"), "{found:?}");
}

#[test]
fn parameters_without_ranges_or_descriptions_are_found() {
    assert_eq!(failed(Slot::Metric, "no-bounds"), ["C4"]);
    assert_eq!(failed(Slot::Metric, "no-docs"), ["C3"]);
    assert_eq!(failed(Slot::Metric, "dead-attribute"), ["C5"]);
    assert_eq!(failed(Slot::Metric, "shouts"), ["C1"]);
}

#[test]
fn metrics_that_depend_on_order_or_point_the_wrong_way_are_found() {
    assert_eq!(failed(Slot::Metric, "first-row"), ["M2"]);
    assert_eq!(failed(Slot::Metric, "upside-down"), ["M3"]);
    assert_eq!(failed(Slot::Metric, "not-a-number"), ["M4"]);
}

#[test]
fn a_head_that_ignores_its_mask_fails_h2() {
    assert_eq!(failed(Slot::UncertaintyHead, "maskless"), ["H2"]);
}

#[test]
fn a_head_with_negative_spreads_fails_h4() {
    assert_eq!(failed(Slot::UncertaintyHead, "negative-spread"), ["H4"]);
}

#[test]
fn changes_that_depend_on_the_batch_are_found() {
    assert_eq!(failed(Slot::Augmentation, "by-position"), ["G2"]);
    assert_eq!(failed(Slot::Augmentation, "always-alike"), ["G3"]);
    assert_eq!(failed(Slot::Shift, "never-still"), ["S3"]);
}

#[test]
fn a_dataset_whose_rows_depend_on_the_batch_fails_d2() {
    assert_eq!(failed(Slot::Dataset, "unordered"), ["D2"]);
}

#[test]
fn a_dataset_whose_groups_straddle_parts_fails_d4() {
    assert_eq!(failed(Slot::Dataset, "straddles"), ["D4"]);
}

#[test]
fn an_attributor_that_explains_the_wrong_task_fails_t3() {
    assert_eq!(failed(Slot::Attributor, "wrong-task"), ["T3"]);
}

#[test]
fn a_calibrator_that_guesses_fails() {
    let found = failed(Slot::Calibrator, "hopeful");
    assert!(found.contains(&"K2") && found.contains(&"K4"), "{found:?}");
}
