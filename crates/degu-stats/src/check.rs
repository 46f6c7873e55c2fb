//! Checks at the door: lengths, finite values, positive scales.

use crate::error::{Result, StatsError};

/// `found` values are as many as `expected`.
pub(crate) fn length(name: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found {
        Ok(())
    } else {
        Err(StatsError::Length {
            name,
            expected,
            found,
        })
    }
}

/// At least `needed` rows.
pub(crate) fn at_least(name: &'static str, needed: usize, found: usize) -> Result<()> {
    if found >= needed {
        Ok(())
    } else {
        Err(StatsError::TooFew {
            name,
            needed,
            found,
        })
    }
}

/// No NaN and no infinity.
pub(crate) fn finite(name: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(row) => Err(StatsError::NotFinite {
            name,
            row,
            value: values[row],
        }),
    }
}

/// No NaN; infinities have a meaning.
pub(crate) fn not_nan(name: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|v| v.is_nan()) {
        None => Ok(()),
        Some(row) => Err(StatsError::NotFinite {
            name,
            row,
            value: values[row],
        }),
    }
}

/// All finite and above zero.
pub(crate) fn positive(name: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|v| !(v.is_finite() && *v > 0.0)) {
        None => Ok(()),
        Some(row) => Err(StatsError::Scale {
            name,
            row,
            value: values[row],
        }),
    }
}

/// Same length as `expected` and finite.
pub(crate) fn column(name: &'static str, values: &[f64], expected: usize) -> Result<()> {
    length(name, expected, values.len())?;
    finite(name, values)
}

/// Same length as `expected`, finite and above zero.
pub(crate) fn scale(name: &'static str, values: &[f64], expected: usize) -> Result<()> {
    length(name, expected, values.len())?;
    positive(name, values)
}

/// Finite, not negative, and not all zero.
pub(crate) fn weights(name: &'static str, values: &[f64], expected: usize) -> Result<()> {
    length(name, expected, values.len())?;
    if let Some(row) = values.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
        return Err(StatsError::Weight {
            name,
            row,
            value: values[row],
        });
    }
    if values.iter().any(|w| *w > 0.0) {
        Ok(())
    } else {
        Err(StatsError::Weight {
            name,
            row: 0,
            value: 0.0,
        })
    }
}

/// Strictly between 0 and 1.
pub(crate) fn open_unit(name: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value < 1.0 {
        Ok(())
    } else {
        Err(StatsError::Parameter {
            name,
            expected: "strictly between 0 and 1",
            found: value,
        })
    }
}

/// Rows of a row-major matrix with `columns` columns, or the error that it is ragged.
pub(crate) fn matrix(name: &'static str, values: &[f64], columns: usize) -> Result<usize> {
    if columns == 0 {
        return Err(StatsError::TooFew {
            name,
            needed: 1,
            found: 0,
        });
    }
    let rows = values.len() / columns;
    length(name, rows * columns, values.len())?;
    finite(name, values)?;
    Ok(rows)
}
