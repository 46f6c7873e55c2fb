//! Members, students and controls: what each network is trained on, and from which streams.

mod job;
mod observer;

use std::collections::BTreeMap;

use degu_core::{
    Architecture, Augmentation, LabelInfo, Part, Seed, Split, Spread, UncertaintyHead,
};
use degu_train::{
    BackendKind, HostForecast, Labels, ModelCard, SavedModel, StudentLabels, Teacher,
    model_file::{self, PluginCard},
};

use super::{PreparedData, Result, StageError, plan::Assigned, sources::by_likelihood, teacher};
use degu_config::{DynamicMode, Labels as LabelMode, Study, Vary};
use degu_workflow::execute::{TaskContext, TaskError};
use degu_workflow::store::Artifact;
use job::{BuiltAugmentation, Dynamic, Job};

/// Raised when training or prediction gives other numbers.
pub(crate) const REVISION: u32 = 2;

/// Files of a trained network.
pub(crate) const CARD: &str = "card.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";
pub(crate) const PREDICTIONS: &str = "predictions.safetensors";
pub(crate) const CURVE: &str = "curve.json";

/// The stream of a replicate.
pub(crate) fn replicate(study: &Study, replicate: usize) -> Seed {
    Seed::root(study.identity.seed).child(format!("replicate/{replicate}"))
}

/// Trains member `k`.
pub(crate) fn member(
    assigned: &Assigned,
    k: usize,
    context: &TaskContext<'_>,
) -> Result<(), TaskError> {
    let study = &assigned.study;
    let data = PreparedData::of(context)?;
    let root = replicate(study, assigned.replicate);
    let own = root.child(format!("member/{k}"));
    let shared = root.child("member/0");
    let pick = |vary| {
        if study.ensemble.vary.contains(&vary) {
            own
        } else {
            shared
        }
    };
    let train = training_rows(study, &root, k, &data).map_err(StageError::into_task)?;
    let head = study.ensemble.head.plugin.build().map_err(core)?;
    let labels = weighed(&data.measured, head.as_ref(), &data)?;
    let info = label_info(&data, &labels, false, Spread::Std);
    let job = Job {
        name: format!("member-{k}"),
        study,
        architecture: &study.architecture.plugin,
        data: &data,
        labels: &labels,
        info,
        head: head.as_ref(),
        head_card: plugin_card(&study.ensemble.head.plugin),
        training: &study.training,
        train: &train,
        init: pick(Vary::Init),
        streams: pick(Vary::Order),
        augmentation: build_augmentation(study.augmentation.0.as_ref().map(|a| &a.plugin))?,
    };
    job.run(None, context)
}

/// The rows that member `k` of a replicate trains on; a row that was drawn twice stands there
/// twice.
pub(crate) fn training_rows(
    study: &Study,
    root: &Seed,
    k: usize,
    data: &PreparedData,
) -> Result<Vec<usize>> {
    let train = data.rows(Split::Train);
    if study.ensemble.vary.contains(&Vary::Bootstrap) {
        let seed = root.child(format!("member/{k}")).child("bootstrap");
        return Ok(bootstrap(&train, &data.group, &seed));
    }
    if study.ensemble.vary.contains(&Vary::Folds) {
        let members = study.ensemble.members;
        let groups: Vec<u64> = train.iter().map(|r| data.group[*r]).collect();
        let equal = vec![1.0 / members as f64; members];
        let fold = degu_genome::split_groups(&groups, &equal, root.child("folds").bytes())?;
        let rows = train.into_iter().zip(fold);
        return Ok(rows.filter(|(_, f)| *f != k).map(|(r, _)| r).collect());
    }
    Ok(train)
}

/// Labels with the weights that a head asks for.
fn weighed(
    labels: &Labels,
    head: &dyn UncertaintyHead,
    data: &PreparedData,
) -> Result<Labels, TaskError> {
    labels
        .weighed(head.weights(), data.barcodes.as_deref())
        .map_err(|e| StageError::from(e).into_task())
}

/// The network of students.
pub(crate) fn students(study: &Study) -> &degu_core::Resolved<dyn Architecture> {
    let own = study.distill.architecture.as_ref();
    own.map_or(&study.architecture.plugin, |slot| &slot.plugin)
}

