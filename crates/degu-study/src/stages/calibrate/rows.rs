//! The rows that calibrate.

use std::collections::BTreeMap;

use degu_core::{Calibrator, Seed, Split};

use crate::{
    error::{Result, StageError},
    results::PreparedData,
};

/// The rows that calibrate, after a check that they are what they must be.
///
/// # Errors
///
/// No such rows; a row whose group also trains or stops a model.
pub(super) fn held_out(data: &PreparedData) -> Result<Vec<usize>> {
    let rows = data.rows(Split::Calibration);
    if rows.is_empty() {
        return Err(StageError::Study {
            what: "no rows are held out for calibration".to_owned(),
            help: "set `split.calibration` above 0: rows that stopped the training early cannot calibrate",
        });
    }
    let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
    for row in data
        .rows(Split::Train)
        .into_iter()
        .chain(data.rows(Split::Validation))
    {
        seen.entry(data.group[row]).or_insert(row);
    }
    for row in &rows {
        if let Some(other) = seen.get(&data.group[*row]) {
            let part = data.part[*other].map_or("none", Split::name);
            return Err(StageError::Study {
                what: format!(
                    "calibration row `{}` belongs to the group of `{}`, which is in the {part} part: its intervals would promise too much",
                    data.ids[*row], data.ids[*other]
                ),
                help: "choose another `split.group`, or `split.kind = \"cluster\"`",
            });
        }
    }
    Ok(rows)
}

/// Cuts off the rows that a calibrator tunes itself on, by group.
pub(super) fn tuned(
    calibrator: &dyn Calibrator,
    rows: &[usize],
    group: &[u64],
    seed: &Seed,
) -> (Vec<usize>, Vec<usize>) {
    let fraction = calibrator.tuning_fraction();
    if fraction <= 0.0 {
        return (Vec::new(), rows.to_vec());
    }
    let groups: Vec<u64> = rows.iter().map(|r| group[*r]).collect();
    match degu_genome::split_groups(
        &groups,
        &[1.0 - fraction, fraction],
        seed.child("tune").bytes(),
    ) {
        Ok(parts) => {
            let pick = |part| {
                rows.iter()
                    .zip(&parts)
                    .filter(|(_, p)| **p == part)
                    .map(|(r, _)| *r)
                    .collect()
            };
            (pick(1), pick(0))
        }
        Err(_) => (Vec::new(), rows.to_vec()),
    }
}
