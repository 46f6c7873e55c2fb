//! Digests of source files, each read once.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use degu_core::{FileRef, Resolved};
use degu_workflow::store::Store;
use serde_json::{Value, json};

use crate::error::{Result, StageError};

/// Digests of the files that plugins name.
#[derive(Debug)]
pub struct FileDigests<'a> {
    store: Option<&'a Store>,
    known: BTreeMap<PathBuf, String>,
}

impl<'a> FileDigests<'a> {
    /// None known; the store remembers those of files that have not changed.
    pub fn new(store: Option<&'a Store>) -> Self {
        Self {
            store,
            known: BTreeMap::new(),
        }
    }

    /// The files that a plugin's parameters name, as they enter a key.
    pub(crate) fn of<T: ?Sized>(&mut self, plugin: &Resolved<T>) -> Result<Value> {
        let mut all = Vec::new();
        for (place, file) in plugin.files() {
            all.push(json!({ "of": place, "blake3": self.digest(&place, &file)? }));
        }
        Ok(json!(all))
    }

    fn digest(&mut self, place: &str, file: &FileRef) -> Result<String> {
        if let Some(known) = self.known.get(&file.path) {
            return Ok(known.clone());
        }
        if let Some(expected) = &file.sha256 {
            let found = sha256(&file.path)?;
            if !found.eq_ignore_ascii_case(expected) {
                return Err(StageError::Core(degu_core::Error::Data {
                    path: file.path.clone(),
                    at: None,
                    problem: format!(
                        "expected SHA-256 {expected}, found {found}; the file has changed or is incomplete"
                    ),
                }));
            }
        }
        let missing = |e: std::io::Error| {
            StageError::Core(degu_core::Error::Data {
                path: file.path.clone(),
                at: None,
                problem: format!(
                    "cannot be read ({e}); `dataset.{place}` names it, relative to the experiment file"
                ),
            })
        };
        let digest = match self.store {
            Some(store) if file.path.is_file() => store.file_digest(&file.path)?.to_string(),
            _ => {
                let mut hasher = blake3::Hasher::new();
                hasher
                    .update_reader(std::fs::File::open(&file.path).map_err(missing)?)
                    .map_err(missing)?;
                hasher.finalize().to_hex().to_string()
            }
        };
        self.known.insert(file.path.clone(), digest.clone());
        Ok(digest)
    }
}

fn sha256(path: &Path) -> Result<String> {
    use sha2::Digest as _;
    let mut file = fs_err::File::open(path)?;
    let mut hasher = sha2::Sha256::new();
    std::io::copy(&mut file, &mut hasher)?;
    Ok(hasher
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect())
}
