//! Sequences from FASTA, a table, or intervals of a genome, cut into batches and put between the
//! flanks of a model's card.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use degu_genome::{
    Bases, BedKind, BedReader, Column, FastaReader, GenomeError, Locus, Strand, TableOptions,
    TableReader, encode, open_genome, read_bed, reverse_complement,
};

use super::{ApplyError, Result, Window};

/// Names of a sequence column, in the order of preference.
const SEQUENCE_COLUMNS: [&str; 4] = ["sequence", "Sequence", "seq", "SEQUENCE"];
/// Names of a column with names.
const ID_COLUMNS: [&str; 7] = [
    "id",
    "ID",
    "name",
    "Name",
    "seq_id",
    "sequence_id",
    "oligo_name",
];

/// Where sequences come from: FASTA or a table, or a BED file with a genome.
#[derive(Debug, Clone, Default)]
pub struct InputSpec {
    /// FASTA, plain or gzip.
    pub fasta: Option<PathBuf>,
    /// A table with a header, plain or gzip.
    pub table: Option<PathBuf>,
    /// Column of the sequences.
    pub sequence_column: Option<String>,
    /// Column of the names.
    pub id_column: Option<String>,
    /// Column of the category, for calibrations by category.
    pub category_column: Option<String>,
    /// Intervals: where the sequences of the same names lie, or, with a genome, the sequences
    /// themselves.
    pub bed: Option<PathBuf>,
    /// Genome that the intervals are cut from.
    pub genome: Option<PathBuf>,
    /// Pass over sequences of a wrong length or with letters that are no bases.
    pub skip_invalid: bool,
}

/// A batch of sequences in the model's window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequences {
    /// Names.
    pub ids: Vec<String>,
    /// Codes, row-major `[n, L]`.
    pub codes: Vec<u8>,
    /// Where each given sequence begins in its window, and its length in bp.
    pub elements: Vec<(usize, usize)>,
    /// Where each given sequence lies on a genome, as far as known.
    pub loci: Vec<Option<Locus>>,
    /// Category of each sequence; empty where no column of categories was named.
    pub categories: Vec<String>,
}

enum Source {
    Fasta(FastaReader),
    Table {
        reader: TableReader,
        sequence: Column,
        id: Option<Column>,
        category: Option<Column>,
        row: usize,
    },
    Genome {
        reader: BedReader,
        genome: Box<dyn Bases>,
    },
}

/// Reads batches.
pub struct SequenceReader {
    path: PathBuf,
    source: Source,
    window: Window,
    skip_invalid: bool,
    skipped: usize,
    loci: BTreeMap<String, Locus>,
}

/// One sequence, or what is wrong with it.
struct Record {
    id: String,
    what: String,
    codes: Result<Vec<u8>, String>,
    locus: Option<Locus>,
    category: Option<String>,
}

impl SequenceReader {
    /// Opens the source.
    ///
    /// # Errors
    ///
    /// A file that is missing or not in its format, a column that is not there, no source or
    /// several.
    pub fn open(spec: &InputSpec, window: Window) -> Result<Self> {
        let (path, source) = match (&spec.fasta, &spec.table, &spec.bed, &spec.genome) {
            (Some(path), None, _, None) => (path, Source::Fasta(FastaReader::open(path)?)),
            (None, Some(path), _, None) => (path, table(path, spec)?),
            (None, None, Some(bed), Some(genome)) => {
                let reader = BedReader::open(bed, BedKind::Bed)?;
                let (genome, access) = open_genome(genome)?;
                tracing::info!(?access, "genome");
                (bed, Source::Genome { reader, genome })
            }
            _ => {
                return Err(ApplyError::Argument {
                    name: "input",
                    problem: "expected `--fasta FILE`, `--table FILE`, or `--bed FILE` with `--genome FILE`".to_owned(),
                });
            }
        };
        let mut loci = BTreeMap::new();
        if let (Some(bed), None) = (&spec.bed, &spec.genome) {
            for record in read_bed(bed, BedKind::Bed)? {
                let Some(name) = record.name else {
                    return Err(ApplyError::File {
                        path: bed.clone(),
                        problem: format!(
                            "line {}: expected the name of a sequence in column 4, to find its locus by",
                            record.line
                        ),
                    });
                };
                let locus = Locus {
                    interval: record.interval,
                    strand: record.strand.unwrap_or(Strand::Forward),
                };
                loci.insert(name, locus);
            }
        }
        Ok(Self {
            path: path.clone(),
            source,
            window,
            skip_invalid: spec.skip_invalid,
            skipped: 0,
            loci,
        })
    }

