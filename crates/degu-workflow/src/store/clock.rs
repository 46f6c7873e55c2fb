//! The only place of this crate that asks what time it is. No result depends on it.

use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Seconds since 1970, to the millisecond.
pub(crate) fn unix_seconds() -> f64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    elapsed.as_millis() as f64 / 1000.0
}

/// Nanoseconds since 1970, for names that do not repeat.
pub(crate) fn nanoseconds() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos()
}

/// Age of a file by the clock of this host; a time in the future is age 0.
pub(crate) fn age(modified: SystemTime) -> Duration {
    SystemTime::now()
        .duration_since(modified)
        .unwrap_or_default()
}

/// Age of a time by the clock of the file system that holds `folder`, which a server may keep
/// differently from this host.
pub(crate) fn age_on(folder: &Path, modified: SystemTime) -> Duration {
    let probe = super::files::sibling(&folder.join("clock"));
    let now = std::fs::File::create_new(&probe)
        .and_then(|file| file.metadata())
        .and_then(|metadata| metadata.modified());
    let _ = std::fs::remove_file(&probe);
    match now {
        Ok(now) => now.duration_since(modified).unwrap_or_default(),
        Err(_) => age(modified),
    }
}
