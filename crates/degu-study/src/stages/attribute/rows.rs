//! The sequences that are explained.

use degu_config::{AttributeKeys, SequenceOrder};

use crate::{
    error::{Result, StageError},
    results::PreparedData,
};

/// The rows to explain.
pub(super) fn chosen(data: &PreparedData, keys: &AttributeKeys) -> Result<Vec<usize>> {
    let mut rows = data.rows(keys.sequences.split);
    let width = data.measured.width;
    let task = match &keys.sequences.by {
        None => 0,
        Some(name) => data
            .info
            .tasks
            .iter()
            .position(|t| t == name)
            .ok_or_else(|| StageError::Study {
                what: format!(
                    "`sequences.by` is `{name}`; the tasks are {}",
                    data.info.tasks.join(", ")
                ),
                help: "sequences are ordered by the measurement of a task",
            })?,
    };
    // A profile counts with the mean of its known bins.
    let measured = |row: &usize| {
        let bins = data.measured.mean[row * width..(row + 1) * width]
            .iter()
            .skip(task)
            .step_by(data.tasks());
        let known: Vec<f64> = bins
            .map(|v| f64::from(*v))
            .filter(|v| v.is_finite())
            .collect();
        known.iter().sum::<f64>() / known.len() as f64
    };
    match keys.sequences.order {
        SequenceOrder::Source => {}
        SequenceOrder::Highest | SequenceOrder::Lowest => {
            rows.retain(|r| measured(r).is_finite());
            rows.sort_by(|a, b| measured(b).total_cmp(&measured(a)).then(a.cmp(b)));
            if keys.sequences.order == SequenceOrder::Lowest {
                rows.reverse();
            }
        }
    }
    rows.truncate(keys.sequences.top_n.unwrap_or(usize::MAX));
    Ok(rows)
}
