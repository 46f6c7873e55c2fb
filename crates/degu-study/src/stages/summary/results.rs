//! What the base point of a study has produced so far.

use degu_report::{ModelKind, ShiftCurve};
use degu_train::{FitReport, HostForecast, SavedModel, backend::Weights};

use super::super::{
    AttributionSummary, CalibrationResult, Evaluation, PreparedData, Result, StageError, arms,
    attribute, by_setting, calibrate, compare, evaluate, network,
    plan::{StudyPlan, Work, prefix},
    produced::produced,
    shift,
};
use crate::run::RunError;
use degu_config::Study;
use degu_workflow::store::{Artifact, Store};

/// A model of the base point with its predictions.
pub(super) struct Model {
    pub(super) kind: ModelKind,
    pub(super) name: String,
    pub(super) forecast: HostForecast,
    pub(super) curve: Option<FitReport>,
    pub(super) saved: Option<SavedModel>,
    pub(super) stage: String,
    /// What it was trained with, and why.
    pub(super) backend: Option<String>,
}

/// What the base point has produced so far.
pub(super) struct Results {
    pub(super) prepared: Option<PreparedData>,
    pub(super) digest: String,
    pub(super) models: Vec<Model>,
    pub(super) evaluation: Evaluation,
    pub(super) calibration: Vec<(String, CalibrationResult)>,
    pub(super) attribution: Vec<(String, AttributionSummary, Weights)>,
    pub(super) shift: Vec<ShiftCurve>,
    pub(super) uncertainty: degu_report::Uncertainty,
    pub(super) comparisons: Vec<degu_report::Comparison>,
    pub(super) arms: degu_report::Arms,
    pub(super) sweeps: Vec<degu_report::Sweep>,
    pub(super) settings: degu_report::Settings,
}

impl Results {
    pub(super) fn read(study: &Study, plan: &StudyPlan, store: &Store) -> Result<Self, RunError> {
        let points = produced(plan, store)?;
        let mut results = Self {
            prepared: None,
            digest: String::new(),
            models: Vec::new(),
            evaluation: Evaluation::default(),
            calibration: Vec::new(),
            attribution: Vec::new(),
            shift: Vec::new(),
            uncertainty: degu_report::Uncertainty::default(),
            comparisons: compare::comparisons(study, &points),
            arms: arms::arms(study, &points)?,
            sweeps: compare::sweeps(study, &points),
            settings: by_setting::by_setting(study, &points),
        };
        let Some(point) = plan.points.first() else {
            return Ok(results);
        };
        let start = prefix(point);
        for (id, assigned) in &plan.work {
            let Some(stage) = id.strip_prefix(&start) else {
                continue;
            };
            if start.is_empty() && stage.contains(':') {
                continue;
            }
            let Some(node) = plan.plan.node(id) else {
                continue;
            };
            let Some(artifact) = store.get(&node.key)? else {
                continue;
            };
            results
                .take(&assigned.work, stage, &artifact)
                .map_err(RunError::Stage)?;
        }
        results
            .models
            .sort_by_key(|m| (m.kind, m.name.len(), m.name.clone()));
        Ok(results)
    }

    fn take(&mut self, work: &Work, stage: &str, artifact: &Artifact<'_>) -> Result<()> {
        match work {
            Work::Prepare => {
                self.prepared = Some(PreparedData::read(artifact)?);
                self.digest = artifact.key().short();
            }
            Work::Member(k) => {
                self.model(ModelKind::Member, format!("member-{k}"), stage, artifact)?;
            }
            Work::Student(s) => {
                self.model(ModelKind::Student, format!("student-{s}"), stage, artifact)?;
            }
            Work::Control(s) => {
                self.model(ModelKind::Baseline, format!("control-{s}"), stage, artifact)?;
            }
            Work::Teacher => self.models.push(Model {
                kind: ModelKind::Ensemble,
                name: "ensemble".to_owned(),
                forecast: HostForecast::from_bytes(&artifact.bytes(network::PREDICTIONS)?)?,
                curve: None,
                saved: None,
                stage: stage.to_owned(),
                backend: None,
            }),
            Work::Evaluate => self.evaluation = artifact.json(evaluate::FILE)?,
            Work::Calibrate(name) => self
                .calibration
                .push((name.clone(), artifact.json(calibrate::FILE)?)),
            Work::Attribute(name) => {
                let maps =
                    degu_train::model_file::weights_from_bytes(&artifact.bytes(attribute::MAPS)?)?;
                self.attribution
                    .push((name.clone(), artifact.json(attribute::SUMMARY)?, maps));
            }
            Work::Shift(_) => {
                let result: shift::ShiftResult = artifact.json(shift::FILE)?;
                self.shift.extend(result.curves);
                self.uncertainty.extend(result.uncertainty);
            }
        }
        Ok(())
    }

    fn model(
        &mut self,
        kind: ModelKind,
        name: String,
        stage: &str,
        artifact: &Artifact<'_>,
    ) -> Result<()> {
        let saved = network::saved(artifact).map_err(|e| StageError::Study {
            what: e.to_string(),
            help: "see `degu-lab verify`",
        })?;
        self.models.push(Model {
            kind,
            name,
            forecast: HostForecast::from_bytes(&artifact.bytes(network::PREDICTIONS)?)?,
            curve: Some(artifact.json(network::CURVE)?),
            saved: Some(saved),
            stage: stage.to_owned(),
            backend: artifact.manifest().provenance.details["backend"]
                .as_str()
                .map(str::to_owned),
        });
        Ok(())
    }

    pub(super) fn ensemble(&self) -> Option<&Model> {
        self.models.iter().find(|m| m.kind == ModelKind::Ensemble)
    }

    pub(super) fn of_kind(&self, kind: ModelKind) -> impl Iterator<Item = &Model> {
        self.models.iter().filter(move |m| m.kind == kind)
    }

    /// The model that a user would take: the first student, or the ensemble.
    pub(super) fn best(&self) -> Option<&Model> {
        self.of_kind(ModelKind::Student)
            .next()
            .or_else(|| self.ensemble())
    }
}
