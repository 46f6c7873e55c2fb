//! Attribution methods, through the registry, against oracles and properties.

#[path = "../../../degu-nn/tests/suite/golden_model.rs"]
mod golden_model;

mod contract;
mod ensemble;
mod errors;
mod goldens;
mod properties;
mod support;
