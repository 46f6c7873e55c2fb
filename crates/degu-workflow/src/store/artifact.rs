//! A published object, read with its digests checked.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
};

use serde::de::DeserializeOwned;

use super::{
    Digest, FileRecord, Manifest, Problem, Result, Store, StoreError,
    error::{corrupt, io},
};
use crate::key::Key;

/// A published object. Its files never change.
#[derive(Clone, Debug)]
pub struct Artifact<'a> {
    store: &'a Store,
    folder: PathBuf,
    manifest: Arc<Manifest>,
}

impl<'a> Artifact<'a> {
    pub(crate) fn new(store: &'a Store, folder: PathBuf, manifest: Arc<Manifest>) -> Self {
        Self {
            store,
            folder,
            manifest,
        }
    }

    /// Key of the object.
    pub fn key(&self) -> &Key {
        &self.manifest.key
    }

    /// What it says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Names of its files, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.manifest.files.iter().map(|file| file.name.as_str())
    }

    /// True if it has a file of this name.
    pub fn has(&self, name: &str) -> bool {
        self.record(name).is_ok()
    }

    /// Path of a file whose digest has been compared, for readers that map or stream it.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchFile`], or [`StoreError::Corrupt`] naming file, expected and found
    /// digest.
    pub fn path(&self, name: &str) -> Result<PathBuf> {
        let record = self.record(name)?;
        let path = self.folder.join(name);
        if !self.is_verified(name) {
            check_content(self.key(), &self.folder, record)?;
            self.set_verified(name);
        }
        Ok(path)
    }

    /// Content of a file, compared with its digest.
    ///
    /// # Errors
    ///
    /// As [`Artifact::path`].
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        let record = self.record(name)?;
        let path = self.folder.join(name);
        let bytes = std::fs::read(&path).map_err(io("read", &path))?;
        if bytes.len() as u64 != record.bytes
            || (!self.is_verified(name) && Digest::of(&bytes) != record.blake3)
        {
            return Err(content_error(self.key(), path, record, &bytes));
        }
        self.set_verified(name);
        Ok(bytes)
    }

    /// A JSON file.
    ///
    /// # Errors
    ///
    /// As [`Artifact::bytes`], and [`StoreError::Json`] if it holds something else.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        serde_json::from_slice(&self.bytes(name)?).map_err(|source| StoreError::Json {
            path: self.folder.join(name),
            source,
        })
    }

    /// Compares the digests of all files, once per process.
    ///
    /// # Errors
    ///
    /// As [`Artifact::path`].
    pub fn check(&self) -> Result<()> {
        for file in &self.manifest.files {
            self.path(&file.name)?;
        }
        Ok(())
    }

    fn record(&self, name: &str) -> Result<&FileRecord> {
        let files = &self.manifest.files;
        files
            .binary_search_by(|file| file.name.as_str().cmp(name))
            .map(|i| &files[i])
            .map_err(|_| StoreError::NoSuchFile {
                key: self.key().short(),
                name: name.to_owned(),
                known: self.names().map(str::to_owned).collect(),
            })
    }

    fn is_verified(&self, name: &str) -> bool {
        let verified = self.store.verified.lock();
        verified
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&(*self.key(), name.to_owned()))
    }

    fn set_verified(&self, name: &str) {
        let verified = self.store.verified.lock();
        verified
            .unwrap_or_else(PoisonError::into_inner)
            .insert((*self.key(), name.to_owned()));
    }
}

/// A file must exist with its size; the digest of one that does not have it is found for the
/// message.
pub(crate) fn check_size(key: &Key, folder: &Path, record: &FileRecord) -> Result<()> {
    let path = folder.join(&record.name);
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.len() == record.bytes => Ok(()),
        Ok(_) => check_content(key, folder, record),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Err(corrupt(key, path, Problem::Missing))
        }
        Err(e) => Err(io("read", &path)(e)),
    }
}

pub(crate) fn check_content(key: &Key, folder: &Path, record: &FileRecord) -> Result<()> {
    let path = folder.join(&record.name);
    if !path.exists() {
        return Err(corrupt(key, path, Problem::Missing));
    }
    let (found, found_bytes) = Digest::of_file(&path)?;
    if found == record.blake3 && found_bytes == record.bytes {
        return Ok(());
    }
    let problem = Problem::Content {
        expected: record.blake3,
        found,
        expected_bytes: record.bytes,
        found_bytes,
    };
    Err(corrupt(key, path, problem))
}

fn content_error(key: &Key, path: PathBuf, record: &FileRecord, bytes: &[u8]) -> StoreError {
    let problem = Problem::Content {
        expected: record.blake3,
        found: Digest::of(bytes),
        expected_bytes: record.bytes,
        found_bytes: bytes.len() as u64,
    };
    corrupt(key, path, problem)
}
