//! What an experiment file may ask for and this version, or this machine, does not have. Nothing is
//! left out silently.

use crate::run::RunError;
use degu_config::{ExecutorKind, Prior, Selection, Study, TrackSink};

/// Refuses a study that asks for more than there is.
///
/// # Errors
///
/// [`RunError::Unavailable`] with the first thing that is missing and what to write instead; points
/// that do not fit.
pub(crate) fn check(study: &Study, selection: &Selection) -> Result<(), RunError> {
    one(study)?;
    for point in study.points(selection)? {
        one(&point.study)?;
    }
    Ok(())
}

fn one(study: &Study) -> Result<(), RunError> {
    let refuse = |what: &str, help: &'static str| {
        Err(RunError::Unavailable {
            what: format!("{what} was asked for, and this version does not have it"),
            help,
        })
    };
    if study.executor.kind == ExecutorKind::Slurm {
        return refuse(
            "`executor.kind = \"slurm\"`",
            "set `executor.kind = \"local\"`; the store may be shared, so several hosts can run the same study side by side",
        );
    }
    if !study.executor.gpus.is_empty() {
        return refuse(
            "`executor.gpus`",
            "name one device for all tasks with `training.device = \"cuda:0\"`",
        );
    }
    for training in [&study.training, &study.distill.training] {
        let found = training
            .device
            .open()
            .and_then(|device| training.precision.prepare(&device));
        if let Err(error) = found {
            return Err(RunError::Unavailable {
                what: error.to_string(),
                help: "`degu-lab doctor` says what this machine has",
            });
        }
    }
    if study.architecture.keys.prior != Prior::None {
        return refuse(
            "`architecture.prior`",
            "write `prior = \"none\"`, or leave it out",
        );
    }
    if study.track.sinks.iter().any(|s| *s != TrackSink::Jsonl) {
        return refuse(
            "a `track.sinks` other than \"jsonl\"",
            "the run's `events.jsonl` and `tables/learning.csv` have what there is to see",
        );
    }
    Ok(())
}
