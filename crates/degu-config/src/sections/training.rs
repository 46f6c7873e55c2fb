//! `[training]`.

use std::{borrow::Cow, fmt};

use degu_train::{BackendKind, backend::Precision};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{OptimizerConfig, Schedule};

/// `[training]`: how members are trained, and students unless `[distill.training]` says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// Largest number of passes over the training rows.
    #[schemars(range(min = 1))]
    pub epochs: usize,
    /// Rows per step.
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// How a step follows from a gradient.
    pub optimizer: OptimizerConfig,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// When to stop before the last epoch; never if absent. The best weights are kept either way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// Largest norm of the gradient of all parameters; not clipped if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub gradient_clip: Option<f64>,
    /// Training rows, drawn anew after each epoch, from which running statistics of batch norms are
    /// computed before the network is evaluated, with dropout off; if absent, they are the running
    /// averages of the training steps, as usual. Running averages lag behind where an epoch has few
    /// steps, and are of activations under dropout: a network with dropout before a batch norm is
    /// evaluated with variances that its activations do not have then (Li et al.,
    /// arXiv 1801.05134).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2))]
    pub recalibrate: Option<usize>,
    /// When to save the state of training.
    pub checkpoint: Checkpoint,
    /// Training on unchanged data after training on augmented data; the augmentation's own rule if
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fine_tune: Option<FineTuneConfig>,
    /// Where to compute.
    pub device: DeviceChoice,
    /// What computes: "fused" (kernels of our own, CPU, Adam), "autograd" (any network, device and
    /// optimizer), or "auto": fused wherever it can. The choice and its reason are in the log and
    /// in the report.
    pub backend: BackendKind,
    /// Arithmetic of matrix products.
    pub precision: Precision,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            epochs: 100,
            batch_size: 128,
            optimizer: OptimizerConfig::default(),
            schedule: Schedule::default(),
            early_stopping: None,
            gradient_clip: None,
            recalibrate: None,
            checkpoint: Checkpoint::default(),
            fine_tune: None,
            device: DeviceChoice::default(),
            backend: BackendKind::default(),
            precision: Precision::default(),
        }
    }
}

/// When to stop before the last epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EarlyStopping {
    /// What is watched: "validation/loss" (mode "min") or "validation/pearson" (mode "max").
    pub metric: String,
    /// Which direction is better.
    pub mode: Direction,
    /// Epochs without improvement before training stops.
    #[schemars(range(min = 1))]
    pub patience: usize,
    /// Smallest change that is an improvement, in units of the metric.
    #[schemars(range(min = 0.0))]
    pub min_delta: f64,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self {
            metric: "validation/loss".to_owned(),
            mode: Direction::Min,
            patience: 10,
            min_delta: 0.0,
        }
    }
}

/// Which direction is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Smaller is better.
    Min,
    /// Larger is better.
    Max,
}

/// When to save the state of training. It is also saved at the end of each epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Checkpoint {
    /// Steps between saved states.
    #[schemars(range(min = 1))]
    pub every_steps: usize,
    /// Saved states that are kept.
    #[schemars(range(min = 1))]
    pub keep: usize,
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self {
            every_steps: 500,
            keep: 1,
        }
    }
}

/// Training on unchanged data after training on augmented data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FineTuneConfig {
    /// Largest number of epochs; 0 for none.
    pub epochs: usize,
    /// Learning rate.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub lr: f64,
    /// Epochs without improvement before it stops.
    #[schemars(range(min = 1))]
    pub patience: usize,
}

impl Default for FineTuneConfig {
    fn default() -> Self {
        Self {
            epochs: 10,
            lr: 1e-4,
            patience: 5,
        }
    }
}

/// Where to compute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceChoice {
    /// The first CUDA device that is given to the process, or else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A CUDA device by its number; an error where it is missing.
    Cuda(usize),
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl From<DeviceChoice> for String {
    fn from(device: DeviceChoice) -> Self {
        device.to_string()
    }
}

impl TryFrom<String> for DeviceChoice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let index = text
            .strip_prefix("cuda:")
            .and_then(|index| index.parse().ok());
        match (text.as_str(), index) {
            ("auto", _) => Ok(Self::Auto),
            ("cpu", _) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda(0)),
            (_, Some(index)) => Ok(Self::Cuda(index)),
            _ => Err(format!(
                "expected \"auto\", \"cpu\" or \"cuda:0\", found {text:?}"
            )),
        }
    }
}

impl JsonSchema for DeviceChoice {
    fn schema_name() -> Cow<'static, str> {
        "DeviceChoice".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(auto|cpu|cuda(:[0-9]+)?)$" })
    }
}
