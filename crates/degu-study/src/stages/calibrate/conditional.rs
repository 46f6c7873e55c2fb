//! Interval coverage within groups of test rows.

use std::collections::BTreeMap;

use degu_report::ConditionalRow;
use degu_stats::{Alpha, Binning};

use super::seen::{Observed, Seen, observed};
use crate::error::Result;

/// Bins of activity and of GC content.
const BINS: usize = 5;

/// Fewest test rows of a category that is listed.
const SMALLEST_CATEGORY: usize = 20;

/// Groups by the predicted value of the task.
pub(super) const ACTIVITY: &str = "predicted activity";

/// One way to cut rows into groups.
pub(super) struct Groups {
    pub(super) by: &'static str,
    /// Group of each row.
    pub(super) of_row: Vec<u32>,
    names: Vec<String>,
}

/// Rows by predicted activity, by GC content and by category, where there are such numbers.
pub(super) fn groups(seen: &Seen<'_>, task: &Observed) -> Result<Vec<Groups>> {
    let mut all = Vec::new();
    if task.y.len() < BINS {
        return Ok(all);
    }
    let activity: Vec<f64> = task.at.iter().map(|at| seen.part.mean[*at]).collect();
    let row = |i: usize| seen.index[task.positions[i]];
    let gc: Vec<f64> = (0..task.y.len()).map(|i| seen.data.gc(row(i))).collect();
    for (by, values) in [(ACTIVITY, &activity), ("GC content", &gc)] {
        if values.iter().any(|v| !v.is_finite()) {
            continue;
        }
        let mut groups = Groups {
            by,
            of_row: vec![0; values.len()],
            names: Vec::new(),
        };
        for (bin, members) in Binning::EqualCount.rows(values, BINS)?.iter().enumerate() {
            let own = || members.iter().map(|i| values[*i]);
            let (low, high) = (
                own().fold(f64::INFINITY, f64::min),
                own().fold(f64::NEG_INFINITY, f64::max),
            );
            groups.names.push(format!("{low:.2} to {high:.2}"));
            for i in members {
                groups.of_row[*i] = bin as u32;
            }
        }
        all.push(groups);
    }
    if let Some(category) = &seen.data.category {
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        for i in 0..task.y.len() {
            let next = numbers.len() as u32;
            numbers.entry(&category[row(i)]).or_insert(next);
        }
        let mut names = vec![String::new(); numbers.len()];
        for (name, number) in &numbers {
            (*name).clone_into(&mut names[*number as usize]);
        }
        all.push(Groups {
            by: "category",
            of_row: (0..task.y.len())
                .map(|i| numbers[category[row(i)].as_str()])
                .collect(),
            names,
        });
    }
    Ok(all)
}

impl Seen<'_> {
    /// Coverage and width within groups.
    pub(super) fn conditional(&self, alpha: Alpha) -> Result<Vec<ConditionalRow>> {
        let all = self.fitted.intervals(&self.part.forecast(), alpha)?;
        let mut rows = Vec::new();
        for (task, name) in self.data.info.tasks.iter().enumerate() {
            let seen = observed(&all, self.part, task, self.data.tasks());
            let n = self.units(task);
            let inside = seen.intervals.contains(&seen.y)?;
            let widths = seen.intervals.widths();
            for groups in groups(self, &seen)? {
                for (group, bin) in groups.names.iter().enumerate() {
                    let members: Vec<usize> = (0..seen.y.len())
                        .filter(|i| groups.of_row[*i] as usize == group)
                        .collect();
                    let small = groups.by == "category" && members.len() < SMALLEST_CATEGORY;
                    if members.is_empty() || small {
                        continue;
                    }
                    let covered = members.iter().filter(|i| inside[**i]).count();
                    let band = self.band(alpha, n, members.len());
                    let finite: Vec<f64> = members
                        .iter()
                        .map(|i| widths[*i])
                        .filter(|w| w.is_finite())
                        .collect();
                    rows.push(ConditionalRow {
                        calibrator: format!("{}, {}", self.label, self.model.id),
                        split: self.split.to_owned(),
                        task: name.clone(),
                        alpha: alpha.value(),
                        by: groups.by.to_owned(),
                        bin: bin.clone(),
                        n: members.len(),
                        coverage: covered as f64 / members.len() as f64,
                        band_low: band.map(|b| b.low),
                        band_high: band.map(|b| b.high),
                        mean_width: (!finite.is_empty())
                            .then(|| finite.iter().sum::<f64>() / finite.len() as f64),
                    });
                }
            }
        }
        Ok(rows)
    }
}