    /// The models' input.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Sequences passed over because of `skip_invalid`.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// The file that is read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// At most `rows` sequences; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`ApplyError::File`] with the place of a sequence that does not fit, what the files say.
    pub fn next_batch(&mut self, rows: usize) -> Result<Option<Sequences>> {
        let mut batch = Sequences::default();
        while batch.ids.len() < rows {
            let Some(record) = self.next_record()? else {
                break;
            };
            let window = &self.window;
            let placed = record.codes.and_then(|codes| {
                let start = window.place(&codes, &mut batch.codes)?;
                Ok((start, codes.len()))
            });
            match placed {
                Ok(element) => {
                    let named = || self.loci.get(&record.id).cloned();
                    let locus = record
                        .locus
                        .or_else(named)
                        .or_else(|| Locus::parse(&record.id, element.1))
                        .filter(|locus| locus.interval.width() == element.1 as u64);
                    batch.ids.push(record.id);
                    batch.elements.push(element);
                    batch.loci.push(locus);
                    batch.categories.extend(record.category);
                }
                Err(problem) if self.skip_invalid => {
                    tracing::info!(id = %record.id, %problem, "skipped");
                    self.skipped += 1;
                }
                Err(problem) => {
                    return Err(ApplyError::file(
                        &self.path,
                        format!(
                            "{} `{}`: {problem}; `--skip-invalid` passes over such sequences",
                            record.what, record.id
                        ),
                    ));
                }
            }
        }
        Ok((!batch.ids.is_empty()).then_some(batch))
    }

    fn next_record(&mut self) -> Result<Option<Record>> {
        match &mut self.source {
            Source::Fasta(reader) => fasta_record(reader),
            Source::Genome { reader, genome } => genome_record(reader, genome.as_ref()),
            Source::Table {
                reader,
                sequence,
                id,
                category,
                row,
            } => {
                *row += 1;
                let Some(found) = reader.next_row()? else {
                    return Ok(None);
                };
                let name = match id {
                    Some(column) => found.text(column)?.to_owned(),
                    None => format!("row_{row}"),
                };
                let codes = encode(found.bytes(sequence).trim_ascii());
                Ok(Some(Record {
                    id: name,
                    what: format!("row {row} (line {})", found.line()),
                    codes: codes.map(|e| e.codes).map_err(|e| e.to_string()),
                    locus: None,
                    category: category
                        .as_ref()
                        .map(|c| found.text(c).map(str::to_owned))
                        .transpose()?,
                }))
            }
        }
    }
}

fn fasta_record(reader: &mut FastaReader) -> Result<Option<Record>> {
    match reader.next_record() {
        Ok(None) => Ok(None),
        Ok(Some(record)) => Ok(Some(Record {
            what: format!("record at line {},", record.line),
            id: record.id,
            codes: Ok(record.codes),
            locus: None,
            category: None,
        })),
        // A bad letter spoils its record alone; the reader goes on with the next `>`.
        Err(GenomeError::At { place, source })
            if matches!(*source, GenomeError::InvalidBase { .. }) =>
        {
            let id = place.column.clone().unwrap_or_default();
            let line = place.line.unwrap_or_default();
            Ok(Some(Record {
                id,
                what: format!("record with line {line},"),
                codes: Err(source.to_string()),
                locus: None,
                category: None,
            }))
        }
        Err(error) => Err(error.into()),
    }
}

fn genome_record(reader: &mut BedReader, genome: &dyn Bases) -> Result<Option<Record>> {
    let Some(record) = reader.next_record()? else {
        return Ok(None);
    };
    let interval = record.interval;
    let strand = record.strand.unwrap_or(Strand::Forward);
    let codes = match genome.bases(&interval.chromosome, interval.start, interval.end) {
        Ok(codes) if strand == Strand::Reverse => Ok(reverse_complement(&codes)),
        Ok(codes) => Ok(codes.into_owned()),
        Err(error @ GenomeError::OutOfRange { .. }) => Err(error.to_string()),
        Err(error) => return Err(error.into()),
    };
    let place = interval.to_string();
    Ok(Some(Record {
        id: record.name.unwrap_or_else(|| format!("{place}({strand})")),
        what: format!("interval {place} of line {},", record.line),
        codes,
        locus: Some(Locus { interval, strand }),
        category: None,
    }))
}

