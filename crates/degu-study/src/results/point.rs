//! What a point of a study has produced.

use degu_config::Point;
use degu_core::{LabelInfo, ModelId};
use degu_report::{MetricRow, ModelKind};
use degu_train::{FitReport, HostForecast, ModelCard, SavedModel, backend::Weights};
use degu_workflow::store::Artifact;

use super::{
    AttributionSummary, CalibrationResult, Evaluation, PreparedData, ShiftResult, kind, network,
};
use crate::{error::Result, tasks::task_of};

/// How much of a point is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What points are compared by.
    Numbers,
    /// Data, models and maps as well.
    Everything,
}

/// A model of a point with its predictions.
#[derive(Debug)]
pub struct TrainedModel {
    /// What it is.
    pub id: ModelId,
    /// Predictions of all rows.
    pub forecast: HostForecast,
    /// Its training; the ensemble has none.
    pub curve: Option<FitReport>,
    /// The network; the ensemble has none.
    pub saved: Option<SavedModel>,
    /// The task that made it, at the base point.
    pub stage: String,
    /// What it was trained with, and why.
    pub backend: Option<String>,
}

impl TrainedModel {
    /// What it is in tables and figures.
    pub fn kind(&self) -> ModelKind {
        kind(self.id)
    }
}

/// What a point has produced so far; each stage reads its own part.
#[derive(Debug)]
pub struct PointResults<'a> {
    /// The point.
    pub point: &'a Point,
    /// How much is read.
    pub depth: Depth,
    /// The data, and the key that they are stored under.
    pub prepared: Option<(PreparedData, String)>,
    /// Every model of the point.
    pub models: Vec<TrainedModel>,
    /// Metrics; `None` before `evaluate`.
    pub evaluation: Option<Evaluation>,
    /// Intervals, block by block.
    pub calibration: Vec<CalibrationResult>,
    /// Maps, block by block.
    pub attribution: Vec<(AttributionSummary, Weights)>,
    /// Changed sequences, block by block.
    pub shift: Vec<ShiftResult>,
    /// How each network was trained, students included and controls not.
    pub fits: Vec<FitReport>,
    /// Labels of the networks that the point ends with.
    pub labels: Option<LabelInfo>,
    /// Keys of the evaluation and of the calibrations: equal where two points are the same
    /// computation.
    pub keys: Vec<String>,
}

impl<'a> PointResults<'a> {
    /// A point that has produced nothing.
    pub fn new(point: &'a Point, depth: Depth) -> Self {
        Self {
            point,
            depth,
            prepared: None,
            models: Vec::new(),
            evaluation: None,
            calibration: Vec::new(),
            attribution: Vec::new(),
            shift: Vec::new(),
            fits: Vec::new(),
            labels: None,
            keys: Vec::new(),
        }
    }

    /// Reads a model from the artifact of its task.
    ///
    /// # Errors
    ///
    /// A damaged artifact.
    pub fn model(&mut self, id: ModelId, artifact: &Artifact<'_>) -> Result<()> {
        let trained = id != ModelId::Ensemble;
        let curve: Option<FitReport> = if trained {
            Some(artifact.json(network::CURVE)?)
        } else {
            None
        };
        if let (Some(fit), ModelId::Member(_) | ModelId::Student(_)) = (&curve, id) {
            self.fits.push(fit.clone());
            if kind(id) == self.final_kind() || !self.point.study.distill.enabled {
                let card: ModelCard = artifact.json(network::CARD)?;
                self.labels = Some(card.labels);
            }
        }
        if self.depth == Depth::Numbers {
            return Ok(());
        }
        self.models.push(TrainedModel {
            id,
            forecast: network::predictions(artifact)?,
            curve,
            saved: trained.then(|| network::saved(artifact)).transpose()?,
            stage: task_of(id).to_string(),
            backend: artifact.manifest().provenance.details["backend"]
                .as_str()
                .map(str::to_owned),
        });
        Ok(())
    }

    /// What the point ends with: its students, or its ensemble.
    pub fn final_kind(&self) -> ModelKind {
        if self.point.study.distill.enabled {
            ModelKind::Student
        } else {
            ModelKind::Ensemble
        }
    }

    /// The metrics of the evaluation, as far as there is one.
    pub fn metrics(&self) -> &[MetricRow] {
        let evaluation = self.evaluation.as_ref();
        evaluation.map_or(&[], |e| e.metrics.as_slice())
    }

    /// The models of a kind.
    pub fn of_kind(&self, kind: ModelKind) -> impl Iterator<Item = &TrainedModel> {
        self.models.iter().filter(move |m| m.kind() == kind)
    }

    /// The teacher.
    pub fn ensemble(&self) -> Option<&TrainedModel> {
        self.of_kind(ModelKind::Ensemble).next()
    }

    /// The model that a user would take: the first student, or the ensemble.
    pub fn best(&self) -> Option<&TrainedModel> {
        self.of_kind(ModelKind::Student)
            .next()
            .or_else(|| self.ensemble())
    }
}
