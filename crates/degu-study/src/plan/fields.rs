//! Settings as they enter a key.

use degu_core::{Resolved, SlotTrait};
use degu_train::BackendKind;
use serde_json::{Value, json};

use crate::error::{Result, StageError};
use degu_workflow::key::to_value;

/// A plugin as it enters a key.
pub(crate) fn of<T: ?Sized + SlotTrait>(plugin: &Resolved<T>) -> Value {
    json!({ "slot": T::SLOT.to_string(), "name": plugin.name, "revision": plugin.revision, "params": plugin.params })
}

pub(crate) fn value(settings: &impl serde::Serialize) -> Result<Value> {
    to_value(settings).map_err(|e| StageError::Study {
        what: e.to_string(),
        help: "a setting must be a finite number",
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
pub(crate) fn bug(error: serde_json::Error) -> StageError {
    StageError::Artifact {
        file: "settings",
        problem: error.to_string(),
    }
}

/// The settings of a training that change its result.
pub(crate) fn training(training: &degu_config::Training) -> Result<Value> {
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