/// Trains student `s`, or a control that learns the teacher's mean alone.
pub(crate) fn student(
    assigned: &Assigned,
    s: usize,
    control: bool,
    context: &TaskContext<'_>,
) -> Result<(), TaskError> {
    let study = &assigned.study;
    let distill = &study.distill;
    let data = PreparedData::of(context)?;
    let forecast = teacher::lesson(assigned, context)?;
    let train = data.rows(Split::Train);
    let wants = |part| !control && distill.targets.contains(&part);
    let member_head = study.ensemble.head.plugin.build().map_err(core)?;
    let mut measured = data.measured.clone();
    if by_likelihood(member_head.as_ref()) {
        // The spread around the mean of a likelihood and the spread between replicates are two
        // scales.
        measured.aleatoric = None;
    }
    let rule = StudentLabels {
        measured: &measured,
        teacher: &forecast,
        train: &train,
        epistemic: wants(Part::Epistemic),
        aleatoric: wants(Part::Aleatoric),
    };
    let labels = rule
        .assemble()
        .map_err(|e| StageError::from(e).into_task())?;
    let head = distill.head.plugin.build().map_err(core)?;
    let labels = weighed(&labels, head.as_ref(), &data)?;
    let info = label_info(&data, &labels, rule.epistemic, distill.spread);
    let kind = if control { "control" } else { "student" };
    let seed = replicate(study, assigned.replicate).child(format!("{kind}/{s}"));
    let job = Job {
        name: format!("{kind}-{s}"),
        study,
        architecture: students(study),
        data: &data,
        labels: &labels,
        info,
        head: head.as_ref(),
        head_card: plugin_card(&distill.head.plugin),
        training: &distill.training,
        train: &train,
        init: seed,
        streams: seed,
        augmentation: build_augmentation(distill.augmentation.0.as_ref().map(|a| &a.plugin))?,
    };
    if distill.labels == LabelMode::Static {
        return job.run(None, context);
    }
    // The fused engine reads base codes; sequences with noise on them are numbers.
    let augmentation = job.augmentation.as_deref();
    let kind = if augmentation.is_some_and(Augmentation::adds_noise) {
        BackendKind::Autograd
    } else {
        BackendKind::Auto
    };
    let mut members = Vec::new();
    for artifact in context.inputs_of("train") {
        members.push(
            saved(artifact)?
                .open_as(kind, &candle_core::Device::Cpu, context.threads())
                .map_err(|e| StageError::from(e).into_task())?,
        );
    }
    let mut teacher = Teacher {
        members,
        ddof: distill.ddof,
    };
    let dynamic = Dynamic {
        teacher: &mut teacher,
        append: distill.dynamic.mode == DynamicMode::Append,
        epistemic: rule.epistemic,
        aleatoric: rule.aleatoric,
    };
    job.run(Some(dynamic), context)
}

/// The model in an artifact of `train` or `distill`.
pub(crate) fn saved(artifact: &Artifact<'_>) -> Result<SavedModel, TaskError> {
    let card: ModelCard = artifact.json(CARD)?;
    let weights = artifact.bytes(WEIGHTS)?;
    let model =
        model_file::weights_from_bytes(&weights).and_then(|weights| SavedModel::new(card, weights));
    model.map_err(|e| StageError::from(e).into_task())
}

/// The predictions of all rows in an artifact of `train` or `distill`.
pub(crate) fn predictions(artifact: &Artifact<'_>) -> Result<HostForecast, TaskError> {
    HostForecast::from_bytes(&artifact.bytes(PREDICTIONS)?)
        .map_err(|e| StageError::from(e).into_task())
}

fn core(error: degu_core::Error) -> TaskError {
    StageError::from(error).into_task()
}

fn build_augmentation(
    plugin: Option<&degu_core::Resolved<dyn Augmentation>>,
) -> Result<BuiltAugmentation, TaskError> {
    plugin
        .map(degu_core::Resolved::build)
        .transpose()
        .map_err(core)
}

/// A plugin as a model card names it.
pub(crate) fn plugin_card<T: ?Sized>(plugin: &degu_core::Resolved<T>) -> PluginCard {
    PluginCard {
        plugin: plugin.name.to_owned(),
        revision: plugin.revision,
        params: plugin.params.clone(),
    }
}

fn label_info(data: &PreparedData, labels: &Labels, epistemic: bool, spread: Spread) -> LabelInfo {
    // Scales come from the measurements, so that members and students share their floors.
    let (mean, std) = data
        .measured
        .moments(&data.rows(Split::Train), data.tasks());
    LabelInfo {
        tasks: data.info.tasks.clone(),
        mean,
        std,
        epistemic,
        aleatoric: labels.aleatoric.is_some(),
        spread,
    }
}

/// Groups drawn with replacement, as many as there are.
fn bootstrap(rows: &[usize], group: &[u64], seed: &Seed) -> Vec<usize> {
    use rand::RngExt as _;
    let mut groups: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for row in rows {
        groups.entry(group[*row]).or_default().push(*row);
    }
    let groups: Vec<Vec<usize>> = groups.into_values().collect();
    let mut rng = seed.rng();
    (0..groups.len())
        .flat_map(|_| groups[rng.random_range(0..groups.len())].clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bootstrap_draws_whole_groups() {
        let rows: Vec<usize> = (0..40).collect();
        let group: Vec<u64> = (0..40).map(|i| i / 2).collect();
        let drawn = bootstrap(&rows, &group, &Seed::root(3));
        assert_eq!(drawn.len(), 40);
        for pair in drawn.chunks(2) {
            assert_eq!(pair[0] + 1, pair[1]);
        }
        assert_ne!(drawn, rows);
    }
}
