//! Typed access to the cells of one table row.

use std::path::Path;

use crate::alphabet::{Encoded, encode_into};
use crate::error::{GenomeError, Place, Result};

/// A column of one table, found by name once and then used for every row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub(crate) index: usize,
    pub(crate) name: String,
}

impl Column {
    /// Position among the columns, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Name in the header.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// One row of a table.
pub struct Row<'a> {
    pub(crate) path: &'a Path,
    pub(crate) line: u64,
    /// The cells, one behind the other.
    pub(crate) text: &'a [u8],
    /// Where each cell ends in `text`.
    pub(crate) ends: &'a [usize],
}

impl Row<'_> {
    /// Line of the file on which the row starts, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Where a cell of this row stands.
    pub fn place(&self, column: &Column) -> Place {
        Place::line(self.path, self.line).with_column(column.name())
    }

    /// The bytes of a cell, without blanks around them.
    pub fn bytes(&self, column: &Column) -> &[u8] {
        let start = match column.index {
            0 => 0,
            index => self.ends[index - 1],
        };
        self.text[start..self.ends[column.index]].trim_ascii()
    }

    /// The text of a cell.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Format`] if it is not UTF-8.
    pub fn text(&self, column: &Column) -> Result<&str> {
        std::str::from_utf8(self.bytes(column))
            .map_err(|_| GenomeError::format(self.place(column), "text in UTF-8"))
    }

    /// A number, or `None` if the cell is blank or says NA, N/A, NaN, null, None, `.` or `-`.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Value`] for text that is no number, and for numbers that are infinite, in
    /// single precision too.
    pub fn number(&self, column: &Column) -> Result<Option<f64>> {
        let text = self.text(column)?;
        parse_number(text)
            .map_err(|expected| GenomeError::value(self.place(column), expected, text))
    }

    /// A number that must be there.
    ///
    /// # Errors
    ///
    /// As [`number`](Self::number), and for a missing value.
    pub fn required_number(&self, column: &Column) -> Result<f64> {
        self.number(column)?.ok_or_else(|| {
            GenomeError::value(
                self.place(column),
                "a number, not a missing value",
                String::from_utf8_lossy(self.bytes(column)),
            )
        })
    }

    /// An integer of type `T`, such as a coordinate, a cluster or a barcode count.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Value`] if the cell is not a whole number within the range of `T`.
    pub fn integer<T: std::str::FromStr>(&self, column: &Column) -> Result<T> {
        let text = self.text(column)?;
        text.parse().map_err(|_| {
            GenomeError::value(self.place(column), "a whole number within range", text)
        })
    }

    /// The base codes of a cell.
    ///
    /// # Errors
    ///
    /// [`GenomeError::At`] with file, line and column around [`GenomeError::InvalidBase`].
    pub fn codes(&self, column: &Column) -> Result<Encoded> {
        let mut codes = Vec::with_capacity(self.bytes(column).len());
        let ambiguous = self.codes_into(column, &mut codes)?;
        Ok(Encoded { codes, ambiguous })
    }

    /// Appends the base codes of a cell to `codes`; returns the count of ambiguous letters.
    ///
    /// # Errors
    ///
    /// As [`codes`](Self::codes).
    pub fn codes_into(&self, column: &Column, codes: &mut Vec<u8>) -> Result<usize> {
        encode_into(self.bytes(column), codes).map_err(|error| error.at(self.place(column)))
    }
}

/// A number or a missing value, by the rules of [`Row::number`]; on failure what was expected.
///
/// # Errors
///
/// The text of what was expected, for the caller to place.
pub fn parse_number(text: &str) -> std::result::Result<Option<f64>, &'static str> {
    if is_missing(text) {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(value) if value.abs() <= f64::from(f32::MAX) => Ok(Some(value)),
        Ok(value) if value.is_nan() => Ok(None),
        Ok(value) if value.is_finite() => {
            Err("a number of at most 3.4e38 in size, as single precision holds")
        }
        Ok(_) => Err("a finite number (leave the cell blank or write NA if it is missing)"),
        Err(_) => Err("a number, or a blank cell, NA or NaN for a missing value"),
    }
}

fn is_missing(text: &str) -> bool {
    text.is_empty()
        || ["NA", "N/A", "#N/A", "NaN", "null", "None", ".", "-"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_blanks_and_infinities() {
        for missing in ["", "NA", "na", "NaN", "nan", "n/a", "null", "."] {
            assert_eq!(parse_number(missing), Ok(None), "{missing}");
        }
        assert_eq!(parse_number("-1.5e-3"), Ok(Some(-1.5e-3)));
        for bad in ["inf", "-Infinity", "1e999", "1e39", "-4e38", "1,5", "x"] {
            assert!(parse_number(bad).is_err(), "{bad}");
        }
    }
}
