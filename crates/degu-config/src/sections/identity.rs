//! `[study]`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[study]`: identity and places. Only `seed` can enter an artifact key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Name of the study and of its folder below `runs`: lower-case letters, digits and `_`.
    #[schemars(extend("pattern" = "^[a-z0-9_]+$"))]
    pub name: String,
    /// Title of the report; the name if empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Root of all random streams.
    #[serde(default)]
    pub seed: u64,
    /// Folder of the artifact store, relative to the working folder.
    #[serde(default = "store")]
    pub store: PathBuf,
    /// Folder of the runs, relative to the working folder.
    #[serde(default = "runs")]
    pub runs: PathBuf,
}

fn store() -> PathBuf {
    PathBuf::from("store")
}

fn runs() -> PathBuf {
    PathBuf::from("runs")
}
