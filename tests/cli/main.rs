//! The command line from outside: what it prints, where, and with which exit code.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::needless_range_loop,
    reason = "helpers of tests; a test that skips says so"
)]

mod ablation;
mod apply;
mod check;
mod choices;
mod deepstarr;
mod golden;
mod heads;
mod help;
mod keras;
mod lost;
mod options;
mod plugins;
mod predict;
mod profile;
mod refusals;
mod settings;
mod snapshots;
mod study;
mod support;
mod uncertainty;
