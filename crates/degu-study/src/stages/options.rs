//! From the sections of an experiment file to what training and splitting take.

use degu_config::{Group, SplitConfig, SplitKind, Training};
use degu_core::Augmentation;
use degu_nn::optim::OptimizerConfig;
use degu_train::{BackendKind, FitOptions};

use super::{GroupRule, HoldOutSpec, Result, SplitRule, SplitSpec, StageError};

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

/// Assignment of rows from `[split]`.
pub(crate) fn split_spec(config: &SplitConfig) -> Result<SplitSpec> {
    let missing = |what: &str, help| StageError::Study {
        what: what.to_owned(),
        help,
    };
    let (validation, test) = (config.fractions.validation, config.fractions.test);
    let rule = match config.kind {
        SplitKind::Column => SplitRule::Column {
            column: config.column.clone().ok_or_else(|| {
                missing(
                    "`split.kind = \"column\"` needs `split.column`",
                    "name the column that says train, val or test",
                )
            })?,
        },
        SplitKind::Files => SplitRule::Files,
        SplitKind::Random => SplitRule::Random { validation, test },
        SplitKind::Cluster => SplitRule::Cluster { validation, test },
        SplitKind::Chromosome => {
            let parts = config.chromosomes.clone().ok_or_else(|| {
                missing(
                    "`split.kind = \"chromosome\"` needs `split.chromosomes`",
                    "name the chromosomes of validation and test",
                )
            })?;
            SplitRule::Chromosome {
                validation: parts.validation,
                test: parts.test,
            }
        }
    };
    let group = match &config.group {
        Group::Sequence => GroupRule::Dataset,
        Group::NearDuplicates => GroupRule::Cluster,
        Group::None => GroupRule::None,
        Group::Column(name) => GroupRule::Column(name.clone()),
    };
    Ok(SplitSpec {
        rule,
        group,
        train_fraction: config.train_fraction,
        calibration: config.calibration,
        allow_leakage: config
            .allow_leakage
            .iter()
            .filter_map(|pair| SplitConfig::leakage_pair(pair))
            .collect(),
        hold_out: config.hold_out.as_ref().map(|h| HoldOutSpec {
            column: h.column.clone(),
            keep: h.keep.clone(),
            related: h.related.clone(),
            sets: h.sets.clone(),
        }),
    })
}
