//! From the sections of an experiment file to what training takes.

use degu_core::Augmentation;
use degu_nn::{optim, schedule};
use degu_stats::moments;
use degu_train::{
    BackendKind, Device, FitOptions,
    fit::{StoppingOptions, Watched},
    stopping,
};

use crate::error::{Result, StageError};
use degu_config::{Ddof, DeviceChoice, Direction, OptimizerConfig, Schedule, Training};

/// Options of the main phase of a training.
pub(crate) fn fit_options(training: &Training) -> Result<FitOptions> {
    let early_stopping = match &training.early_stopping {
        None => StoppingOptions {
            direction: stopping::Direction::Min,
            metric: Watched::Loss,
            patience: 0,
            min_delta: 0.0,
        },
        Some(stop) => StoppingOptions {
            direction: match stop.mode {
                Direction::Min => stopping::Direction::Min,
                Direction::Max => stopping::Direction::Max,
            },
            metric: match stop.metric.as_str() {
                "validation/loss" => Watched::Loss,
                "validation/pearson" => Watched::Pearson,
                other => {
                    return Err(StageError::Study {
                        what: format!("`training.early_stopping.metric` is {other:?}"),
                        help: "early stopping watches \"validation/loss\" (mode \"min\") or \"validation/pearson\" (mode \"max\")",
                    });
                }
            },
            patience: stop.patience,
            min_delta: stop.min_delta,
        },
    };
    Ok(FitOptions {
        epochs: training.epochs,
        batch_size: training.batch_size,
        optimizer: optimizer(&training.optimizer, &training.schedule)?,
        schedule: schedule(&training.schedule),
        early_stopping,
        gradient_clip: training.gradient_clip.unwrap_or(0.0),
        recalibrate: training.recalibrate.unwrap_or(0),
        checkpoint_steps: training.checkpoint.every_steps as u64,
    })
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
    } else if matches!(training.optimizer, OptimizerConfig::Sgd { .. }) {
        Some("the fused engine has no kernel for `sgd`")
    } else {
        None
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

/// Options of the phase on unchanged data.
pub(crate) fn fine_tune_options(
    main: &FitOptions,
    epochs: usize,
    lr: f64,
    patience: usize,
) -> FitOptions {
    let mut options = main.clone();
    options.epochs = epochs;
    options.early_stopping.patience = patience;
    match &mut options.optimizer {
        optim::OptimizerConfig::Adam(o) => o.lr = lr,
        optim::OptimizerConfig::AdamW(o) => o.lr = lr,
        optim::OptimizerConfig::Sgd(o) => o.lr = lr,
    }
    options
}

/// The optimizer; a one-cycle schedule brings its own largest rate.
fn optimizer(config: &OptimizerConfig, schedule: &Schedule) -> Result<optim::OptimizerConfig> {
    let rate = |lr: f64| match *schedule {
        Schedule::OneCycle { max_lr, .. } => max_lr,
        _ => lr,
    };
    Ok(match *config {
        OptimizerConfig::Adam { weight_decay, .. } if weight_decay > 0.0 => {
            return Err(StageError::Study {
                what: "`adam` with `weight_decay`".to_owned(),
                help: "decoupled decay is `kind = \"adamw\"`",
            });
        }
        OptimizerConfig::Adam {
            lr,
            beta1,
            beta2,
            eps,
            ..
        } => optim::OptimizerConfig::Adam(optim::Adam {
            lr: rate(lr),
            beta1,
            beta2,
            eps,
        }),
        OptimizerConfig::AdamW {
            lr,
            beta1,
            beta2,
            eps,
            weight_decay,
        } => optim::OptimizerConfig::AdamW(optim::AdamW {
            lr: rate(lr),
            beta1,
            beta2,
            eps,
            weight_decay,
            decay: optim::Decay::All,
        }),
        OptimizerConfig::Sgd {
            lr,
            momentum,
            nesterov,
            weight_decay,
        } => optim::OptimizerConfig::Sgd(optim::Sgd {
            lr: rate(lr),
            momentum,
            nesterov,
            weight_decay,
            decay: optim::Decay::All,
        }),
    })
}

fn schedule(config: &Schedule) -> schedule::Schedule {
    match *config {
        Schedule::Constant => schedule::Schedule::Constant,
        Schedule::ReduceOnPlateau {
            factor,
            patience,
            min_lr,
            min_delta,
        } => schedule::Schedule::ReduceOnPlateau(schedule::ReduceOnPlateau {
            factor,
            patience: patience as u64,
            min_lr,
            min_delta,
        }),
        Schedule::Cosine { warmup, min_lr } => schedule::Schedule::Cosine(schedule::Cosine {
            warm_up: warmup,
            min_lr,
        }),
        Schedule::OneCycle {
            rise,
            start_divisor,
            end_divisor,
            ..
        } => schedule::Schedule::OneCycle(schedule::OneCycle {
            rise,
            div: start_divisor,
            final_div: end_divisor,
            ..schedule::OneCycle::default()
        }),
    }
}

/// Divisor of the spread between members.
pub(crate) fn ddof(config: Ddof) -> moments::Ddof {
    match config {
        Ddof::Zero => moments::Ddof::Zero,
        Ddof::One => moments::Ddof::One,
        Ddof::C4 => moments::Ddof::C4,
    }
}

/// The device of a training.
pub(crate) fn device(choice: DeviceChoice) -> Device {
    match choice {
        DeviceChoice::Auto => Device::Auto,
        DeviceChoice::Cpu => Device::Cpu,
        DeviceChoice::Cuda(n) => Device::Cuda(n),
    }
}
