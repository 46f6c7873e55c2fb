//! Attribution maps of any number of sequences.
//!
//! Sequences are explained in shards of [`SHARD`] that are written as they finish, beside the
//! output; a killed command goes on at the first shard that is missing, and the files at the end
//! are the same. Maps of an ensemble are the mean over members, with the standard deviation between
//! them and the share that agrees on the sign, from one pass over members.

mod combine;
mod compute;
mod export;
mod shards;
mod tracks;

pub use combine::MapMoments;
pub use compute::{Completeness, MapJob, MapRun, Method};
pub use export::{Exported, MapFormat, export};
pub use tracks::{TrackReport, Tracks};

/// Sequences of a shard.
pub const SHARD: usize = 256;

/// Largest completeness error without a warning, and largest without an error, in single precision.
pub const COMPLETENESS: (f64, f64) = (1e-3, 1e-2);
