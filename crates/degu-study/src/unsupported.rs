//! Settings that experiment files may have and this version, or this machine, does not support.

use degu_config::{ExecutorKind, Study, TrackSink};

use crate::error::{Result, StageError};

/// Refuses a study that asks for something unsupported.
///
/// # Errors
///
/// [`StageError::Unavailable`] with the first such setting and what to write instead.
pub(crate) fn check(study: &Study) -> Result<()> {
    let refused = [
        (
            study.executor.kind == ExecutorKind::Slurm,
            "`executor.kind = \"slurm\"`",
            "set `executor.kind = \"local\"`; the store may be shared, so several hosts can run the same study side by side",
        ),
        (
            !study.executor.gpus.is_empty(),
            "`executor.gpus`",
            "name one device for all tasks with `training.device = \"cuda:0\"`",
        ),
        (
            study.track.sinks.iter().any(|s| *s != TrackSink::Jsonl),
            "a `track.sinks` other than \"jsonl\"",
            "read the run's `events.jsonl` and `tables/learning.csv`",
        ),
    ];
    if let Some((_, what, help)) = refused.into_iter().find(|(asked, ..)| *asked) {
        return Err(StageError::Unavailable {
            what: format!("this version does not support {what}"),
            help,
        });
    }
    for training in [&study.training, &study.distill.training] {
        let device = training.device.open();
        if let Err(error) = device.and_then(|device| training.precision.prepare(&device)) {
            return Err(StageError::Unavailable {
                what: error.to_string(),
                help: "`degu-lab doctor` says what this machine has",
            });
        }
    }
    Ok(())
}
