//! The error type of this crate: every variant says where, what was expected and what was found.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

/// Result with [`GenomeError`].
pub type Result<T, E = GenomeError> = std::result::Result<T, E>;

/// A place in a file: path, 1-based line, column or dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// Line of the file (or row of a sheet), counted from 1.
    pub line: Option<u64>,
    /// Name of the column, dataset or sheet.
    pub column: Option<String>,
}

impl Place {
    /// A whole file.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_path_buf(),
            line: None,
            column: None,
        }
    }

    /// A line of a file, counted from 1.
    pub fn line(path: impl AsRef<Path>, line: u64) -> Self {
        Self {
            line: Some(line),
            ..Self::file(path)
        }
    }

    /// Names the column, dataset or sheet.
    pub fn with_column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", `{column}`")?;
        }
        Ok(())
    }
}

/// What can go wrong with sequences, motifs, splits and files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenomeError {
    /// The file cannot be opened, read or written.
    #[error("cannot read or write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A byte that is no nucleotide letter.
    #[error(
        "expected a nucleotide letter (A, C, G, T, U, N or an IUPAC code), found {} at position {position} of the sequence (counted from 0)",
        show_byte(*byte)
    )]
    InvalidBase {
        /// Position in the sequence, from 0.
        position: usize,
        /// The byte found.
        byte: u8,
    },
    /// An error of a record, with the place of the record.
    #[error("{place}: {source}")]
    At {
        /// Where the record stands.
        place: Box<Place>,
        /// What is wrong with it.
        source: Box<GenomeError>,
    },
    /// A value that does not fit its column.
    #[error("{place}: expected {expected}, found `{found}`")]
    Value {
        /// File, line and column.
        place: Box<Place>,
        /// What the reader wants there.
        expected: &'static str,
        /// The text found.
        found: String,
    },
    /// A column that the table does not have.
    #[error(
        "{}: no column `{column}`{}; found {}",
        path.display(), did_you_mean(nearest.as_deref()), list(found)
    )]
    MissingColumn {
        /// The table.
        path: PathBuf,
        /// The name asked for.
        column: String,
        /// The most similar name of the table.
        nearest: Option<String>,
        /// All names of the table.
        found: Vec<String>,
    },
    /// A column name that stands twice in the header.
    #[error("{}: column `{column}` stands {count} times in the header, so it is not clear which one is meant; rename one", path.display())]
    AmbiguousColumn {
        /// The table.
        path: PathBuf,
        /// The name asked for.
        column: String,
        /// How often it occurs.
        count: usize,
    },
    /// A row with too few or too many fields.
    #[error("{place}: expected {expected} fields as in the header, found {found}")]
    Ragged {
        /// File and line.
        place: Box<Place>,
        /// Fields of the header.
        expected: usize,
        /// Fields of the row.
        found: usize,
    },
    /// A name that must be unique and is not.
    #[error("{place}: `{name}` occurs again; it was first seen on line {first}")]
    Duplicate {
        /// The second occurrence.
        place: Box<Place>,
        /// The repeated name.
        name: String,
        /// Line of the first occurrence.
        first: u64,
    },
    /// A row of numbers that is neither one-hot nor a known form of N.
    #[error(
        "row {row}, position {position}: expected a one-hot base (or all 0 or all 0.25 for N), found [{}, {}, {}, {}]",
        found[0], found[1], found[2], found[3]
    )]
    NotOneHot {
        /// Row (sequence), from 0.
        row: usize,
        /// Position in the sequence, from 0.
        position: usize,
        /// The four channel values, in the order of the file.
        found: [f32; 4],
    },
    /// An array of another shape.
    #[error("{name}: expected shape {expected}, found {found:?}")]
    Shape {
        /// Which array.
        name: String,
        /// The shape needed, for example `[N, L, 4]`.
        expected: &'static str,
        /// The shape found.
        found: Vec<u64>,
    },
    /// A chromosome, dataset, sheet or other name that does not exist.
    #[error("{}: no {kind} `{name}`{}; found {}", path.display(), did_you_mean(nearest.as_deref()), list(found))]
    UnknownName {
        /// The file searched.
        path: PathBuf,
        /// `chromosome`, `dataset`, `sheet`, ...
        kind: &'static str,
        /// The name asked for.
        name: String,
        /// The most similar name there is.
        nearest: Option<String>,
        /// The names there are (the first of them).
        found: Vec<String>,
    },
    /// An interval that leaves its sequence.
    #[error("{name}:{start}-{end} (0-based, half-open) leaves `{name}`, which has {length} bp")]
    OutOfRange {
        /// Name of the sequence.
        name: String,
        /// Start, 0-based.
        start: u64,
        /// End, exclusive.
        end: u64,
        /// Length of the sequence.
        length: u64,
    },
    /// An HDF5 file that cannot be read.
    #[error("{place}: {source}{hint}")]
    Hdf5 {
        /// File and dataset.
        place: Box<Place>,
        /// What the reader said.
        source: Box<hdf5_pure::Error>,
        /// What to do, starting with `; `, or empty.
        hint: &'static str,
    },
    /// A workbook that cannot be read.
    #[error("{place}: {source}")]
    Workbook {
        /// File and sheet.
        place: Box<Place>,
        /// What the reader said.
        source: Box<calamine::Error>,
    },
    /// A file that is not in the format it should be.
    #[error("{place}: expected {expected}")]
    Format {
        /// File and line.
        place: Box<Place>,
        /// What should stand there.
        expected: &'static str,
    },
    /// An argument outside of what the function accepts.
    #[error("{name}: expected {expected}, found {found}")]
    Argument {
        /// Name of the argument.
        name: &'static str,
        /// Accepted values.
        expected: &'static str,
        /// The value given.
        found: String,
    },
}

impl GenomeError {
    pub(crate) fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io {
            path: path.as_ref().to_path_buf(),
            source,
        }
    }

    pub(crate) fn argument(
        name: &'static str,
        expected: &'static str,
        found: impl fmt::Display,
    ) -> Self {
        Self::Argument {
            name,
            expected,
            found: found.to_string(),
        }
    }

    pub(crate) fn format(place: Place, expected: &'static str) -> Self {
        Self::Format {
            place: Box::new(place),
            expected,
        }
    }

    pub(crate) fn value(place: Place, expected: &'static str, found: impl Into<String>) -> Self {
        Self::Value {
            place: Box::new(place),
            expected,
            found: found.into(),
        }
    }

    /// Adds the place of the record in which the error arose.
    pub fn at(self, place: Place) -> Self {
        Self::At {
            place: Box::new(place),
            source: Box::new(self),
        }
    }
}

fn show_byte(byte: u8) -> String {
    if byte.is_ascii_graphic() {
        format!("`{}`", char::from(byte))
    } else {
        format!("byte 0x{byte:02X}")
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

fn list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if names.is_empty() {
        text.push_str("nothing");
    } else if names.len() > SHOWN {
        // Writing to a String cannot fail.
        let _ = write!(text, " and {} more", names.len() - SHOWN);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_small() {
        assert!(size_of::<GenomeError>() <= 128);
    }

    #[test]
    fn invalid_base_names_position_and_byte() {
        let error = GenomeError::InvalidBase {
            position: 7,
            byte: b'!',
        };
        assert!(error.to_string().contains("found `!` at position 7"));
    }
}
