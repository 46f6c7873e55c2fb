//! Errors that say where and what.

use std::path::Path;

use degu_core::{Error, Slot};
use degu_genome::GenomeError;

/// Wraps an error of a reader, whose message says where and what.
pub(crate) fn reading(source: GenomeError) -> Error {
    Error::Plugin {
        slot: Slot::Dataset,
        name: "table",
        source: Box::new(source),
    }
}

/// Data that were read and cannot be used.
pub(crate) fn unusable(path: &Path, at: impl Into<Option<String>>, problem: String) -> Error {
    Error::Data {
        path: path.to_path_buf(),
        at: at.into(),
        problem,
    }
}
