//! Trains students on what the ensemble teaches, and controls on its mean alone.

use std::sync::Arc;

use candle_core::Device;
use degu_config::{DynamicMode, Labels as LabelMode, Point, Study};
use degu_core::{Architecture, Augmentation, Component, ModelId, Resolved, TaskId};
use degu_train::{BackendKind, Labels, StudentLabels, Teacher};
use degu_workflow::{execute::TaskContext, key::KeyFields, store::Artifact};
use serde_json::json;

use super::teacher;
use crate::{
    error::Result,
    network::{self, Dynamic, Job, REVISION},
    plan::{
        digests::FileDigests,
        fields::{of, training, value},
    },
    results::{PointResults, PreparedData, network::saved},
    stage::{Stage, root, seed},
    tasks::{self, task_of},
};

/// The task of a student or of a control.
#[derive(Debug)]
struct Distill {
    model: ModelId,
}

/// The tasks of a study.
pub(super) fn tasks(study: &Study) -> Vec<Arc<dyn Stage>> {
    tasks::distilled(study)
        .map(|model| Arc::new(Distill { model }) as _)
        .collect()
}

/// The network of students.
fn architecture(study: &Study) -> &Resolved<dyn Architecture> {
    let own = study.distill.architecture.as_ref();
    own.map_or(&study.architecture.plugin, |slot| &slot.plugin)
}

fn augmentation(study: &Study) -> Option<&Resolved<dyn Augmentation>> {
    study.distill.augmentation.0.as_ref().map(|a| &a.plugin)
}

fn dynamic(study: &Study) -> bool {
    study.distill.labels == LabelMode::Dynamic
}

impl Distill {
    /// What the network learns.
    fn targets(&self, study: &Study) -> Vec<Component> {
        match self.model {
            ModelId::Control(_) => vec![Component::Mean],
            _ => study.distill.targets.clone(),
        }
    }

    /// The random stream of the network.
    fn stream(&self) -> String {
        self.model.to_string().replace('-', "/")
    }
}

impl Stage for Distill {
    fn task(&self) -> TaskId {
        task_of(self.model)
    }

    fn title(&self, study: &Study) -> Result<String> {
        let with = network::backend(&study.distill.training, augmentation(study))?;
        Ok(match self.model {
            ModelId::Control(s) => format!("trains control {s} on the teacher's mean{with}"),
            ModelId::Student(s) | ModelId::Member(s) => format!("distils student {s}{with}"),
            ModelId::Ensemble => format!("distils the ensemble{with}"),
        })
    }

    fn inputs(&self, study: &Study) -> Result<Vec<TaskId>> {
        let mut inputs = vec![tasks::prepare(), task_of(ModelId::Ensemble)];
        if dynamic(study) {
            inputs.extend(tasks::members(study));
        }
        Ok(inputs)
    }

    fn fields(&self, point: &Point, _: &mut FileDigests<'_>) -> Result<KeyFields> {
        let study = &point.study;
        let distill = &study.distill;
        let mut targets = self.targets(study);
        targets.sort_unstable();
        let mode = dynamic(study).then_some(distill.dynamic);
        let settings = json!({
            "training": training(&distill.training)?, "targets": targets, "spread": distill.spread,
            "labels": distill.labels, "dynamic": mode,
        });
        Ok(KeyFields {
            plugins: json!({
                "architecture": of(architecture(study)),
                "head": of(&distill.head.plugin),
                "augmentation": augmentation(study).map(of),
            }),
            settings: value(&settings)?,
            seed: seed(point, &self.stream()),
            numeric: network::numeric(study),
            ..KeyFields::new("distill", REVISION)
        })
    }

    fn run(&self, point: &Point, context: &TaskContext<'_>) -> Result<()> {
        let study = &point.study;
        let distill = &study.distill;
        let data = PreparedData::of(context)?;
        let forecast = teacher::lesson(study, context)?;
        let train = data.rows(degu_core::Split::Train);
        let targets = self.targets(study);
        let rule = StudentLabels {
            measured: &measured(study, &data)?,
            teacher: &forecast,
            train: &train,
            epistemic: targets.contains(&Component::Epistemic),
            aleatoric: targets.contains(&Component::Aleatoric),
        };
        let head = distill.head.plugin.build()?;
        let labels = network::weighted(&rule.assemble()?, head.as_ref(), &data)?;
        let stream = root(point).child(self.stream());
        let job = Job {
            id: self.model,
            study,
            architecture: architecture(study),
            data: &data,
            labels: &labels,
            info: network::label_info(&data, &labels, rule.epistemic, distill.spread),
            head: head.as_ref(),
            head_card: network::plugin_card(&distill.head.plugin),
            training: &distill.training,
            train: &train,
            init: stream,
            streams: stream,
            augmentation: network::build_augmentation(augmentation(study))?,
        };
        if !dynamic(study) {
            return job.run(None, context);
        }
        let mut teacher = networks(study, job.augmentation.as_deref(), context)?;
        let dynamic = Dynamic {
            teacher: &mut teacher,
            append: distill.dynamic.mode == DynamicMode::Append,
            epistemic: rule.epistemic,
            aleatoric: rule.aleatoric,
        };
        job.run(Some(dynamic), context)
    }

    fn read(&self, artifact: &Artifact<'_>, results: &mut PointResults<'_>) -> Result<()> {
        results.model(self.model, artifact)
    }
}

/// The measured labels that students may learn from: the spread around the mean of a likelihood and
/// the spread between replicates are two scales.
fn measured(study: &Study, data: &PreparedData) -> Result<Labels> {
    let mut measured = data.measured.clone();
    let head = study.ensemble.head.plugin.build()?;
    if network::by_likelihood(head.as_ref()) {
        measured.aleatoric = None;
    }
    Ok(measured)
}

/// The members as a teacher that labels batches while they are made.
fn networks(
    study: &Study,
    augmentation: Option<&dyn Augmentation>,
    context: &TaskContext<'_>,
) -> Result<Teacher> {
    // The fused engine reads base codes; sequences with noise on them are numbers.
    let kind = if augmentation.is_some_and(Augmentation::adds_noise) {
        BackendKind::Autograd
    } else {
        BackendKind::Auto
    };
    let mut members = Vec::new();
    for artifact in context.inputs_of("train") {
        members.push(saved(artifact)?.open_as(kind, &Device::Cpu, context.threads())?);
    }
    Ok(Teacher {
        members,
        ddof: study.distill.ddof,
    })
}
