//! `[executor]` and `[resources]`: hints that never enter a key.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Memory, TimeSpan};

/// `[executor]`: where tasks run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Executor {
    /// Processes on this machine, or a Slurm cluster.
    pub kind: ExecutorKind,
    /// Worker processes; a GPU task also needs a device.
    #[schemars(range(min = 1))]
    pub jobs: usize,
    /// Threads of one task; the machine's cores over `jobs` if absent. Numbers do not depend on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub threads: Option<usize>,
    /// CUDA devices; all visible ones if empty.
    #[schemars(extend("uniqueItems" = true))]
    pub gpus: Vec<usize>,
    /// Options of the Slurm executor.
    pub slurm: Slurm,
}

impl Default for Executor {
    fn default() -> Self {
        Self {
            kind: ExecutorKind::Local,
            jobs: 1,
            threads: None,
            gpus: Vec::new(),
            slurm: Slurm::default(),
        }
    }
}

/// Where tasks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExecutorKind {
    /// Processes on this machine.
    Local,
    /// Arrays of jobs on a Slurm cluster.
    Slurm,
}

/// Options of the Slurm executor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Slurm {
    /// `--partition`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// `--account`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// `--qos`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qos: Option<String>,
    /// Tasks of an array that run at the same time.
    #[schemars(range(min = 1))]
    pub max_parallel: usize,
    /// Largest number of tasks of an array.
    #[schemars(range(min = 1))]
    pub array_limit: usize,
    /// How long before its end a job is told to save its state.
    pub signal_before: TimeSpan,
    /// Time between looks at the queue.
    pub poll: TimeSpan,
    /// How long an unreachable controller is waited for.
    pub patience: TimeSpan,
    /// Lines before the command, as in "module load cuda".
    pub environment: Vec<String>,
    /// Further options of sbatch.
    pub extra: Vec<String>,
}

impl Default for Slurm {
    fn default() -> Self {
        Self {
            partition: None,
            account: None,
            qos: None,
            max_parallel: 24,
            array_limit: 1000,
            signal_before: TimeSpan::from_seconds(120),
            poll: TimeSpan::from_seconds(15),
            patience: TimeSpan::from_seconds(600),
            environment: Vec::new(),
            extra: Vec::new(),
        }
    }
}

/// What a task of one stage asks of a cluster. The local executor goes by `executor.jobs` and
/// `executor.threads`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResourceRequest {
    /// Cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub cpus: Option<usize>,
    /// GPUs; a fraction packs several tasks onto one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub gpus: Option<f64>,
    /// Memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem: Option<Memory>,
    /// Wall time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeSpan>,
}
