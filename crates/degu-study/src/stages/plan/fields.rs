//! Settings as they enter a key.

use degu_core::{Resolved, SlotTrait};
use degu_train::BackendKind;
use serde_json::{Value, json};

use super::super::{Result, StageError, options};
use degu_workflow::key::to_value;

/// A plugin as it enters a key.
pub(super) fn of<T: ?Sized + SlotTrait>(plugin: &Resolved<T>) -> Value {
    json!({ "slot": T::SLOT.to_string(), "name": plugin.name, "revision": plugin.revision, "params": plugin.params })
}

pub(super) fn value(settings: &impl serde::Serialize) -> Result<Value> {
    to_value(settings).map_err(|e| StageError::Study {
        what: e.to_string(),
        help: "a setting must be a finite number",
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
pub(super) fn bug(error: serde_json::Error) -> StageError {
    StageError::Artifact {
        file: "settings",
        problem: error.to_string(),
    }
}

/// What the title of a training says of its backend, where the study decides it.
pub(super) fn backend(
    training: &degu_config::Training,
    augmentation: Option<&Resolved<dyn degu_core::Augmentation>>,
) -> Result<String> {
    let built = augmentation.map(Resolved::build).transpose()?;
    Ok(match options::backend(training, built.as_deref())? {
        (BackendKind::Auto, _) => String::new(),
        (BackendKind::Fused, _) => " with the fused engine".to_owned(),
        (BackendKind::Autograd, None) => " with autograd".to_owned(),
        (BackendKind::Autograd, Some(why)) => format!(" with autograd: {why}"),
    })
}

/// The settings of a training that change its result.
pub(super) fn training(training: &degu_config::Training) -> Result<Value> {
    let mut value = serde_json::to_value(training).map_err(bug)?;
    if let Some(table) = value.as_object_mut() {
        for hint in ["checkpoint", "device"] {
            table.remove(hint);
        }
        // Which one `auto` is follows from the rest of the key.
        if training.backend == BackendKind::Auto {
            table.remove("backend");
        }
    }
    Ok(value)
}
