//! What `calibrate` writes.

use std::collections::BTreeMap;

use degu_core::ModelId;
use degu_report::{CalibrationRow, ConditionalRow, Uncertainty};
use degu_train::model_file::CalibrationCard;
use serde::{Deserialize, Serialize};

/// File of the artifact.
pub(crate) const FILE: &str = "calibration.json";

/// Name in tables of all tasks of a row together.
pub(crate) const ALL_TASKS: &str = "all tasks";

/// Intervals of one block, model by model.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CalibrationResult {
    /// Name of the block.
    #[serde(default)]
    pub name: String,
    /// Coverage and width on the test rows and on held-out sets.
    pub rows: Vec<CalibrationRow>,
    /// The same within bins, for the first student (the ensemble without students).
    pub conditional: Vec<ConditionalRow>,
    /// Coverage over random cuts.
    pub resplits: Vec<Resplit>,
    /// The fitted calibrator of each model.
    pub fitted: BTreeMap<ModelId, CalibrationCard>,
    /// The same fitted for a held-out set, for calibrators that weigh by their target.
    #[serde(default)]
    pub fitted_for: BTreeMap<String, BTreeMap<ModelId, CalibrationCard>>,
    /// Numbers and curves.
    #[serde(default)]
    pub uncertainty: Uncertainty,
}

/// Coverage over random cuts of the calibration and test rows, by group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resplit {
    /// Model.
    pub model: ModelId,
    /// Task.
    pub task: String,
    /// Miscoverage.
    pub alpha: f64,
    /// Cuts.
    pub cuts: usize,
    /// Mean coverage over the cuts (and bins of a profile).
    pub mean_coverage: f64,
    /// Share of the cuts (and bins of a profile) whose coverage lies in the beta-binomial 90 %
    /// band; 0.9 is expected.
    pub within_band: f64,
    /// Expected mean coverage, k / (n + 1).
    pub expected: f64,
}
