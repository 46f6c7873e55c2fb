//! How the workspace is built: arrows between crates, and sources that stay small and readable.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

mod arrows;
mod circles;
mod lines;
mod sources;
