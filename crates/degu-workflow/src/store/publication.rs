//! Making an object: write, flush, rename.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{
    Artifact, Digest, FileRecord, Manifest, Provenance, Result, Store, StoreError,
    error::{corrupt, io as named},
    files, manifest,
};
use crate::key::{Key, KeyFields, to_value};

/// An object in the making: a folder in `tmp/`. Dropping it unpublished removes the folder.
#[derive(Debug)]
pub struct Publication<'a> {
    store: &'a Store,
    key: Key,
    folder: PathBuf,
    published: bool,
}

/// Outcome of a publication. Either way the object is there.
#[derive(Debug)]
pub struct Published<'a> {
    /// The object.
    pub artifact: Artifact<'a>,
    /// True if ours is the one that is kept.
    pub ours: bool,
    /// True if the kept object has the same bytes as ours. False means that the computation is not
    /// reproducible.
    pub same_content: bool,
}

impl<'a> Publication<'a> {
    pub(crate) fn begin(store: &'a Store, key: Key) -> Result<Self> {
        let folder = store.temporary(&key.short());
        files::create_folder(&folder)?;
        Ok(Self {
            store,
            key,
            folder,
            published: false,
        })
    }

    /// Key of the object.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The folder to write into, for writers that need a path.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Path of a file to be written by somebody else's writer; folders in the name are created.
    ///
    /// # Errors
    ///
    /// [`StoreError::Name`] for a name that cannot be in an artifact.
    pub fn path(&self, name: &str) -> Result<PathBuf> {
        files::check_name(name)?;
        if name == manifest::FILE {
            return Err(StoreError::Name {
                name: name.to_owned(),
            });
        }
        let path = self.folder.join(name);
        files::create_folder(files::parent(&path)?)?;
        Ok(path)
    }

    /// Writes a file; one of the same name is replaced.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`] if it does not fit; nothing of it is left then.
    pub fn write_bytes(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(name)?;
        self.write_with(name, |file| file.write_all(bytes))
            .inspect_err(|_| {
                let _ = fs::remove_file(&path);
            })
    }

    /// Writes a file through a buffered writer.
    ///
    /// # Errors
    ///
    /// As [`Publication::write_bytes`].
    pub fn write_with(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        let path = self.path(name)?;
        let file = File::create(&path).map_err(named("create", &path))?;
        let mut buffered = io::BufWriter::new(file);
        write(&mut buffered)
            .and_then(|()| buffered.flush())
            .map_err(|e| {
                let _ = fs::remove_file(&path);
                named("write", &path)(e)
            })
    }

    /// Writes a value as indented JSON with a final newline.
    ///
    /// # Errors
    ///
    /// [`StoreError::Value`] for NaN and infinities, which JSON cannot hold: write them as `null`
    /// on purpose, with an `Option`.
    pub fn write_json<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<()> {
        let path = self.folder.join(name);
        let value = to_value(value).map_err(|source| StoreError::Value {
            path: path.clone(),
            source,
        })?;
        let mut bytes = serde_json::to_vec_pretty(&value)
            .map_err(|source| StoreError::Json { path, source })?;
        bytes.push(b'\n');
        self.write_bytes(name, &bytes)
    }

    /// Publishes: flushes the files, writes the manifest, renames the folder to its place, flushes
    /// the parent.
    ///
    /// Losing the rename means that somebody else published the same key; ours is discarded and
    /// theirs returned.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`], [`StoreError::Io`]; nothing is published then and the folder is
    /// removed.
    pub fn publish(mut self, fields: &KeyFields, provenance: Provenance) -> Result<Published<'a>> {
        let records = self.flush_files()?;
        let manifest = Manifest::new(fields.clone(), records, provenance);
        if manifest.key != self.key {
            return Err(StoreError::Collision {
                wanted: self.key.full(),
                found: manifest.key.full(),
            });
        }
        let path = self.folder.join(manifest::FILE);
        let mut bytes =
            serde_json::to_vec_pretty(&manifest).map_err(|source| StoreError::Json {
                path: path.clone(),
                source,
            })?;
        bytes.push(b'\n');
        files::write_new(&path, &bytes)?;
        files::set_mode(&path, 0o444)?;
        files::sync_folder(&self.folder)?;
        let ours = self.rename()?;
        let artifact = self.store.get(&self.key)?.ok_or_else(|| {
            let place = self.store.object_path(&self.key);
            corrupt(&self.key, place, super::Problem::Missing)
        })?;
        let same_content =
            ours || artifact.manifest().content_digest() == manifest.content_digest();
        Ok(Published {
            artifact,
            ours,
            same_content,
        })
    }

    fn flush_files(&self) -> Result<Vec<FileRecord>> {
        let (found, folders) = files::walk(&self.folder)?;
        let mut records = Vec::with_capacity(found.len());
        for (name, path) in found {
            files::check_name(&name)?;
            let file = File::open(&path).map_err(named("open", &path))?;
            file.sync_all().map_err(named("flush", &path))?;
            let (blake3, bytes) = Digest::of_file(&path)?;
            files::set_mode(&path, 0o444)?;
            records.push(FileRecord {
                name,
                bytes,
                blake3,
            });
        }
        for folder in folders.iter().filter(|folder| **folder != self.folder) {
            files::sync_folder(folder)?;
        }
        Ok(records)
    }

    /// Renames to the final place; false if somebody else was there first.
    fn rename(&mut self) -> Result<bool> {
        let place = self.store.object_path(&self.key);
        let shard = files::parent(&place)?;
        if !shard.is_dir() {
            files::create_folder(shard)?;
            files::sync_folder(files::parent(shard)?)?;
        }
        loop {
            match fs::rename(&self.folder, &place) {
                Ok(()) => break,
                Err(e)
                    if matches!(
                        e.kind(),
                        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                    ) => {}
                Err(e) => return Err(named("publish", &place)(e)),
            }
            match self.store.get(&self.key) {
                Ok(Some(_)) => return Ok(false),
                // It went away between the two calls: try again.
                Ok(None) => {}
                Err(e) if e.corrupt_key().is_some() => {
                    self.store.set_aside(&self.key)?;
                }
                Err(e) => return Err(e),
            }
        }
        self.published = true;
        self.store.forget(&self.key);
        files::sync_folder(shard)?;
        // Renaming a folder needs permission to write into it, so this comes last; a crash before
        // it does no harm.
        let (_, folders) = files::walk(&place)?;
        for folder in folders {
            files::set_mode(&folder, 0o555)?;
        }
        Ok(true)
    }
}

impl Drop for Publication<'_> {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed now is an orphan of a dead process later, and `gc` removes it.
            let _ = files::remove_tree(&self.folder);
        }
    }
}
