//! `[training]`.

use degu_nn::{optim::OptimizerConfig, schedule::Schedule};
use degu_train::{BackendKind, Device, backend::Precision, stopping::EarlyStopping};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    pub device: Device,
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
            device: Device::default(),
            backend: BackendKind::default(),
            precision: Precision::default(),
        }
    }
}

/// When to save the state of training. It is also saved at the end of each epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Checkpoint {
    /// Steps between saved states.
    #[schemars(range(min = 1))]
    pub every_steps: usize,
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self { every_steps: 500 }
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
