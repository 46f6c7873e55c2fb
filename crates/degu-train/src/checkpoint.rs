//! State that continues a training bit for bit.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    Backend, FitOptions, Result, TrainError,
    backend::{BackendState, Weights},
    fit::report::EpochRecord,
    forecast::{deserialize, serialize},
    stopping::StoppingState,
};

/// Version of the file; a reader refuses others.
const FORMAT: &str = "degu-checkpoint/1";

/// Everything that the next step depends on.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Weights and optimizer moments.
    pub state: BackendState,
    /// Where the loop stands.
    pub progress: Progress,
}

/// Where the loop stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Progress {
    /// Finished epochs.
    pub epoch: usize,
    /// Steps done in the epoch under way.
    pub step_in_epoch: usize,
    /// Steps done in all.
    pub step: u64,
    /// Sum of the batch losses of the epoch under way, weighted by rows.
    pub loss_sum: f64,
    /// Rows of the epoch under way.
    pub rows_seen: usize,
    /// Learning rate.
    pub schedule: degu_nn::schedule::ScheduleState,
    /// Early stopping.
    pub stopping: StoppingState,
    /// The curve so far.
    pub records: Vec<EpochRecord>,
    /// Weights of the best epoch, which every later checkpoint shares.
    #[serde(skip)]
    pub best: Option<Arc<Weights>>,
}

impl Progress {
    /// The start of a run.
    pub fn new(options: &FitOptions) -> Self {
        Self {
            epoch: 0,
            step_in_epoch: 0,
            step: 0,
            loss_sum: 0.0,
            rows_seen: 0,
            schedule: options.schedule.start(options.optimizer.lr()),
            stopping: StoppingState::new(options.early_stopping.as_ref()),
            records: Vec::new(),
            best: None,
        }
    }
}

impl Checkpoint {
    /// The state of a run.
    ///
    /// # Errors
    ///
    /// If the weights cannot be read back from the device.
    pub fn take(backend: &mut dyn Backend, progress: &Progress) -> Result<Self> {
        Ok(Self {
            state: backend.state()?,
            progress: progress.clone(),
        })
    }

    /// As safetensors: weights, moments and best weights by name; the rest as TOML in the metadata.
    ///
    /// # Errors
    ///
    /// If something does not serialize.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut tensors = BTreeMap::new();
        let mut put = |prefix: &str, weights: &Weights| {
            for (name, (shape, values)) in weights {
                let bytes = values
                    .iter()
                    .flat_map(|v| v.to_le_bytes())
                    .collect::<Vec<u8>>();
                tensors.insert(format!("{prefix}/{name}"), (shape.clone(), bytes));
            }
        };
        put("weights", &self.state.weights);
        put("first", &self.state.first);
        put("second", &self.state.second);
        if let Some(best) = &self.progress.best {
            put("best", best);
        }
        // TOML and not JSON: its floats read back bit for bit, and it knows NaN.
        let progress = toml::to_string(&self.progress).map_err(|e| TrainError::File {
            path: "checkpoint".into(),
            problem: e.to_string(),
        })?;
        let metadata = BTreeMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            ("progress".to_owned(), progress),
            ("updates".to_owned(), self.state.updates.to_string()),
        ]);
        serialize(&tensors, Some(metadata))
    }

    /// Reads [`Checkpoint::to_bytes`].
    ///
    /// # Errors
    ///
    /// If the bytes are not such a file, or one of another format version.
    pub fn from_bytes(data: &[u8]) -> Result<Self> {
        let bad = |problem: String| TrainError::File {
            path: "checkpoint".into(),
            problem,
        };
        let (_, header) =
            safetensors::SafeTensors::read_metadata(data).map_err(|e| bad(e.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let field = |name: &str| {
            metadata
                .get(name)
                .ok_or_else(|| bad(format!("expected a field `{name}` in the header")))
        };
        if field("format")? != FORMAT {
            return Err(bad(format!(
                "expected format {FORMAT}, found {}",
                field("format")?
            )));
        }
        let mut progress: Progress =
            toml::from_str(field("progress")?).map_err(|e| bad(e.to_string()))?;
        let updates = field("updates")?
            .parse()
            .map_err(|_| bad("`updates` is a whole number".to_owned()))?;
        let mut parts: BTreeMap<&str, Weights> = BTreeMap::new();
        for (name, value) in deserialize(data)? {
            let Some((part, name)) = name.split_once('/') else {
                continue;
            };
            let part = match part {
                "weights" => "weights",
                "first" => "first",
                "second" => "second",
                "best" => "best",
                _ => return Err(bad(format!("unexpected tensor `{part}/{name}`"))),
            };
            parts
                .entry(part)
                .or_default()
                .insert(name.to_owned(), value);
        }
        progress.best = parts.remove("best").map(Arc::new);
        let mut take = |part| parts.remove(part).unwrap_or_default();
        Ok(Self {
            state: BackendState {
                weights: take("weights"),
                first: take("first"),
                second: take("second"),
                updates,
            },
            progress,
        })
    }
}
