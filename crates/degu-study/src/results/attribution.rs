//! What `attribute` writes.

use degu_core::{Component, Form, ModelId};
use degu_report::{CompletenessRow, ConsistencyRow, MapAgreement, Part as ReportPart};
use serde::{Deserialize, Serialize};

/// Numbers of the maps.
pub(crate) const SUMMARY: &str = "attribution.json";
/// The maps.
pub(crate) const MAPS: &str = "maps.safetensors";
/// Observed maps, where they were asked for.
pub(crate) const OBSERVED: &str = "observed.safetensors";

/// Numbers beside the maps of one block.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AttributionSummary {
    /// Name of the method's plugin.
    pub method: String,
    /// What the numbers of the maps are.
    pub form: Option<Form>,
    /// Rows of the dataset that were explained, in the order of the maps.
    pub rows: Vec<usize>,
    /// Their names.
    pub ids: Vec<String>,
    /// The tensors of the file of maps.
    pub maps: Vec<MapFile>,
    /// Agreement of the maps.
    pub consistency: Vec<ConsistencyRow>,
    /// Agreement by sequence, with tests.
    #[serde(default)]
    pub agreement: Vec<MapAgreement>,
    /// How well maps add up, for methods that promise it.
    #[serde(default)]
    pub completeness: Vec<CompletenessRow>,
}

/// One tensor of maps, `[N, L, 4]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapFile {
    /// Name of the tensor: `student-0/mean/K562`.
    pub tensor: String,
    /// What the model is.
    pub kind: degu_report::ModelKind,
    /// The model.
    pub model: ModelId,
    /// Part of the prediction.
    pub part: Component,
    /// Task.
    pub task: String,
}

impl AttributionSummary {
    /// What was explained, a part of the prediction of a task, in the order of the maps.
    pub(crate) fn targets(&self) -> Vec<(Component, &str)> {
        let mut all: Vec<(Component, &str)> = Vec::new();
        for map in &self.maps {
            if !all.contains(&(map.part, map.task.as_str())) {
                all.push((map.part, &map.task));
            }
        }
        all
    }
}

/// The report's name of a part.
pub(crate) fn report_part(part: Component) -> ReportPart {
    match part {
        Component::Mean => ReportPart::Mean,
        Component::Epistemic => ReportPart::Epistemic,
        Component::Aleatoric => ReportPart::Aleatoric,
    }
}
