//! Tests of the layers, losses, parameters and optimizers against oracles.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

mod candle_defects;
mod common;
mod device_engine;
mod engines;
#[expect(dead_code, reason = "models are for the tests of the bundle")]
mod golden_model;
mod goldens;
mod gradients;
mod graph_layers;
mod loss_gradients;
mod losses;
mod models;
mod networks;
mod optimizers;
mod probe;
mod rescale;
mod rules;
mod samples;
mod schedules;
mod stores;
