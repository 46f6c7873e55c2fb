//! Genomes on disk: windows of a FASTA file through its index.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use noodles_core::{Position, Region};
use noodles_fasta::{
    fai,
    io::{BufReader, IndexedReader, indexed_reader},
};

use crate::alphabet::encode;
use crate::bases::Bases;
use crate::error::{GenomeError, Place, Result, nearest};

type Reader = IndexedReader<BufReader<std::fs::File>>;

/// A FASTA file whose windows are read when they are asked for: memory does not grow with the genome.
///
/// The index is `FILE.fai` (`samtools faidx FILE`); without one the file is read through once and the index kept in memory.
/// Files of bgzip need `FILE.fai` and `FILE.gzi`.
pub struct IndexedGenome {
    path: PathBuf,
    lengths: BTreeMap<String, u64>,
    order: Vec<String>,
    reader: Mutex<Reader>,
}

impl std::fmt::Debug for IndexedGenome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexedGenome")
            .field("path", &self.path)
            .field("chromosomes", &self.order.len())
            .finish_non_exhaustive()
    }
}

impl IndexedGenome {
    /// Opens a FASTA file with its index, or makes the index by reading the file once.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`]; [`GenomeError::Format`] for an index that does not fit the file (made before the file changed).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let wrap = |source| GenomeError::io(&path, source);
        let beside = path.with_added_extension("fai");
        let index = if beside.is_file() {
            fai::fs::read(&beside).map_err(|source| GenomeError::io(&beside, source))?
        } else {
            noodles_fasta::fs::index(&path).map_err(wrap)?
        };
        let compressed = path
            .extension()
            .is_some_and(|extension| extension == "gz" || extension == "bgz");
        if !compressed {
            fits(&path, &index)?;
        }
        let (mut lengths, mut order) = (BTreeMap::new(), Vec::new());
        for record in index.as_ref() {
            let name = record.name().to_string();
            order.push(name.clone());
            lengths.insert(name, record.length());
        }
        let reader = indexed_reader::Builder::default()
            .set_index(index)
            .build_from_path(&path)
            .map_err(wrap)?;
        Ok(Self {
            path,
            lengths,
            order,
            reader: Mutex::new(reader),
        })
    }
}

/// Whether each sequence begins after a line break and ends inside of the file, as the index says.
fn fits(path: &Path, index: &fai::Index) -> Result<()> {
    let wrap = |source| GenomeError::io(path, source);
    let mut file = fs_err::File::open(path).map_err(wrap)?;
    let size = file.metadata().map_err(wrap)?.len();
    for record in index.as_ref() {
        let lines = record.length() / record.line_base_count();
        let rest = record.length() % record.line_base_count();
        let mut before = [0; 1];
        let inside = record.position() + lines * u64::from(record.line_width()) + rest
            <= size + (u64::from(record.line_width()) - u64::from(record.line_base_count()));
        if inside && record.position() > 0 {
            file.seek(SeekFrom::Start(record.position() - 1))
                .and_then(|_| file.read_exact(&mut before))
                .map_err(wrap)?;
        }
        if before != *b"\n" {
            let place = Place::file(path.with_added_extension("fai"))
                .with_column(record.name().to_string());
            return Err(GenomeError::format(
                place,
                "an index of this file as it is now (make it again with `samtools faidx`, or remove it)",
            ));
        }
    }
    Ok(())
}

impl Bases for IndexedGenome {
    fn chromosomes(&self) -> Vec<(String, u64)> {
        let names = self.order.iter();
        names
            .map(|name| (name.clone(), self.lengths.get(name).copied().unwrap_or(0)))
            .collect()
    }

    fn length(&self, chromosome: &str) -> Result<u64> {
        self.lengths
            .get(chromosome)
            .copied()
            .ok_or_else(|| GenomeError::UnknownName {
                path: self.path.clone(),
                kind: "chromosome",
                name: chromosome.to_owned(),
                nearest: self.unified(chromosome).or_else(|| {
                    nearest(chromosome, self.order.iter().map(String::as_str)).map(str::to_owned)
                }),
                found: self.order.clone(),
            })
    }

