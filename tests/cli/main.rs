//! The command line from outside: what it prints, where, and with which exit code.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

mod check;
mod help;
mod keras;
mod plugins;
mod predict;
mod study;
mod support;
