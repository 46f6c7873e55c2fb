//! What `shift` writes.

use degu_report::{ShiftCurve, Uncertainty};
use serde::{Deserialize, Serialize};

/// File of the artifact.
pub(crate) const FILE: &str = "shift.json";

/// Curves and numbers of changed sequences.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ShiftResult {
    /// Curves by severity.
    pub curves: Vec<ShiftCurve>,
    /// How well spreads tell changed sequences from unchanged ones, and how far intervals hold the
    /// ensemble's mean.
    #[serde(default)]
    pub uncertainty: Uncertainty,
}
