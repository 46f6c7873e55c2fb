//! `[executor]`: where tasks run; never part of a key.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

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

/// A span of time, written as in "120s", "10min", "4h" or "2d".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeSpan {
    text: String,
    seconds: u64,
}

impl TimeSpan {
    /// Seconds.
    pub fn seconds(&self) -> u64 {
        self.seconds
    }

    /// A span of whole seconds.
    pub fn from_seconds(seconds: u64) -> Self {
        Self {
            text: format!("{seconds}s"),
            seconds,
        }
    }
}

impl TryFrom<String> for TimeSpan {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let seconds = [("min", 60), ("s", 1), ("h", 3600), ("d", 86400)]
            .iter()
            .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))
            .filter(|(digits, _)| digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|(digits, factor)| digits.parse::<u64>().ok()?.checked_mul(factor))
            .ok_or_else(|| {
                format!(
                    "expected a time as in \"120s\", \"10min\", \"4h\" or \"2d\", found {text:?}"
                )
            })?;
        Ok(Self { text, seconds })
    }
}

impl From<TimeSpan> for String {
    fn from(time: TimeSpan) -> Self {
        time.text
    }
}

impl JsonSchema for TimeSpan {
    fn schema_name() -> Cow<'static, str> {
        "TimeSpan".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(s|min|h|d)$" })
    }
}

#[cfg(test)]
mod tests {
    use super::TimeSpan;

    #[test]
    fn times_have_units() {
        let seconds = |text: &str| {
            TimeSpan::try_from(text.to_owned())
                .ok()
                .map(|t| t.seconds())
        };
        let read = ["90s", "10min", "4h", "2d", "1.5h", ""].map(seconds);
        assert_eq!(
            read,
            [Some(90), Some(600), Some(14400), Some(172_800), None, None]
        );
    }
}
