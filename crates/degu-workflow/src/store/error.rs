//! What can go wrong with a store, and what to do about it.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::Digest;
use crate::key::{Key, KeyError};

/// Result of the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A failure of the store; exit 7 of the command line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or folder could not be used.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried, as in "read".
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file system, the quota or the file-size limit is used up. Nothing half-written is left.
    #[error(
        "no space left to {action} `{}` ({source}); nothing half-written was kept: free space (`degu-lab gc --delete`) or choose \
         another store, then run the same command again", path.display()
    )]
    Full {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The store cannot be written.
    #[error("cannot {action} `{}`: {source}; make the store writable or choose another with `[study] store`", path.display())]
    Unwritable {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The path of the store is a file.
    #[error("expected a folder as store, found a file: `{}`", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The store was written by another version.
    #[error("`{}` has store version {found}, expected {supported}: use the program that wrote it, or another store", path.display())]
    Version {
        /// The file that says so.
        path: PathBuf,
        /// Version found.
        found: u32,
        /// Version of this program.
        supported: u32,
    },
    /// A published object is damaged.
    #[error(transparent)]
    Corrupt(Box<Corruption>),
    /// Two keys share their first 16 digits.
    #[error(
        "key {wanted} has the same first 16 digits as the published key {found}; use another store"
    )]
    Collision {
        /// The key asked for, 64 digits.
        wanted: String,
        /// The key in the manifest, 64 digits.
        found: String,
    },
    /// An artifact has no such file.
    #[error("artifact {key} has no file `{name}`; it has {}", known.join(", "))]
    NoSuchFile {
        /// The artifact.
        key: String,
        /// The file asked for.
        name: String,
        /// The files it has.
        known: Vec<String>,
    },
    /// No object, or several, begin with these digits.
    #[error(
        "{matches} published keys begin with `{digits}`, expected one and at least 4 digits; `degu-lab ls` lists them"
    )]
    NoSuchKey {
        /// Digits given.
        digits: String,
        /// Objects found.
        matches: usize,
    },
    /// A file name that cannot be inside an artifact.
    #[error(
        "`{name}` is not a file name for an artifact: expected parts of letters, digits, `.`, `_`, `-`, `@`, `+`, `=`, joined by `/`"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// JSON that cannot be read or written.
    #[error("`{}` is not what was expected: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A value that cannot be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: KeyError,
    },
    /// The file system lacks something that publication needs.
    #[error("`{}` cannot hold a store: {what} does not work there; use a local or NFS file system", path.display())]
    NotAtomic {
        /// The folder.
        path: PathBuf,
        /// What does not work.
        what: &'static str,
    },
    /// The file changed while it was being read.
    #[error("`{}` changed while it was being read: wait until it is complete and run again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

/// A damaged object: which file, and how.
#[derive(Debug, thiserror::Error)]
#[error("artifact {key} is damaged: `{}` {problem}; running the study again recomputes it", path.display())]
pub struct Corruption {
    /// Key of the object.
    pub key: Key,
    /// The damaged file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// How a file of an object is damaged.
#[derive(Debug)]
#[non_exhaustive]
pub enum Problem {
    /// It is not there.
    Missing,
    /// It is the manifest, and cannot be read.
    Manifest(serde_json::Error),
    /// It is the manifest, and its fields do not hash to its key.
    ManifestKey,
    /// It holds other bytes than were published.
    Content {
        /// Digest in the manifest.
        expected: Digest,
        /// Digest of the file.
        found: Digest,
        /// Size in the manifest, in bytes.
        expected_bytes: u64,
        /// Size of the file, in bytes.
        found_bytes: u64,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Manifest(source) => write!(f, "cannot be read: {source}"),
            Self::ManifestKey => f.write_str("has fields that do not hash to its key"),
            Self::Content {
                expected,
                found,
                expected_bytes,
                found_bytes,
            } => write!(
                f,
                "has digest {found} and {found_bytes} bytes, expected {expected} and {expected_bytes} bytes"
            ),
        }
    }
}

impl StoreError {
    /// The damaged object, if this is about one: move it aside and compute it again.
    pub fn corrupt_key(&self) -> Option<Key> {
        match self {
            Self::Corrupt(corruption) => Some(corruption.key),
            _ => None,
        }
    }
}

pub(crate) fn corrupt(key: &Key, path: PathBuf, problem: Problem) -> StoreError {
    StoreError::Corrupt(Box::new(Corruption {
        key: *key,
        path,
        problem,
    }))
}

/// Names the path of an I/O error and tells a full or read-only disk from the rest.
pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_path_buf();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreError::Full {
                action,
                path,
                source,
            }
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::Unwritable {
                action,
                path,
                source,
            }
        }
        _ => StoreError::Io {
            action,
            path,
            source,
        },
    }
}
