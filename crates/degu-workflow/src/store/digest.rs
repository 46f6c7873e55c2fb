//! Digest of a file's content.

use std::{fmt, path::Path};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Result, error::io};
use crate::key::Hex32;

/// BLAKE3 of some bytes, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(Hex32);

impl Digest {
    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Hex32(*blake3::hash(bytes).as_bytes()))
    }

    /// Hashes a file in pieces; returns its length in bytes too.
    pub fn of_file(path: &Path) -> Result<(Self, u64)> {
        let file = std::fs::File::open(path).map_err(io("open", path))?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file).map_err(io("read", path))?;
        let digest = Self(Hex32(*hasher.finalize().as_bytes()));
        Ok((digest, hasher.count()))
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Hex32::parse(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom("expected a digest of 64 hexadecimal digits"))
    }
}
