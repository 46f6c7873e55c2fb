//! The oracle values of `tests/data/uq.json`, read by name: no size, level or grid is written here.
//!
//! A case that no check knows fails, and so does a known case that is missing. Another file of the
//! same format can be tested with the environment variable `DEGU_UQ_FIXTURE`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::float_cmp,
    reason = "helpers of a test, as the test itself"
)]

mod file;
mod heads;
mod main_block;
mod other_blocks;

use file::{Check, Fixture};

/// Gradients of loss heads are checked where the heads live; their losses are plain formulas and
/// are checked here.
const LEFT_TO_THE_HEADS: &[(&str, &str)] = &[
    ("heads/gaussian_log_var", "field grad"),
    ("heads/gaussian_softplus", "field grad"),
    ("heads/beta_nll_0.5", "field grad"),
    ("heads/nig", "field grad"),
    ("heads/pinball", "field grad"),
];

#[test]
fn every_case_agrees_with_its_oracle() {
    let path = std::env::var("DEGU_UQ_FIXTURE")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/uq.json").to_owned());
    let fixture = Fixture::read(&path);
    let checks: Vec<(&str, Check)> = [main_block::CHECKS, other_blocks::CHECKS, heads::CHECKS]
        .into_iter()
        .flatten()
        .copied()
        .collect();

    let mut failures = Vec::new();
    for name in fixture.case_names() {
        if !checks.iter().any(|(known, _)| *known == name) {
            failures.push(format!("{name}: no check knows this case"));
        }
    }
    let mut compared = 0;
    for (name, check) in &checks {
        if !fixture.has(name) {
            failures.push(format!("{name}: missing in {path}"));
            continue;
        }
        let got = check(&fixture, name);
        let left_out = LEFT_TO_THE_HEADS
            .iter()
            .any(|(case, _)| case == name)
            .then_some("grad");
        compared += fixture.compare(name, &got, left_out, &mut failures);
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
    println!("{} cases, {compared} numbers", checks.len());
    assert!(compared > checks.len());
}
