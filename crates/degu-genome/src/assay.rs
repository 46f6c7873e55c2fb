//! Columns of measurements: activities, replicates and barcode counts.

use crate::{Column, GenomeError, Row, TableReader};

/// Where the measurements of one task stand.
#[derive(Debug, Clone)]
pub struct TaskColumns {
    /// One column, or the replicates.
    measurements: Vec<Column>,
    /// None, or one per measurement.
    barcodes: Vec<Column>,
}

impl TaskColumns {
    /// Finds the columns of the replicates and, where there are any, of their barcode counts.
    ///
    /// # Errors
    ///
    /// [`GenomeError`] naming a column that the table does not have, and the nearest.
    pub fn find(
        table: &TableReader,
        measurements: &[String],
        barcodes: &[String],
    ) -> Result<Self, GenomeError> {
        let all = |names: &[String]| -> Result<Vec<Column>, GenomeError> {
            names.iter().map(|name| table.column(name)).collect()
        };
        Ok(Self {
            measurements: all(measurements)?,
            barcodes: all(barcodes)?,
        })
    }
}

/// What was measured of one row and task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Mean over the replicates measured; NaN if there is none.
    pub mean: f64,
    /// Standard deviation between them, ddof 1; NaN below two.
    pub std: f64,
    /// Number of barcodes behind them; NaN where they are not counted.
    pub barcodes: f64,
    /// Measurements set aside for too few barcodes.
    pub set_aside: usize,
}

impl TaskColumns {
    /// Reads a row; measurements with fewer than `min_barcodes` barcodes are set aside.
    ///
    /// # Errors
    ///
    /// A field that is not a number, a number of barcodes that is not whole.
    pub fn read(&self, row: &Row<'_>, min_barcodes: u32) -> Result<Measured, GenomeError> {
        let mut values = Vec::with_capacity(self.measurements.len());
        let mut barcodes = if self.barcodes.is_empty() {
            f64::NAN
        } else {
            0.0
        };
        let mut set_aside = 0;
        for (i, column) in self.measurements.iter().enumerate() {
            let Some(value) = row.number(column)? else {
                continue;
            };
            // A blank count is no barcode that was seen.
            let count = match self.barcodes.get(i) {
                Some(column) => {
                    let count = row.number(column)?.unwrap_or(0.0);
                    if count < 0.0 || count.fract() != 0.0 {
                        return Err(GenomeError::Value {
                            place: Box::new(row.place(column)),
                            expected: "a number of barcodes, whole and at least 0",
                            found: count.to_string(),
                        });
                    }
                    count
                }
                None => f64::from(min_barcodes),
            };
            if count < f64::from(min_barcodes) {
                set_aside += 1;
                continue;
            }
            values.push(value);
            barcodes += count;
        }
        let (mean, std) = moments(&values);
        Ok(Measured {
            mean,
            std,
            barcodes,
            set_aside,
        })
    }
}

/// Mean and standard deviation (ddof 1); NaN below one and two values.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    let std = if values.len() > 1 {
        (squares / (n - 1.0)).sqrt()
    } else {
        f64::NAN
    };
    (mean, std)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_few_values() {
        assert!(moments(&[]).0.is_nan());
        let (mean, std) = moments(&[2.5]);
        assert!((mean - 2.5).abs() < 1e-15 && std.is_nan());
        let (mean, std) = moments(&[1.0, 2.0, 4.0]);
        assert!((mean - 7.0 / 3.0).abs() < 1e-15 && (std - 1.527_525_231_651_946_6).abs() < 1e-12);
    }
}
