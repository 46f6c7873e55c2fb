//! What can go wrong while a report is written.

use std::io;

/// An error of the report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be written; the message names its path.
    #[error("cannot write the report: {0}")]
    Io(#[from] io::Error),
    /// A table could not be turned into CSV.
    #[error("cannot write table `{table}` as CSV: {source}")]
    Csv {
        /// Name of the table, such as `metrics`.
        table: String,
        /// The cause.
        source: csv::Error,
    },
    /// The points of the interactive plot could not be turned into JSON.
    #[error("cannot encode the points of the interactive plot: {0}")]
    Json(#[from] serde_json::Error),
    /// The report would be larger than can be mailed.
    #[error(
        "expected a report of at most {limit} bytes, found {found}: \
         give fewer attribution maps or learning curves, or leave out `scatter` points"
    )]
    TooLarge {
        /// Largest size allowed, in bytes.
        limit: usize,
        /// Size of this report, in bytes.
        found: usize,
    },
}
