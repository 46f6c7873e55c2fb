//! What is known of a data set before it is summarized.

use degu_core::Row;
use serde::{Deserialize, Serialize};

/// Agreement of two replicate columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplicatePair {
    /// Column of the first.
    pub first: String,
    /// Column of the second.
    pub second: String,
    /// Rows that both measured.
    pub rows: usize,
    /// Pearson correlation over those rows; `None` if it is not defined.
    pub pearson: Option<f64>,
}

/// Everything of a data set that is inspected; sequences of any lengths.
pub(super) struct Material {
    pub(super) title: String,
    pub(super) guesses: Vec<String>,
    pub(super) rows: Vec<Row>,
    pub(super) sequences: Vec<Vec<u8>>,
    /// Name, values (NaN if missing) and replicate spreads.
    pub(super) targets: Vec<(String, Vec<f32>, Option<Vec<f32>>)>,
    /// Replicates behind a value.
    pub(super) replicates: usize,
    pub(super) notes: Vec<String>,
}
