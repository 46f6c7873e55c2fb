//! What an experiment file may ask for and this version, or this machine, does not have. Nothing is
//! left out silently.

use crate::{
    error::{Result, StageError},
    options,
};
use degu_config::{ExecutorKind, Prior, Study, TrackSink};

/// Refuses a study that asks for more than there is.
///
/// # Errors
///
/// [`StageError::Unavailable`] with the first thing that is missing and what to write instead.
pub(crate) fn check(study: &Study) -> Result<()> {
    let refuse = |what: &str, help: &'static str| {
        Err(StageError::Unavailable {
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
        let found = options::device(training.device)
            .open()
            .and_then(|device| training.precision.prepare(&device));
        if let Err(error) = found {
            return Err(StageError::Unavailable {
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
