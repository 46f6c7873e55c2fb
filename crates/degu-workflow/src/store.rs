//! The artifact store: content-addressed folders that appear whole or not at all.
//!
//! ```text
//! store/
//!   store.json               format and version
//!   objects/ab/<key>/        read-only after publication; manifest.json and the files it lists
//!   partial/<key>/           checkpoints of a task in progress
//!   leases/<key>             who works on a key; heartbeat = its modification time
//!   tmp/                     on the same file system, because rename must be atomic
//!   index.jsonl              a cache of manifests and of file digests; safe to delete
//! ```
//!
//! "Done" means that the folder of a key exists with a readable manifest; no exit code and no
//! scheduler's word counts. Publication writes into `tmp/`, flushes files and folder, renames into
//! `objects/` and flushes the parent. Whoever loses the rename discards their copy. Leases only
//! save double work.

mod artifact;
mod checkpoint;
pub(crate) mod clock;
mod digest;
mod error;
pub mod files;
mod index;
pub(crate) mod lease;
mod manifest;
mod publication;
mod verify;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::key::Key;

pub use artifact::Artifact;
pub use checkpoint::{Partial, Position};
pub use digest::Digest;
pub(crate) use error::io as io_error;
pub use error::{Corruption, Problem, Result, StoreError};
pub use index::Summary;
pub use lease::{Attempt, Holder, Lease};
pub use manifest::{FileRecord, Manifest, Provenance};
pub use publication::{Publication, Published};
pub(crate) use verify::orphans as verify_orphans;
pub use verify::{Orphan, OrphanPlace, VerifyReport};

/// Version of the layout on disk.
const VERSION: u32 = 1;

/// How long leases live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// Time between two heartbeats.
    pub heartbeat: Duration,
    /// Age of the last heartbeat from which a lease counts as abandoned.
    pub stale: Duration,
}

impl Default for LeaseTimes {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(30),
            stale: Duration::from_mins(5),
        }
    }
}

/// A store on disk. Cheap to share between threads by reference; many processes may use one folder
/// at once.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    lease_times: LeaseTimes,
    /// Files whose digests this process has compared already.
    verified: Mutex<BTreeSet<(Key, String)>>,
    manifests: Mutex<BTreeMap<Key, Arc<Manifest>>>,
    index: index::Index,
}

#[derive(Serialize, Deserialize)]
struct Format {
    format: String,
    version: u32,
}

