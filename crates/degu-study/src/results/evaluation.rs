//! What `evaluate` writes.

use degu_report::{GapClosed, MetricRow, Uncertainty};
use serde::{Deserialize, Serialize};

/// File of the artifact.
pub(crate) const FILE: &str = "evaluation.json";

/// Metrics of all models, and what their spreads are worth.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Evaluation {
    /// Long table of metrics.
    pub metrics: Vec<MetricRow>,
    /// How far students close the gap between a member and the ensemble.
    pub gap_closed: Vec<GapClosed>,
    /// How far predicted spreads can be trusted, as they are.
    #[serde(default)]
    pub uncertainty: Uncertainty,
}
