//! What a published folder says about itself.

use std::{fmt::Write as _, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Digest, Problem, Result, StoreError, error::corrupt, error::io};
use crate::key::{Key, KeyFields};

pub(crate) const FILE: &str = "manifest.json";
const VERSION: u32 = 1;

/// Contents of `manifest.json`: what the artifact is, which files it has, where it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this file.
    pub format: u32,
    /// Full key.
    pub key: Key,
    /// What the key was made of.
    pub fields: KeyFields,
    /// The files, sorted by name; the manifest itself is not among them.
    pub files: Vec<FileRecord>,
    /// How it was made. Nothing here is part of the key.
    pub provenance: Provenance,
}

/// One file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Name relative to the folder, with `/` between parts.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Digest of the content.
    pub blake3: Digest,
}

/// How and when an artifact was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Name of the plan task, as in `train/member-3`.
    #[serde(default)]
    pub task: String,
    /// Study that computed it.
    #[serde(default)]
    pub study: String,
    /// Start, in seconds since 1970.
    #[serde(default)]
    pub started: f64,
    /// Wall time in seconds, over all sittings of a resumed task that the task knows of.
    #[serde(default)]
    pub seconds: f64,
    /// Threads given to the task.
    #[serde(default)]
    pub threads: usize,
    /// True if the numbers do not depend on host and thread count (CPU).
    #[serde(default)]
    pub bitwise: bool,
    /// Host, versions, configuration with origins, hardware: whatever the caller knows.
    #[serde(default)]
    pub details: Value,
}

impl Manifest {
    /// A manifest of the current version.
    pub fn new(fields: KeyFields, files: Vec<FileRecord>, provenance: Provenance) -> Self {
        Self {
            format: VERSION,
            key: fields.key(),
            fields,
            files,
            provenance,
        }
    }

    /// Digest over names, sizes and digests of the files: equal for equal content, whoever computed
    /// it and when.
    pub fn content_digest(&self) -> Digest {
        let mut text = String::new();
        for file in &self.files {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{} {} {}", file.blake3, file.bytes, file.name);
        }
        Digest::of(text.as_bytes())
    }

    /// Size of all files in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Reads the manifest of a key.
    pub(crate) fn read(key: &Key, path: &Path, bytes: &[u8]) -> Result<Self> {
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|e| corrupt(key, path.to_path_buf(), Problem::Manifest(e)))?;
        if manifest.format != VERSION {
            return Err(StoreError::Version {
                path: path.to_path_buf(),
                found: manifest.format,
                supported: VERSION,
            });
        }
        if manifest.fields.key() != manifest.key {
            return Err(corrupt(key, path.to_path_buf(), Problem::ManifestKey));
        }
        if manifest.key != *key {
            return Err(StoreError::Collision {
                wanted: key.full(),
                found: manifest.key.full(),
            });
        }
        Ok(manifest)
    }

    /// Reads a manifest whose key is not known beforehand.
    pub(crate) fn peek(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(io("read", path))?;
        serde_json::from_slice(&bytes).map_err(|source| StoreError::Json {
            path: path.to_path_buf(),
            source,
        })
    }
}
