//! Attribution methods, through the registry, against oracles and laws.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

#[path = "../../../degu-nn/tests/suite/golden_model.rs"]
mod golden_model;

mod contract;
mod ensemble;
mod errors;
mod goldens;
mod laws;
mod support;

use degu_plugins as _;