fn table(path: &Path, spec: &InputSpec) -> Result<Source> {
    let reader = TableReader::open_with(path, &TableOptions::default())?;
    let sequence = match &spec.sequence_column {
        Some(name) => reader.column(name)?,
        None => reader.column_among(&SEQUENCE_COLUMNS)?,
    };
    let id = match &spec.id_column {
        Some(name) => Some(reader.column(name)?),
        None => ID_COLUMNS
            .iter()
            .find(|name| reader.columns().iter().any(|column| column == *name))
            .map(|name| reader.column(name))
            .transpose()?,
    };
    let category = spec
        .category_column
        .as_ref()
        .map(|name| reader.column(name))
        .transpose()?;
    Ok(Source::Table {
        reader,
        sequence,
        id,
        category,
        row: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        Window::new(6, vec![0], vec![3])
    }

    fn open(spec: &InputSpec) -> Result<SequenceReader> {
        SequenceReader::open(spec, window())
    }

    fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        fs_err::write(&path, text).unwrap();
        path
    }

    #[test]
    fn records_that_do_not_fit_are_errors_or_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let text = ">good\nACGT\n>short\nAC\n>odd\nAC!T\n>whole\nACGTAC\n";
        let mut spec = InputSpec {
            fasta: Some(file(folder.path(), "x.fa", text)),
            skip_invalid: true,
            ..InputSpec::default()
        };
        let mut reader = open(&spec).unwrap();
        let batch = reader.next_batch(10).unwrap().unwrap();
        assert_eq!(batch.ids, ["good", "whole"]);
        assert_eq!(batch.elements, [(1, 4), (0, 6)]);
        assert_eq!(batch.codes, [0, 0, 1, 2, 3, 3, 0, 1, 2, 3, 0, 1]);
        assert_eq!(reader.skipped(), 2);
        assert!(reader.next_batch(10).unwrap().is_none());
        spec.skip_invalid = false;
        let problem = open(&spec).unwrap().next_batch(10).unwrap_err().to_string();
        assert!(
            problem.contains("`short`: expected 4 bp (or 6 bp with the flanks)"),
            "{problem}"
        );
        assert!(problem.contains("--skip-invalid"), "{problem}");
    }

    #[test]
    fn a_table_gives_names_categories_and_batches() {
        let folder = tempfile::tempdir().unwrap();
        let text = "seq\tkind\nACGT\tp\nTTTT\te\nGGGG\tp\n";
        let spec = InputSpec {
            table: Some(file(folder.path(), "t.tsv", text)),
            category_column: Some("kind".to_owned()),
            ..InputSpec::default()
        };
        let mut reader = open(&spec).unwrap();
        let first = reader.next_batch(2).unwrap().unwrap();
        assert_eq!(first.ids, ["row_1", "row_2"]);
        assert_eq!(first.categories, ["p", "e"]);
        assert_eq!(reader.next_batch(2).unwrap().unwrap().ids, ["row_3"]);
        let missing = InputSpec {
            sequence_column: Some("sequense".to_owned()),
            ..spec
        };
        assert!(open(&missing).is_err());
    }

    #[test]
    fn intervals_of_a_genome_are_read_on_their_strand() {
        let folder = tempfile::tempdir().unwrap();
        let spec = InputSpec {
            bed: Some(file(
                folder.path(),
                "x.bed",
                "c\t0\t4\ta\t0\t+\nc\t0\t4\tb\t0\t-\n",
            )),
            genome: Some(file(folder.path(), "g.fa", ">c\nAACGTT\n")),
            ..InputSpec::default()
        };
        let batch = open(&spec).unwrap().next_batch(9).unwrap().unwrap();
        assert_eq!(batch.codes, [0, 0, 0, 1, 2, 3, 0, 1, 2, 3, 3, 3]);
        let strands: Vec<Strand> = batch.loci.iter().flatten().map(|l| l.strand).collect();
        assert_eq!(strands, [Strand::Forward, Strand::Reverse]);
    }

    #[test]
    fn a_source_is_needed_and_loci_need_names() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            open(&InputSpec::default()),
            Err(ApplyError::Argument { name: "input", .. })
        ));
        let fasta = Some(file(folder.path(), "x.fa", ">a\nACGT\n"));
        let spec = |bed: &str| InputSpec {
            fasta: fasta.clone(),
            bed: Some(file(folder.path(), "x.bed", bed)),
            ..InputSpec::default()
        };
        let batch = open(&spec("c\t5\t9\ta\n"))
            .unwrap()
            .next_batch(1)
            .unwrap()
            .unwrap();
        assert_eq!(batch.loci[0].as_ref().unwrap().interval.start, 5);
        let problem = open(&spec("c\t5\t9\n")).err().unwrap().to_string();
        assert!(
            problem.contains("expected the name of a sequence in column 4"),
            "{problem}"
        );
    }
}
