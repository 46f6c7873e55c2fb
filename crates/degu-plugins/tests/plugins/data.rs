//! Data sets: small tables with known contents, and the real ones where they are present.

mod deepstarr;
mod lentimpra;
mod simulated;
mod table;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// A file of a test.
fn write(folder: &tempfile::TempDir, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Parameters that name one file, and more.
fn params(path: &Path, more: Value) -> Value {
    let mut params = json!({"file": {"path": path}});
    params
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    params
}

/// A file handed beside the project, if it is there.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}
