//! `[track]`: where the events of a run are shown; never part of a key.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[track]`: further places for the events of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Track {
    /// Where events go.
    #[schemars(extend("uniqueItems" = true))]
    pub sinks: Vec<TrackSink>,
    /// The MLflow server, for the sink of that name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mlflow: Option<Mlflow>,
}

impl Default for Track {
    fn default() -> Self {
        Self {
            sinks: vec![TrackSink::Jsonl],
            mlflow: None,
        }
    }
}

/// Where events go.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TrackSink {
    /// The run's own ledger; always written.
    Jsonl,
    /// TensorBoard event files.
    Tensorboard,
    /// An MLflow server.
    Mlflow,
}

/// An MLflow server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mlflow {
    /// Address of the server.
    pub uri: String,
    /// Name of the experiment.
    pub experiment: String,
}
