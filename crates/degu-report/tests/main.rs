//! The report, from outside. One binary.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests panic with a reason"
)]

mod arms;
mod common;
mod drawing;
mod page;
mod settings;
mod trust;
