//! The plugins, through the registry. One binary: each links all of candle.
#![expect(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    clippy::print_stdout,
    reason = "helpers of tests"
)]

mod attribution;
mod data;
mod heads;
mod sequences;

use degu_plugins as _;