impl Store {
    /// Opens a store. Creates nothing: the first write does, so a plan of a study that never ran
    /// leaves no trace.
    ///
    /// # Errors
    ///
    /// [`StoreError::Version`] for a store of a newer program, [`StoreError::Io`] if the folder
    /// cannot be read.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        let format = root.join("store.json");
        if let Some(bytes) = files::read_optional(&format)? {
            let found: Format =
                serde_json::from_slice(&bytes).map_err(|source| StoreError::Json {
                    path: format.clone(),
                    source,
                })?;
            if found.version != VERSION || found.format != "degu-store" {
                return Err(StoreError::Version {
                    path: format,
                    found: found.version,
                    supported: VERSION,
                });
            }
        } else if root.exists() && !root.is_dir() {
            return Err(StoreError::NotAFolder { path: root });
        }
        Ok(Self {
            index: index::Index::new(root.join("index.jsonl")),
            root,
            lease_times: LeaseTimes::default(),
            verified: Mutex::default(),
            manifests: Mutex::default(),
        })
    }

    /// The same store with other times for leases.
    pub fn with_lease_times(mut self, times: LeaseTimes) -> Self {
        self.lease_times = times;
        self
    }

    /// Folder of the store.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Times of leases taken from this store.
    pub fn lease_times(&self) -> LeaseTimes {
        self.lease_times
    }

    /// Folder of a published key, whether it exists or not.
    pub fn object_path(&self, key: &Key) -> PathBuf {
        let name = key.short();
        self.root.join("objects").join(&name[..2]).join(name)
    }

    /// Folder of a key's checkpoints, whether it exists or not.
    pub fn partial_path(&self, key: &Key) -> PathBuf {
        self.root.join("partial").join(key.short())
    }

    /// File of a key's lease, whether it exists or not.
    pub fn lease_path(&self, key: &Key) -> PathBuf {
        self.root.join("leases").join(key.short())
    }

    /// True if the key is published: one look at the file system, no digests.
    pub fn contains(&self, key: &Key) -> bool {
        self.object_path(key).join(manifest::FILE).is_file()
    }

    /// The artifact of a key, or `None` if nobody has published it.
    ///
    /// Existence and sizes of all files are checked here; digests on the first read of each file in
    /// this process.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] if the object is damaged; [`Store::set_aside`] makes room for a new
    /// one.
    pub fn get(&self, key: &Key) -> Result<Option<Artifact<'_>>> {
        let folder = self.object_path(key);
        let Some(manifest) = self.manifest(key)? else {
            return Ok(None);
        };
        for record in &manifest.files {
            artifact::check_size(key, &folder, record)?;
        }
        Ok(Some(Artifact::new(self, folder, manifest)))
    }

    fn manifest(&self, key: &Key) -> Result<Option<Arc<Manifest>>> {
        let folder = self.object_path(key);
        let path = folder.join(manifest::FILE);
        let Some(bytes) = files::read_optional(&path)? else {
            if folder.is_dir() {
                return Err(error::corrupt(key, path, Problem::Missing));
            }
            return Ok(None);
        };
        let mut known = self
            .manifests
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(manifest) = known.get(key) {
            return Ok(Some(Arc::clone(manifest)));
        }
        let manifest = Arc::new(Manifest::read(key, &path, &bytes)?);
        known.insert(*key, Arc::clone(&manifest));
        Ok(Some(manifest))
    }

    /// Keys, as their 16 digits, that are published. Lists 256 folders at most, which stays fast on
    /// a network file system.
    pub fn published(&self) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for shard in files::list(&self.root.join("objects"))? {
            names.extend(files::list(&self.root.join("objects").join(shard))?);
        }
        Ok(names)
    }

    /// Every published key with its fields, time and size, from the index; manifests that the index
    /// lacks are read and added.
    pub fn summaries(&self) -> Result<Vec<Summary>> {
        self.index.summaries(self)
    }

    /// Reads all manifests again and rewrites `index.jsonl`; returns how many there are.
    pub fn rebuild_index(&self) -> Result<usize> {
        self.index.forget();
        files::remove_file(&self.root.join("index.jsonl"))?;
        Ok(self.summaries()?.len())
    }

    /// Full key of a published object from its first digits, at least four.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchKey`] if none or several match.
    pub fn find(&self, digits: &str) -> Result<Key> {
        let wanted = digits.get(..digits.len().min(16)).unwrap_or(digits);
        let names: Vec<String> = self
            .published()?
            .into_iter()
            .filter(|name| wanted.len() >= 4 && name.starts_with(wanted))
            .collect();
        let [name] = names.as_slice() else {
            return Err(StoreError::NoSuchKey {
                digits: digits.to_owned(),
                matches: names.len(),
            });
        };
        let path = self.root.join("objects").join(&name[..2]).join(name);
        Ok(Manifest::peek(&path.join(manifest::FILE))?.key)
    }

    /// BLAKE3 of a source file, from the cache if size, modification time in nanoseconds and inode
    /// are unchanged.
    pub fn file_digest(&self, path: &Path) -> Result<Digest> {
        self.index.file_digest(self, path, false)
    }

    /// BLAKE3 of a source file, read again whatever the cache says.
    pub fn file_digest_again(&self, path: &Path) -> Result<Digest> {
        self.index.file_digest(self, path, true)
    }

    /// Starts an object: a folder in `tmp/` that becomes the object when it is published and
    /// disappears otherwise.
    pub fn begin(&self, key: &Key) -> Result<Publication<'_>> {
        self.create_layout()?;
        Publication::begin(self, *key)
    }

    /// The checkpoint folder of a key; created by the first write into it.
    pub fn partial(&self, key: &Key) -> Partial {
        Partial::new(self.partial_path(key))
    }

    /// Keys, as their 16 digits, that have checkpoints.
    pub fn partials(&self) -> Result<BTreeSet<String>> {
        Ok(files::list(&self.root.join("partial"))?
            .into_iter()
            .collect())
    }

    /// Tries to take the lease of a key.
    pub fn lease(&self, key: &Key) -> Result<Attempt> {
        self.create_layout()?;
        lease::acquire(&self.lease_path(key), self.lease_times)
    }

    /// Holder of a key's lease and age of its last heartbeat, if it is alive.
    pub fn live_lease(&self, key: &Key) -> Result<Option<(Holder, Duration)>> {
        lease::live(&self.lease_path(key), self.lease_times)
    }

    /// Live leases by the 16 digits of their key: holder and age of the last heartbeat.
    pub fn live_leases(&self) -> Result<BTreeMap<String, (Holder, Duration)>> {
        let folder = self.root.join("leases");
        let mut live = BTreeMap::new();
        for name in files::list(&folder)? {
            if name.starts_with('.') {
                continue;
            }
            if let Some(found) = lease::live(&folder.join(&name), self.lease_times)? {
                live.insert(name, found);
            }
        }
        Ok(live)
    }

    /// Moves a damaged object into `tmp/` so that it can be computed again; returns where it went.
    /// `gc` removes it in the end.
    pub fn set_aside(&self, key: &Key) -> Result<PathBuf> {
        self.create_layout()?;
        let from = self.object_path(key);
        let to = self.temporary(&format!("{key}.broken"));
        files::make_writable(&from);
        match std::fs::rename(&from, &to) {
            Ok(()) => {}
            // Another process was faster.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(error::io("move aside", &from)(e)),
        }
        self.forget(key);
        Ok(to)
    }

    fn forget(&self, key: &Key) {
        let lock = |e: PoisonError<_>| e.into_inner();
        self.manifests.lock().unwrap_or_else(lock).remove(key);
        self.verified
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(known, _)| known != key);
    }

    /// Re-hashes every object and lists what nobody owns in `tmp/`, `partial/` and `leases/`.
    /// Changes nothing.
    pub fn verify(&self) -> Result<VerifyReport> {
        verify::verify(self)
    }

    /// Tests that a file system can hold a store: exclusive creation, atomic rename of folders,
    /// flushing.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotAtomic`] names what does not work; [`StoreError::Full`] and
    /// [`StoreError::Io`] as always.
    pub fn probe(&self) -> Result<()> {
        self.create_layout()?;
        verify::probe(self)
    }

    /// Removes what processes of this host that have ended left in `tmp/`: objects that they did
    /// not finish. What cannot be removed stays for `gc`.
    pub(crate) fn remove_unfinished(&self) {
        let temporary = self.root.join("tmp");
        let names = files::list(&temporary).unwrap_or_default();
        let unfinished =
            |name: &&String| !name.contains(".broken.") && lease::Holder::temporary_is_dead(name);
        for name in names.iter().filter(unfinished) {
            let _ = files::remove_tree(&temporary.join(name));
        }
    }

    /// A place in `tmp/` to move something to that is about to be removed.
    pub(crate) fn aside(&self, path: &Path) -> PathBuf {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        self.temporary(&format!("{name}.removed"))
    }

    fn temporary(&self, stem: &str) -> PathBuf {
        self.root
            .join("tmp")
            .join(format!("{stem}.{}", lease::Holder::ours().temporary_tag()))
    }

    fn create_layout(&self) -> Result<()> {
        let format = self.root.join("store.json");
        if format.is_file() && self.root.join("tmp").is_dir() {
            return Ok(());
        }
        for folder in ["objects", "partial", "leases", "tmp"] {
            files::create_folder(&self.root.join(folder))?;
        }
        let text = serde_json::json!({ "format": "degu-store", "version": VERSION }).to_string();
        files::write_atomic(&format, format!("{text}\n").as_bytes())
    }
}
