//! The task that reads and splits the dataset.

use std::sync::Arc;

use serde_json::json;

use super::{
    super::{REVISION, Result, StageError},
    Planner, Work,
    fields::{bug, of, value},
    files::{FileParam, files, sha256, without_paths},
};
use degu_config::Study;
use degu_workflow::key::KeyFields;

impl Planner<'_> {
    pub(super) fn prepare(&mut self, study: &Arc<Study>) -> Result<String> {
        let plugin = &study.dataset.plugin;
        let mut digests = Vec::new();
        for file in files(&plugin.params) {
            digests.push(json!({ "of": file.at, "blake3": self.digest(&file)? }));
        }
        let mut split = serde_json::to_value(&study.split).map_err(bug)?;
        if let Some(split) = split.as_object_mut() {
            // What is allowed to leak changes no row.
            split.remove("allow_leakage");
        }
        let fields = KeyFields {
            plugins: json!({ "dataset": without_paths(of(plugin)) }),
            settings: value(&json!({ "split": split }))?,
            data: json!(digests),
            seed: json!(format!("{}:/split", study.identity.seed)),
            ..KeyFields::new("prepare", REVISION)
        };
        let title = "reads and splits the data".to_owned();
        Ok(self.add(Work::Prepare, "prepare", fields, Vec::new(), title, study))
    }

    fn digest(&mut self, file: &FileParam) -> Result<String> {
        if let Some(known) = self.digests.get(&file.path) {
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
                    "cannot be read ({e}); `dataset.{}` names it, relative to the experiment file",
                    file.at
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
        self.digests.insert(file.path.clone(), digest.clone());
        Ok(digest)
    }
}
