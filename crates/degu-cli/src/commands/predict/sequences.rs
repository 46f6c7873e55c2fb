//! Sequences from FASTA or a table, cut into batches and put between the flanks of the model's card.

use std::path::{Path, PathBuf};

use degu_genome::{
    Column, FastaReader, GenomeError, TableOptions, TableReader, encode,
    reverse_complement_in_place,
};
use degu_train::ModelCard;

use super::Batch;
use crate::{CliError, Result, args::PredictArgs};

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

/// The input of a model: the element, and what is put around it.
#[derive(Debug, Clone)]
pub(super) struct Window {
    length: usize,
    left: Vec<u8>,
    right: Vec<u8>,
}

impl Window {
    pub(super) fn of(card: &ModelCard) -> Result<Self> {
        let flank = |text: &str| -> Result<Vec<u8>> { Ok(encode(text.as_bytes())?.codes) };
        Ok(Self {
            length: card.length,
            left: flank(&card.flanks.0)?,
            right: flank(&card.flanks.1)?,
        })
    }

    /// Length of an element in bp.
    fn element(&self) -> usize {
        self.length
            .saturating_sub(self.left.len() + self.right.len())
    }

    /// Appends an element between the flanks, or a sequence that has the model's length already; the problem otherwise.
    fn place(&self, codes: &[u8], all: &mut Vec<u8>) -> Result<(), String> {
        if codes.len() == self.length {
            all.extend_from_slice(codes);
            return Ok(());
        }
        let element = self.element();
        if codes.len() == element {
            all.extend_from_slice(&self.left);
            all.extend_from_slice(codes);
            all.extend_from_slice(&self.right);
            return Ok(());
        }
        let expected = if element == self.length {
            format!("{element} bp")
        } else {
            format!("{element} bp (or {} bp with the flanks)", self.length)
        };
        Err(format!("expected {expected}, found {} bp", codes.len()))
    }

    /// The other strand of each element; flanks stay, as the adaptors of an assay do.
    pub(super) fn reverse_strand(&self, codes: &[u8]) -> Vec<u8> {
        let mut reversed = codes.to_vec();
        for row in reversed.chunks_mut(self.length) {
            let end = row.len() - self.right.len();
            if let Some(element) = row.get_mut(self.left.len()..end) {
                reverse_complement_in_place(element);
            }
        }
        reversed
    }
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
}

/// Reads batches.
pub(super) struct Reader {
    path: PathBuf,
    source: Source,
    window: Window,
    skip_invalid: bool,
    skipped: usize,
}

/// One sequence, or what is wrong with it.
struct Record {
    id: String,
    what: String,
    codes: Result<Vec<u8>, String>,
    category: Option<String>,
}

impl Reader {
    pub(super) fn open(args: &PredictArgs, window: Window) -> Result<Self> {
        let (path, source) = match (&args.fasta, &args.table) {
            (Some(path), None) => (path, Source::Fasta(FastaReader::open(path)?)),
            (None, Some(path)) => (path, table(path, args)?),
            _ => {
                return Err(CliError::Usage {
                    command: "predict",
                    problem: "expected either `--fasta FILE` or `--table FILE`".to_owned(),
                });
            }
        };
        Ok(Self {
            path: path.clone(),
            source,
            window,
            skip_invalid: args.skip_invalid,
            skipped: 0,
        })
    }

    pub(super) fn window(&self) -> &Window {
        &self.window
    }

    /// Sequences passed over because of `--skip-invalid`.
    pub(super) fn skipped(&self) -> usize {
        self.skipped
    }

    /// At most `rows` sequences; `None` at the end.
    pub(super) fn next_batch(&mut self, rows: usize) -> Result<Option<Batch>> {
        let mut batch = Batch::default();
        while batch.ids.len() < rows {
            let Some(record) = self.next_record()? else {
                break;
            };
            let placed = record
                .codes
                .and_then(|codes| self.window.place(&codes, &mut batch.codes));
            match placed {
                Ok(()) => {
                    batch.ids.push(record.id);
                    batch.categories.extend(record.category);
                }
                Err(problem) if self.skip_invalid => {
                    tracing::info!(id = %record.id, %problem, "skipped");
                    self.skipped += 1;
                }
                Err(problem) => {
                    return Err(CliError::Sequence {
                        path: self.path.clone(),
                        what: record.what,
                        id: record.id,
                        problem: format!("{problem}; `--skip-invalid` passes over such sequences"),
                    });
                }
            }
        }
        Ok((!batch.ids.is_empty()).then_some(batch))
    }

    fn next_record(&mut self) -> Result<Option<Record>> {
        match &mut self.source {
            Source::Fasta(reader) => fasta_record(reader),
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
                category: None,
            }))
        }
        Err(error) => Err(error.into()),
    }
}

fn table(path: &Path, args: &PredictArgs) -> Result<Source> {
    let reader = TableReader::open_with(path, &TableOptions::default())?;
    let sequence = match &args.sequence_column {
        Some(name) => reader.column(name)?,
        None => reader.column_among(&SEQUENCE_COLUMNS)?,
    };
    let id = match &args.id_column {
        Some(name) => Some(reader.column(name)?),
        None => ID_COLUMNS
            .iter()
            .find(|name| reader.columns().iter().any(|column| column == *name))
            .map(|name| reader.column(name))
            .transpose()?,
    };
    let category = args
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
    use super::Window;

    fn window() -> Window {
        Window {
            length: 6,
            left: vec![0],
            right: vec![3, 3],
        }
    }

    #[test]
    fn elements_are_put_between_flanks_and_whole_inputs_stay() {
        let mut all = Vec::new();
        window().place(&[1, 1, 2], &mut all).unwrap();
        window().place(&[2, 2, 2, 2, 2, 2], &mut all).unwrap();
        assert_eq!(all, [0, 1, 1, 2, 3, 3, 2, 2, 2, 2, 2, 2]);
        let problem = window().place(&[1], &mut all).unwrap_err();
        assert_eq!(
            problem,
            "expected 3 bp (or 6 bp with the flanks), found 1 bp"
        );
    }

    #[test]
    fn the_other_strand_keeps_its_flanks() {
        assert_eq!(
            window().reverse_strand(&[0, 1, 1, 0, 3, 3]),
            [0, 3, 2, 2, 3, 3]
        );
    }
}
