//! How long a task will take, from how long its like took.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::{key::KeyFields, store::Summary};

/// A time with the number of finished tasks it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Median wall time in seconds.
    pub seconds: f64,
    /// Finished tasks it is the median of.
    pub tasks: usize,
}

/// Wall times of finished tasks by stage and architecture.
#[derive(Clone, Debug, Default)]
pub struct History {
    medians: BTreeMap<(String, Option<String>), Estimate>,
}

impl History {
    /// Collects the times of published artifacts.
    pub fn new(summaries: &[Summary]) -> Self {
        let mut times: BTreeMap<(String, Option<String>), Vec<f64>> = BTreeMap::new();
        for summary in summaries {
            let stage = &summary.fields.stage;
            let architecture = architecture(&summary.fields);
            if architecture.is_some() {
                let key = (stage.clone(), architecture);
                times.entry(key).or_default().push(summary.seconds);
            }
            let key = (stage.clone(), None);
            times.entry(key).or_default().push(summary.seconds);
        }
        let medians = times.into_iter().map(|(key, mut seconds)| {
            seconds.sort_by(f64::total_cmp);
            let (tasks, middle) = (seconds.len(), seconds.len() / 2);
            let median = if tasks % 2 == 1 {
                seconds[middle]
            } else {
                f64::midpoint(seconds[middle - 1], seconds[middle])
            };
            let seconds = median;
            (key, Estimate { seconds, tasks })
        });
        Self {
            medians: medians.collect(),
        }
    }

    /// Median of the same stage and architecture, of the same stage if there is none, or no guess
    /// at all.
    pub fn estimate(&self, fields: &KeyFields) -> Option<Estimate> {
        let key = (fields.stage.clone(), architecture(fields));
        let same = self.medians.get(&key);
        same.or_else(|| self.medians.get(&(key.0, None))).copied()
    }
}

/// Name of the architecture among the plugins, under either spelling of a slot's entry.
fn architecture(fields: &KeyFields) -> Option<String> {
    let entry = fields.plugins.get("architecture")?;
    let name = entry.get("plugin").or_else(|| entry.get("name"));
    name.and_then(Value::as_str).map(str::to_owned)
}
