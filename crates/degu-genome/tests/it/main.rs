//! Files as published, golden values and real data.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

mod goldens;
mod hdf5;
mod real_data;
mod workbook;

use std::path::PathBuf;

/// A committed fixture.
pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data")).join(name)
}

/// A file handed beside the project; `None`, with a line that says so, where it is absent.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")).join(name);
    if path.exists() {
        return Some(path);
    }
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    {
        eprintln!("skipped: ../shared/{name} is not there");
    }
    None
}
