//! From the sections of an experiment file to what training takes.

use degu_config::Training;
use degu_core::Augmentation;
use degu_nn::optim::OptimizerConfig;
use degu_train::{BackendKind, FitOptions};

use crate::error::{Result, StageError};

/// Options of the main phase of a training.
pub(crate) fn fit_options(training: &Training) -> FitOptions {
    FitOptions {
        epochs: training.epochs,
        batch_size: training.batch_size,
        optimizer: training.optimizer,
        schedule: training.schedule,
        early_stopping: training.early_stopping,
        gradient_clip: training.gradient_clip,
        recalibrate: training.recalibrate,
        checkpoint_steps: training.checkpoint.every_steps as u64,
    }
}

/// The backend to ask for, and why where the study itself leaves no choice.
///
/// # Errors
///
/// The fused engine for something that it has no kernel for.
pub(crate) fn backend(
    training: &Training,
    augmentation: Option<&dyn Augmentation>,
) -> Result<(BackendKind, Option<&'static str>)> {
    let beyond = if augmentation.is_some_and(Augmentation::adds_noise) {
        Some("the augmentation adds noise to the input, and the fused engine trains on base codes")
    } else {
        match training.optimizer {
            OptimizerConfig::Sgd(_) => Some("the fused engine has no kernel for `sgd`"),
            OptimizerConfig::Adam(adam) if adam.weight_decay > 0.0 => {
                Some("the fused engine has no kernel for `adam` with `weight_decay`")
            }
            _ => None,
        }
    };
    match (training.backend, beyond) {
        (BackendKind::Fused, Some(what)) => Err(StageError::Study {
            what: format!("`training.backend` is \"fused\", but {what}"),
            help: "use `backend = \"auto\"`, which takes autograd here",
        }),
        (BackendKind::Auto, Some(_)) => Ok((BackendKind::Autograd, beyond)),
        (kind, _) => Ok((kind, None)),
    }
}
