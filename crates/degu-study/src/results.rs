//! What stages leave in their artifacts, as types that are written and read back.

pub(crate) mod attribution;
pub(crate) mod calibration;
pub(crate) mod evaluation;
pub(crate) mod network;
mod point;
pub(crate) mod prepared;
pub(crate) mod shift;

pub use attribution::{AttributionSummary, MapFile};
pub use calibration::{CalibrationResult, Resplit};
pub use evaluation::Evaluation;
pub use point::{Depth, PointResults, TrainedModel};
pub use prepared::{LeakageNote, PreparedData};
pub use shift::ShiftResult;

use degu_core::ModelId;
use degu_report::ModelKind;

/// What a model is in tables and figures.
pub(crate) fn kind(model: ModelId) -> ModelKind {
    match model {
        ModelId::Member(_) => ModelKind::Member,
        ModelId::Ensemble => ModelKind::Ensemble,
        ModelId::Student(_) => ModelKind::Student,
        ModelId::Control(_) => ModelKind::Baseline,
    }
}
