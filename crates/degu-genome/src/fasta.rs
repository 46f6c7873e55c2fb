//! FASTA files and genomes held as base codes.

use degu_core::suggest::nearest;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::alphabet::encode_into;
use crate::error::{GenomeError, Place, Result};
use crate::text::LineReader;

/// One sequence of a FASTA file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FastaRecord {
    /// The first word after `>`.
    pub id: String,
    /// The rest of that line.
    pub description: String,
    /// Base codes, `[L]`.
    pub codes: Vec<u8>,
    /// Letters R, Y, S, ... that became N.
    pub ambiguous: usize,
    /// Line of the `>`, from 1.
    pub line: u64,
}

/// Streaming reader of FASTA files, plain or gzip, sequences over any number of lines.
pub struct FastaReader {
    lines: LineReader,
}

impl FastaReader {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self {
            lines: LineReader::open(path)?,
        })
    }

    /// Reads from memory or a stream; `path` is what errors call it.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`].
    pub fn from_reader(
        path: impl Into<PathBuf>,
        input: impl std::io::Read + Send + 'static,
    ) -> Result<Self> {
        Ok(Self {
            lines: LineReader::new(path, input)?,
        })
    }

    /// The next record, or `None` at the end.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Format`] if the file does not start with `>` or a name is blank;
    /// [`GenomeError::At`] with the line of an invalid letter.
    pub fn next_record(&mut self) -> Result<Option<FastaRecord>> {
        loop {
            if !self.lines.advance()? {
                return Ok(None);
            }
            if !self.lines.current().trim_ascii().is_empty() {
                break;
            }
        }
        let line = self.lines.line_number();
        let text = self.lines.text()?;
        let Some(header) = text.strip_prefix('>') else {
            return Err(GenomeError::format(
                self.lines.place(),
                "`>` and the name of a sequence",
            ));
        };
        let (id, description) = header
            .split_once(char::is_whitespace)
            .unwrap_or((header, ""));
        if id.is_empty() {
            return Err(GenomeError::format(
                self.lines.place(),
                "the name of a sequence after `>`",
            ));
        }
        let mut record = FastaRecord {
            id: id.to_owned(),
            description: description.trim().to_owned(),
            codes: Vec::new(),
            ambiguous: 0,
            line,
        };
        while self.lines.advance()? {
            if self.lines.current().first() == Some(&b'>') {
                self.lines.put_back();
                break;
            }
            record.ambiguous += encode_into(self.lines.current().trim_ascii(), &mut record.codes)
                .map_err(|error| {
                error.at(self.lines.place().with_column(record.id.as_str()))
            })?;
        }
        Ok(Some(record))
    }
}

/// A repeated name of a FASTA file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateId {
    /// The name.
    pub id: String,
    /// Line of its first record.
    pub first_line: u64,
    /// Line of the repetition.
    pub line: u64,
}

/// All sequences of a FASTA file.
#[derive(Debug, Clone, Default)]
pub struct Fasta {
    /// Records in the order of the file, repeated names included.
    pub records: Vec<FastaRecord>,
    /// Names that occur again.
    pub duplicates: Vec<DuplicateId>,
}

impl Fasta {
    /// Reads a whole file and notes repeated names.
    ///
    /// # Errors
    ///
    /// As [`FastaReader::next_record`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::read(FastaReader::open(path)?)
    }

    /// Reads all records of a reader.
    ///
    /// # Errors
    ///
    /// As [`FastaReader::next_record`].
    pub fn read(mut reader: FastaReader) -> Result<Self> {
        let mut fasta = Self::default();
        let mut first: BTreeMap<String, u64> = BTreeMap::new();
        while let Some(record) = reader.next_record()? {
            if let Some(first_line) = first.get(&record.id) {
                fasta.duplicates.push(DuplicateId {
                    id: record.id.clone(),
                    first_line: *first_line,
                    line: record.line,
                });
            } else {
                first.insert(record.id.clone(), record.line);
            }
            fasta.records.push(record);
        }
        Ok(fasta)
    }
}

/// Chromosomes as base codes (one byte per bp), for windows at any place.
#[derive(Debug, Clone)]
pub struct Genome {
    path: PathBuf,
    chromosomes: BTreeMap<String, Vec<u8>>,
    order: Vec<String>,
}

