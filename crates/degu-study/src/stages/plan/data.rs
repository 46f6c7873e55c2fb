//! The task that reads and splits the dataset.

use std::{path::Path, sync::Arc};

use degu_core::FileRef;
use serde_json::json;

use super::{
    super::{REVISION, Result, StageError},
    Planner, Work,
    fields::{bug, of, value},
};
use degu_config::Study;
use degu_workflow::key::KeyFields;

impl Planner<'_> {
    pub(super) fn prepare(&mut self, study: &Arc<Study>) -> Result<String> {
        let plugin = &study.dataset.plugin;
        let mut digests = Vec::new();
        for (at, file) in plugin.files() {
            digests.push(json!({ "of": at, "blake3": self.digest(&at, &file)? }));
        }
        let mut dataset = of(plugin);
        dataset["params"] = plugin.params_without_files();
        let mut split = serde_json::to_value(&study.split).map_err(bug)?;
        if let Some(split) = split.as_object_mut() {
            // What is allowed to leak changes no row.
            split.remove("allow_leakage");
        }
        let fields = KeyFields {
            plugins: json!({ "dataset": dataset }),
            settings: value(&json!({ "split": split }))?,
            data: json!(digests),
            seed: json!(format!("{}:/split", study.identity.seed)),
            ..KeyFields::new("prepare", REVISION)
        };
        let title = "reads and splits the data".to_owned();
        Ok(self.add(Work::Prepare, "prepare", fields, Vec::new(), title, study))
    }

    fn digest(&mut self, at: &str, file: &FileRef) -> Result<String> {
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
                    "cannot be read ({e}); `dataset.{at}` names it, relative to the experiment file"
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
