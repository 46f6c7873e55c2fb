//! Which rows form a unit of resampling.

use std::collections::BTreeMap;

use crate::check;
use crate::error::Result;

/// Rows gathered by unit; units are in ascending order of their identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Units {
    starts: Vec<usize>,
    rows: Vec<usize>,
}

impl Units {
    /// Every row is a unit of its own.
    pub fn rows(rows: usize) -> Self {
        Self {
            starts: (0..=rows).collect(),
            rows: (0..rows).collect(),
        }
    }

    /// Rows with the same identifier (cluster, chromosome, pair of strands) form a unit.
    ///
    /// # Errors
    ///
    /// [`StatsError::TooFew`](crate::StatsError::TooFew) for no rows.
    pub fn grouped(unit_of_row: &[u64]) -> Result<Self> {
        check::at_least("unit", 1, unit_of_row.len())?;
        let mut groups: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (row, unit) in unit_of_row.iter().enumerate() {
            groups.entry(*unit).or_default().push(row);
        }
        let mut units = Self {
            starts: vec![0],
            rows: Vec::with_capacity(unit_of_row.len()),
        };
        for rows in groups.into_values() {
            units.rows.extend(rows);
            units.starts.push(units.rows.len());
        }
        Ok(units)
    }

    /// Number of units.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// True without units.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of rows over all units.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// Rows of one unit.
    pub(crate) fn rows_of(&self, unit: usize) -> &[usize] {
        &self.rows[self.starts[unit]..self.starts[unit + 1]]
    }
}