impl Genome {
    /// Loads all sequences of a FASTA file.
    ///
    /// # Errors
    ///
    /// As [`FastaReader::next_record`]; [`GenomeError::Duplicate`] for a repeated name.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_only(path, |_| true)
    }

    /// Loads the sequences whose name passes `wanted`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_only(path: impl AsRef<Path>, wanted: impl FnMut(&str) -> bool) -> Result<Self> {
        let path = path.as_ref();
        Self::read(path, FastaReader::open(path)?, wanted)
    }

    /// Takes the sequences of a reader; `path` is what errors call the genome.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn read(
        path: impl AsRef<Path>,
        mut reader: FastaReader,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> Result<Self> {
        let mut genome = Self {
            path: path.as_ref().to_path_buf(),
            chromosomes: BTreeMap::new(),
            order: Vec::new(),
        };
        let mut lines: BTreeMap<String, u64> = BTreeMap::new();
        while let Some(record) = reader.next_record()? {
            if let Some(first) = lines.insert(record.id.clone(), record.line) {
                return Err(GenomeError::Duplicate {
                    place: Box::new(Place::line(&genome.path, record.line)),
                    name: record.id,
                    first,
                });
            }
            if wanted(&record.id) {
                genome.order.push(record.id.clone());
                genome.chromosomes.insert(record.id, record.codes);
            }
        }
        Ok(genome)
    }

    /// Names of the chromosomes in the order of the file.
    pub fn names(&self) -> &[String] {
        &self.order
    }

    /// Codes of a whole chromosome.
    ///
    /// # Errors
    ///
    /// [`GenomeError::UnknownName`] naming the most similar chromosome.
    pub fn chromosome(&self, name: &str) -> Result<&[u8]> {
        self.chromosomes
            .get(name)
            .map(Vec::as_slice)
            .ok_or_else(|| GenomeError::UnknownName {
                path: self.path.clone(),
                kind: "chromosome",
                name: name.to_owned(),
                nearest: self.unify(name).map(str::to_owned).or_else(|| {
                    nearest(name, self.order.iter().map(String::as_str)).map(str::to_owned)
                }),
                found: self.order.clone(),
            })
    }

    /// The name this genome uses for a chromosome that a file calls with or without `chr`.
    ///
    /// Never applied silently: callers unify names because the user asked for it.
    pub fn unify(&self, name: &str) -> Option<&str> {
        let other = name
            .strip_prefix("chr")
            .map_or_else(|| format!("chr{name}"), str::to_owned);
        [name, other.as_str()]
            .into_iter()
            .find_map(|candidate| self.chromosomes.get_key_value(candidate))
            .map(|(key, _)| key.as_str())
    }

    /// Codes of `[start, end)`, 0-based.
    ///
    /// # Errors
    ///
    /// [`GenomeError::UnknownName`]; [`GenomeError::OutOfRange`] if the window leaves the
    /// chromosome or ends before it starts.
    ///
    /// # Examples
    ///
    /// ```
    /// use degu_genome::{FastaReader, Genome, decode};
    /// let reader = FastaReader::from_reader("toy.fa", &b">chrI\nACGT\nacgt\n"[..])?;
    /// let genome = Genome::read("toy.fa", reader, |_| true)?;
    /// assert_eq!(decode(genome.window("chrI", 2, 6)?), "GTAC");
    /// assert!(genome.window("chrI", 6, 9).is_err());
    /// # Ok::<(), degu_genome::GenomeError>(())
    /// ```
    pub fn window(&self, chromosome: &str, start: u64, end: u64) -> Result<&[u8]> {
        let codes = self.chromosome(chromosome)?;
        if start > end || end > codes.len() as u64 {
            return Err(GenomeError::OutOfRange {
                name: chromosome.to_owned(),
                start,
                end,
                length: codes.len() as u64,
            });
        }
        Ok(&codes[start as usize..end as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(text: &str) -> FastaReader {
        FastaReader::from_reader("t.fa", std::io::Cursor::new(text.as_bytes().to_vec())).unwrap()
    }

    #[test]
    fn records_over_several_lines_and_repeated_names() {
        let fasta =
            Fasta::read(reader("\n>a first one\r\nAC\r\nGT\r\n\r\n>b\n>a\nnnRR\n")).unwrap();
        let seen: Vec<_> = fasta
            .records
            .iter()
            .map(|record| {
                (
                    record.id.as_str(),
                    record.description.as_str(),
                    record.codes.clone(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("a", "first one", vec![0, 1, 2, 3]),
                ("b", "", vec![]),
                ("a", "", vec![4; 4])
            ]
        );
        assert_eq!(fasta.records[2].ambiguous, 2);
        assert_eq!(
            fasta.duplicates,
            [DuplicateId {
                id: "a".into(),
                first_line: 2,
                line: 7
            }]
        );
    }

    #[test]
    fn errors_name_the_line() {
        let error = Fasta::read(reader(">a\nACGT\nAC*T\n"))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("t.fa:3, `a`: expected a nucleotide"),
            "{error}"
        );
        let error = Fasta::read(reader("ACGT\n")).unwrap_err().to_string();
        assert_eq!(error, "t.fa:1: expected `>` and the name of a sequence");
        assert!(Fasta::read(reader("> x\nA\n")).is_err());
        let error = Genome::read("t.fa", reader(">a\nA\n>b\nC\n>a\nG\n"), |_| true)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "t.fa:5: `a` occurs again; it was first seen on line 1"
        );
    }

    #[test]
    fn chromosome_names_are_unified_on_request_only() {
        let genome = Genome::read("t.fa", reader(">chrI\nACGT\n>2\nAC\n"), |_| true).unwrap();
        let error = genome.window("I", 0, 1).unwrap_err().to_string();
        assert!(error.contains("did you mean `chrI`?"), "{error}");
        assert_eq!(genome.unify("I"), Some("chrI"));
        assert_eq!(genome.unify("chr2"), Some("2"));
        assert_eq!(genome.unify("chr3"), None);
        assert_eq!(genome.window("chrI", 4, 4).unwrap(), [0u8; 0]);
        assert!(genome.window("chrI", 3, 2).is_err());
    }
}
