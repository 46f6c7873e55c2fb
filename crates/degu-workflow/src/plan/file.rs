//! `plan.json` of a run: tasks, keys and edges.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::{
    key::{Key, KeyFields},
    store::{StoreError, files},
};

/// Version of the file.
const SCHEMA: u32 = 1;

/// Contents of `plan.json`. Garbage collection marks from it; other programs may read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanFile {
    /// Version of this file.
    pub schema: u32,
    /// Name of the study.
    pub study: String,
    /// Number of names.
    pub named: usize,
    /// The distinct tasks, each after what it reads.
    pub tasks: Vec<PlanFileTask>,
}

/// One task of `plan.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanFileTask {
    /// First name.
    pub id: String,
    /// All names.
    pub names: Vec<String>,
    /// For people.
    pub title: String,
    /// Full key.
    pub key: Key,
    /// First names of what it reads.
    pub inputs: Vec<String>,
    /// What the key is made of.
    pub fields: KeyFields,
}

impl Plan {
    /// The plan as it is written to disk.
    pub fn to_file(&self, study: &str) -> PlanFile {
        let tasks = self.nodes().iter().map(|node| PlanFileTask {
            id: node.task.id.clone(),
            names: node.names.clone(),
            title: node.task.title.clone(),
            key: node.key,
            inputs: node
                .inputs
                .iter()
                .map(|&input| self.nodes()[input].task.id.clone())
                .collect(),
            fields: node.task.fields.clone(),
        });
        PlanFile {
            schema: SCHEMA,
            study: study.to_owned(),
            named: self.named(),
            tasks: tasks.collect(),
        }
    }

    /// Writes `plan.json`, whole or not at all.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn write(&self, study: &str, path: &Path) -> Result<(), StoreError> {
        let json = |source| StoreError::Json {
            path: path.to_path_buf(),
            source,
        };
        let mut text = serde_json::to_vec(&self.to_file(study)).map_err(json)?;
        text.push(b'\n');
        files::write_atomic(path, &text)
    }
}

impl PlanFile {
    /// Reads `plan.json`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if it cannot be read, [`StoreError::Json`] if it is something else.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let bytes = std::fs::read(path).map_err(crate::store::io_error("read", path))?;
        serde_json::from_slice(&bytes).map_err(|source| StoreError::Json {
            path: path.to_path_buf(),
            source,
        })
    }
}
