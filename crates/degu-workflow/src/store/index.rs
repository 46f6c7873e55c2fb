//! `index.jsonl`: a cache of manifests and of the digests of source files. Never the truth, always
//! replaceable.

use std::{
    collections::BTreeMap,
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{Digest, Manifest, Result, Store, StoreError, clock, error::io, files, manifest};
use crate::key::{Key, KeyFields};

/// A published object in brief.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Its key.
    pub key: Key,
    /// What the key was made of.
    pub fields: KeyFields,
    /// Plan task that computed it.
    pub task: String,
    /// Study that computed it.
    pub study: String,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Start in seconds since 1970.
    pub started: f64,
    /// Size of its files in bytes.
    pub bytes: u64,
}

impl From<&Manifest> for Summary {
    fn from(manifest: &Manifest) -> Self {
        Self {
            key: manifest.key,
            fields: manifest.fields.clone(),
            task: manifest.provenance.task.clone(),
            study: manifest.provenance.study.clone(),
            seconds: manifest.provenance.seconds,
            started: manifest.provenance.started,
            bytes: manifest.bytes(),
        }
    }
}

/// Digest of a source file, good as long as these three are unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileEntry {
    path: PathBuf,
    bytes: u64,
    modified_nanoseconds: i64,
    inode: u64,
    blake3: Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Object(Box<Summary>),
    File(FileEntry),
}

#[derive(Debug, Default)]
struct Entries {
    objects: BTreeMap<String, Summary>,
    files: BTreeMap<PathBuf, FileEntry>,
}

#[derive(Debug)]
pub(crate) struct Index {
    path: PathBuf,
    entries: Mutex<Option<Entries>>,
}

impl Index {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            entries: Mutex::new(None),
        }
    }

    pub(crate) fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Entries>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn summaries(&self, store: &Store) -> Result<Vec<Summary>> {
        let names = store.published()?;
        let mut guard = self.lock();
        let entries = guard.get_or_insert_with(|| load(&self.path));
        let before = entries.objects.len();
        entries.objects.retain(|name, _| names.contains(name));
        let mut changed = before != entries.objects.len();
        for name in names {
            if entries.objects.contains_key(&name) || name.len() < 2 {
                continue;
            }
            let folder = store.root().join("objects").join(&name[..2]).join(&name);
            // A damaged object is reported by whoever reads it, and by `verify`.
            if let Ok(manifest) = Manifest::peek(&folder.join(manifest::FILE)) {
                entries.objects.insert(name, Summary::from(&manifest));
                changed = true;
            }
        }
        if changed {
            self.save(entries);
        }
        Ok(entries.objects.values().cloned().collect())
    }

    pub(crate) fn file_digest(&self, store: &Store, path: &Path, again: bool) -> Result<Digest> {
        let path = std::path::absolute(path).map_err(io("find", path))?;
        let metadata = std::fs::metadata(&path).map_err(io("read", &path))?;
        if !again {
            let mut guard = self.lock();
            let entries = guard.get_or_insert_with(|| load(&self.path));
            if let Some(known) = entries.files.get(&path)
                && *known == entry(&path, &metadata, known.blake3)
            {
                return Ok(known.blake3);
            }
        }
        let (blake3, bytes) = Digest::of_file(&path)?;
        let after = std::fs::metadata(&path).map_err(io("read", &path))?;
        if entry(&path, &metadata, blake3) != entry(&path, &after, blake3)
            || bytes != metadata.len()
        {
            return Err(StoreError::Changed { path });
        }
        // A file written within the resolution of its time stamp could change again without a
        // trace: not cached yet.
        let settled = after
            .modified()
            .is_ok_and(|modified| clock::age(modified).as_secs() >= 2);
        if settled && store.root().is_dir() {
            let mut guard = self.lock();
            let entries = guard.get_or_insert_with(|| load(&self.path));
            let entry = entry(&path, &metadata, blake3);
            entries.files.insert(path, entry);
            self.save(entries);
        }
        Ok(blake3)
    }

    /// Rewrites the file whole. A cache that cannot be written is no failure: the next reader reads
    /// the manifests.
    fn save(&self, entries: &mut Entries) {
        // Another process may have added files meanwhile.
        for (path, entry) in load(&self.path).files {
            entries.files.entry(path).or_insert(entry);
        }
        let objects = entries.objects.values().cloned();
        let objects = objects.map(|summary| Line::Object(Box::new(summary)));
        let lines = objects.chain(entries.files.values().cloned().map(Line::File));
        let mut text = Vec::new();
        for line in lines {
            if serde_json::to_writer(&mut text, &line).is_ok() {
                text.push(b'\n');
            }
        }
        let _ = files::write_atomic(&self.path, &text);
    }
}

fn entry(path: &Path, metadata: &Metadata, blake3: Digest) -> FileEntry {
    FileEntry {
        path: path.to_path_buf(),
        bytes: metadata.len(),
        modified_nanoseconds: metadata
            .mtime()
            .wrapping_mul(1_000_000_000)
            .wrapping_add(metadata.mtime_nsec()),
        inode: metadata.ino(),
        blake3,
    }
}

fn load(path: &Path) -> Entries {
    let mut entries = Entries::default();
    let text = std::fs::read_to_string(path).unwrap_or_default();
    for line in text.lines() {
        match serde_json::from_str(line) {
            Ok(Line::Object(summary)) => {
                entries.objects.insert(summary.key.short(), *summary);
            }
            Ok(Line::File(file)) => {
                entries.files.insert(file.path.clone(), file);
            }
            // A line of another version, or torn: the manifest itself will be read.
            Err(_) => {}
        }
    }
    entries
}
