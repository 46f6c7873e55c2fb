//! Each stage by itself on a few rows: what it writes follows from what it reads.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod helpers;
mod judging;
mod naming;
mod networks;
mod preparing;

// Links the plugins.
use degu_plugins as _;