    fn bases(&self, chromosome: &str, start: u64, end: u64) -> Result<Cow<'_, [u8]>> {
        let length = self.length(chromosome)?;
        if start > end || end > length {
            return Err(GenomeError::OutOfRange {
                name: chromosome.to_owned(),
                start,
                end,
                length,
            });
        }
        if start == end {
            return Ok(Cow::Owned(Vec::new()));
        }
        // 1-based and inclusive from here to the reader; both are at least 1, since start < end.
        let position = |at: u64| Position::new(at as usize).unwrap_or(Position::MIN);
        let region = Region::new(chromosome, position(start + 1)..=position(end));
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let record = reader
            .query(&region)
            .map_err(|source| GenomeError::io(&self.path, source))?;
        let place = || Place::file(&self.path).with_column(chromosome);
        let codes = encode(record.sequence().as_ref())
            .map_err(|error| error.at(place()))?
            .codes;
        if codes.len() as u64 != end - start {
            return Err(GenomeError::format(
                place(),
                "as many bases as its index says (make it again with `samtools faidx`)",
            ));
        }
        Ok(Cow::Owned(codes))
    }

    fn unified(&self, name: &str) -> Option<String> {
        let other = name
            .strip_prefix("chr")
            .map_or_else(|| format!("chr{name}"), str::to_owned);
        [name, other.as_str()]
            .into_iter()
            .find(|candidate| self.lengths.contains_key(*candidate))
            .map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::Draws;
    use crate::{Genome, UNIFORM, decode, random_sequence};

    fn write(folder: &Path, width: usize, line_end: &str) -> PathBuf {
        let mut draws = Draws::new([9; 32]);
        let mut text = String::new();
        for (name, length) in [("chr1", 1003), ("chr2", 60), ("chrM", 1)] {
            text.push_str(&format!(">{name} a description{line_end}"));
            let letters = decode(&random_sequence(length, UNIFORM, &mut draws).unwrap());
            for line in letters.as_bytes().chunks(width) {
                text.push_str(std::str::from_utf8(line).unwrap());
                text.push_str(line_end);
            }
        }
        let path = folder.join("g.fa");
        fs_err::write(&path, text).unwrap();
        path
    }

    #[test]
    fn windows_equal_those_of_the_genome_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        for (width, line_end) in [(60, "\n"), (7, "\r\n"), (2000, "\n")] {
            let path = write(folder.path(), width, line_end);
            let (whole, indexed) = (
                Genome::open(&path).unwrap(),
                IndexedGenome::open(&path).unwrap(),
            );
            assert_eq!(
                Bases::chromosomes(&whole),
                indexed.chromosomes(),
                "{width} {line_end:?}"
            );
            for (start, end) in [
                (0, 1),
                (0, 1003),
                (58, 63),
                (119, 121),
                (1002, 1003),
                (5, 5),
            ] {
                assert_eq!(
                    indexed.bases("chr1", start, end).unwrap(),
                    whole.bases("chr1", start, end).unwrap(),
                    "{start}-{end}"
                );
            }
            assert_eq!(indexed.bases("chrM", 0, 1).unwrap().len(), 1);
            assert!(indexed.bases("chr2", 59, 61).is_err());
            let error = indexed.bases("2", 0, 1).unwrap_err().to_string();
            assert!(error.contains("did you mean `chr2`?"), "{error}");
        }
    }

    #[test]
    fn an_index_of_another_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), 60, "\n");
        let index = noodles_fasta::fs::index(&path).unwrap();
        fai::fs::write(path.with_added_extension("fai"), &index).unwrap();
        assert!(IndexedGenome::open(&path).is_ok());
        let text = fs_err::read_to_string(&path).unwrap();
        fs_err::write(&path, text.replacen("chr1 a", "chr1 another", 1)).unwrap();
        let error = IndexedGenome::open(&path).unwrap_err().to_string();
        assert!(error.contains("samtools faidx"), "{error}");
    }
}
