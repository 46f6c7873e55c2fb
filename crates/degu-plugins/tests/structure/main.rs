//! How the workspace is built: arrows between crates, and sources that stay small and readable.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod arrows;
mod circles;
mod lines;
mod sources;
