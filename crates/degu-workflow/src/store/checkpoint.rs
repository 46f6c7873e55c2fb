//! Checkpoints of a task in progress: the newest whole one wins.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Digest, Result, error::io, files};

const MAGIC: &[u8; 8] = b"DEGUCKP1";
const HEADER: usize = 8 + 8 + 32;
const PROGRESS: &str = "progress.json";

/// The checkpoint folder of a key. It outlives the process and goes away when the key is published.
#[derive(Clone, Debug)]
pub struct Partial {
    folder: PathBuf,
}

/// How far a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Epochs finished.
    pub epoch: u64,
    /// Epochs at most.
    pub of: u64,
}

impl Partial {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder, for files that a task appends to, such as `metrics.jsonl`: record the length in
    /// the checkpoint and cut the file to it on resuming. Exists after the first [`Partial::save`]
    /// or [`Partial::create`].
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Creates the folder.
    pub fn create(&self) -> Result<&Path> {
        files::create_folder(&self.folder)?;
        Ok(&self.folder)
    }

    /// True if there is something to resume from.
    pub fn exists(&self) -> bool {
        self.folder.is_dir()
    }

    /// Saves a checkpoint: a temporary name, flushed, then renamed. The one before is kept as
    /// `<name>.previous` until the next.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`](super::StoreError::Full); the checkpoints that were there are untouched
    /// then.
    pub fn save(&self, name: &str, payload: &[u8]) -> Result<()> {
        files::check_name(name)?;
        self.create()?;
        let path = self.folder.join(name);
        let mut bytes = Vec::with_capacity(HEADER + payload.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        bytes.extend_from_slice(Digest::of(payload).as_bytes());
        bytes.extend_from_slice(payload);
        let temporary = files::sibling(&path);
        files::write_new(&temporary, &bytes)?;
        // Between the two renames there is only a previous one, which `load` accepts. A damaged one
        // is not worth keeping.
        if read(&path)?.is_some() {
            let previous = self.previous(name);
            fs::rename(&path, &previous).map_err(io("replace", &previous))?;
        }
        fs::rename(&temporary, &path).map_err(|e| {
            let _ = fs::remove_file(&temporary);
            io("replace", &path)(e)
        })?;
        files::sync_folder(&self.folder)
    }

    /// The newest checkpoint whose digest is right, or `None` if there is none.
    pub fn load(&self, name: &str) -> Result<Option<Vec<u8>>> {
        files::check_name(name)?;
        match read(&self.folder.join(name))? {
            Some(payload) => Ok(Some(payload)),
            None => read(&self.previous(name)),
        }
    }

    /// Notes how far the task has come, for plans and other processes to see. Not flushed: it is
    /// only shown.
    pub fn note(&self, position: Position) -> Result<()> {
        self.create()?;
        let path = self.folder.join(PROGRESS);
        let temporary = files::sibling(&path);
        let text = serde_json::json!(position).to_string();
        fs::write(&temporary, text)
            .and_then(|()| fs::rename(&temporary, &path))
            .map_err(|e| {
                let _ = fs::remove_file(&temporary);
                io("write", &path)(e)
            })
    }

    /// How far the task had come when it last said so.
    pub fn position(&self) -> Option<Position> {
        serde_json::from_slice(&fs::read(self.folder.join(PROGRESS)).ok()?).ok()
    }

    /// Removes the folder.
    pub fn remove(&self) -> Result<()> {
        files::remove_tree(&self.folder)
    }

    fn previous(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.previous"))
    }
}

/// Payload of a whole checkpoint file; `None` if it is absent, cut or flipped.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let Some(mut bytes) = files::read_optional(path)? else {
        return Ok(None);
    };
    let Some((header, payload)) = bytes.split_first_chunk::<HEADER>() else {
        return Ok(None);
    };
    let whole = header[..8] == *MAGIC
        && header[8..16] == (payload.len() as u64).to_le_bytes()
        && header[16..] == *Digest::of(payload).as_bytes();
    if !whole {
        return Ok(None);
    }
    bytes.drain(..HEADER);
    Ok(Some(bytes))
}
