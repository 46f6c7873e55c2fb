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

/// Fields that this crate does not compute, by the start of the case's name. Gradients of loss
/// heads are checked where the heads live.
const FIELDS_LEFT_OUT: &[(&str, &[&str])] = &[
    ("heads/", &["grad"]),
    ("coverage_band", &["beta_q05", "beta_q95", "cdf_at_mean"]),
    ("main/gaussian_intervals", &["hsic", "cwc_eta30"]),
    ("main/kuleshov_anchored", &["quantile_of_row_0"]),
];

/// Cases of quantities that this crate does not compute.
const CASES_LEFT_OUT: &[&str] = &[
    "aci/alpha_path",
    "ensemble/crps_members",
    "ensemble/crps_mixture",
    "ensemble/expected_std_over_sigma_ddof0",
    "ensemble/nll_mixture",
    "main/check_score",
    "main/cps_crps_mean",
    "main/cps_p",
    "main/cps_p_smoothed",
    "main/cps_percentiles_05_95",
    "main/crps_ensemble_fair_mean",
    "main/interval_score",
    "main/pit_ece19",
    "main/qce15",
    "multi/energy_score_mean",
    "multi/mahalanobis_q",
    "pava/fit",
    "tied/cps_crps",
    "tied/cps_p",
    "tied/cps_p_smoothed",
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
        let known = checks.iter().map(|(known, _)| *known);
        if !known
            .chain(CASES_LEFT_OUT.iter().copied())
            .any(|known| known == name)
        {
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
        let left_out = FIELDS_LEFT_OUT
            .iter()
            .find(|(case, _)| name.starts_with(case))
            .map_or(&[][..], |(_, fields)| fields);
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
