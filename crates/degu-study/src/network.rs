//! What members, students and controls have in common: one training from its labels to its files.

mod job;
mod observer;
mod rows;

use degu_config::{Study, Training};
use degu_core::{Augmentation, Components, LabelInfo, Resolved, Split, Spread, UncertaintyHead};
use degu_train::{BackendKind, Labels};
use serde_json::{Value, json};

use crate::{error::Result, options, results::PreparedData};

pub(crate) use job::{BuiltAugmentation, Dynamic, Job, plugin_card};
pub(crate) use rows::training_rows;

/// Raised when training or prediction gives other numbers.
pub(crate) const REVISION: u32 = 2;

/// What of the arithmetic enters the key of a network.
pub(crate) fn numeric(study: &Study) -> Value {
    let device = match study.training.device {
        degu_train::Device::Cuda(_) => "cuda",
        _ => "cpu",
    };
    json!({ "dtype": "f32", "device": device })
}

/// What the title of a training says of its backend, where the study decides it.
pub(crate) fn backend(
    training: &Training,
    augmentation: Option<&Resolved<dyn Augmentation>>,
) -> Result<String> {
    let built = build_augmentation(augmentation)?;
    Ok(match options::backend(training, built.as_deref())? {
        (BackendKind::Auto, _) => String::new(),
        (BackendKind::Fused, _) => " with the fused engine".to_owned(),
        (BackendKind::Autograd, None) => " with autograd".to_owned(),
        (BackendKind::Autograd, Some(why)) => format!(" with autograd: {why}"),
    })
}

/// The augmentation of a training, if it has one.
pub(crate) fn build_augmentation(
    plugin: Option<&Resolved<dyn Augmentation>>,
) -> Result<BuiltAugmentation> {
    Ok(plugin.map(Resolved::build).transpose()?)
}

/// Whether a head predicts an aleatoric part that it learns from the activity alone, as the spread
/// around its mean.
///
/// That is not the spread between replicates where targets are means over several, and the two are
/// never mixed.
pub(crate) fn by_likelihood(head: &dyn UncertaintyHead) -> bool {
    head.components(Components::default()).aleatoric
}

/// Labels with the weights that a head asks for.
pub(crate) fn weighted(
    labels: &Labels,
    head: &dyn UncertaintyHead,
    data: &PreparedData,
) -> Result<Labels> {
    Ok(labels.weighed(head.weights(), data.barcodes.as_deref())?)
}

/// What a head is told about the labels.
pub(crate) fn label_info(
    data: &PreparedData,
    labels: &Labels,
    epistemic: bool,
    spread: Spread,
) -> LabelInfo {
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
