//! Loading and encoding a published table: `cargo bench --bench loading`. Prints a median; aim:
//! `agarwal_joint` within 1 s.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints what it measures, and fails where it cannot"
)]

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use degu_core::Dataset;
use degu_plugins as _;
use serde_json::json;

const RUNS: usize = 7;
const FILE: &str = "agarwal_joint.tsv.gz";

fn main() {
    let folder = std::env::var_os("DEGU_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let path = folder.join(FILE);
    if !path.is_file() {
        println!("skipped: {} is not there", path.display());
        return;
    }
    let params = json!({ "file": { "path": path }, "tasks": ["HepG2", "K562", "WTC11"] });
    let plugin = degu_core::find::<dyn Dataset>("lentimpra").unwrap();
    let resolved = plugin.resolve_json(&params).unwrap();
    let mut times = Vec::new();
    let (mut rows, mut bases) = (0, 0);
    for _ in 0..RUNS {
        let start = Instant::now();
        let data = resolved.build().unwrap();
        rows = data.rows().len();
        let all: Vec<usize> = (0..rows).collect();
        bases = data.read(&all).unwrap().codes.len();
        times.push(start.elapsed());
    }
    times.sort();
    println!(
        "{FILE}: {:.0} ms for {rows} rows, {bases} bases (median of {RUNS}; aim: 1000 ms)",
        1e3 * times[RUNS / 2].as_secs_f64()
    );
}
