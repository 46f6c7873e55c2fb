//! Genomes on disk: windows of a FASTA file through its index.

mod fai;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use degu_core::suggest::nearest;
use flate2::read::MultiGzDecoder;
use fs_err::File;

use crate::alphabet::encode;
use crate::bases::Bases;
use crate::error::{GenomeError, Place, Result};
use crate::fasta::Genome;

use fai::Entry;

/// A FASTA file whose windows are read when they are asked for: memory does not grow with the
/// genome.
///
/// The index is `FILE.fai` (`samtools faidx FILE`); without one a plain file is read through once
/// and the index kept in memory. Files of bgzip need `FILE.fai` and `FILE.gzi`.
#[derive(Debug)]
pub struct IndexedGenome {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
    order: Vec<String>,
    file: Mutex<File>,
    /// Where blocks begin in a bgzip file, and in what it unpacks to.
    blocks: Option<Vec<(u64, u64)>>,
}

impl IndexedGenome {
    /// Opens a FASTA file with its index, or makes the index by reading the file once.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`]; [`GenomeError::Format`] for an index that does not fit the file (made
    /// before the file changed), and for lines of several lengths.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let wrap = |source| GenomeError::io(&path, source);
        let mut file = File::open(&path).map_err(wrap)?;
        let blocks = if is_gzip(&mut file).map_err(wrap)? {
            Some(fai::read_blocks(&path.with_added_extension("gzi"))?)
        } else {
            None
        };
        let beside = path.with_added_extension("fai");
        let entries = if blocks.is_some() || beside.is_file() {
            fai::read(&beside)?
        } else {
            fai::build(&path)?
        };
        let genome = Self {
            order: entries.iter().map(|entry| entry.name.clone()).collect(),
            entries: entries.into_iter().map(|e| (e.name.clone(), e)).collect(),
            file: Mutex::new(file),
            blocks,
            path,
        };
        genome.check()?;
        Ok(genome)
    }

    /// Whether each sequence begins after a line break, as the index says.
    fn check(&self) -> Result<()> {
        for entry in self.entries.values().filter(|entry| entry.length > 0) {
            let before = entry.offset.saturating_sub(1);
            let last = entry.byte(entry.length - 1);
            let fits = entry.bases > 0
                && entry.width >= entry.bases
                && self.bytes(before, before + 1).is_ok_and(|b| b == b"\n")
                && self.bytes(last, last + 1).is_ok();
            if !fits {
                let place = Place::file(self.path.with_added_extension("fai"))
                    .with_column(entry.name.as_str());
                return Err(GenomeError::format(
                    place,
                    "an index of this file as it is now (make it again with `samtools faidx`, or remove it)",
                ));
            }
        }
        Ok(())
    }

    fn entry(&self, chromosome: &str) -> Result<&Entry> {
        self.entries
            .get(chromosome)
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

    /// Bytes `[from, to)` of the text.
    fn bytes(&self, from: u64, to: u64) -> Result<Vec<u8>> {
        let wrap = |source| GenomeError::io(&self.path, source);
        let mut bytes = vec![0; (to - from) as usize];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(blocks) = &self.blocks else {
            file.seek(SeekFrom::Start(from)).map_err(wrap)?;
            file.read_exact(&mut bytes).map_err(wrap)?;
            return Ok(bytes);
        };
        let block = blocks.partition_point(|(_, text)| *text <= from);
        let (packed, text) = blocks[block.saturating_sub(1)];
        file.seek(SeekFrom::Start(packed)).map_err(wrap)?;
        let mut unpacked = MultiGzDecoder::new(Read::by_ref(&mut *file));
        let skipped = std::io::copy(
            &mut Read::by_ref(&mut unpacked).take(from - text),
            &mut std::io::sink(),
        )
        .map_err(wrap)?;
        if skipped == from - text {
            unpacked.read_exact(&mut bytes).map_err(wrap)?;
        }
        Ok(bytes)
    }
}

impl Bases for IndexedGenome {
    fn chromosomes(&self) -> Vec<(String, u64)> {
        let names = self.order.iter();
        names
            .map(|name| (name.clone(), self.entries.get(name).map_or(0, |e| e.length)))
            .collect()
    }

    fn length(&self, chromosome: &str) -> Result<u64> {
        Ok(self.entry(chromosome)?.length)
    }

    fn bases(&self, chromosome: &str, start: u64, end: u64) -> Result<Cow<'_, [u8]>> {
        let entry = self.entry(chromosome)?;
        if start > end || end > entry.length {
            return Err(GenomeError::OutOfRange {
                name: chromosome.to_owned(),
                start,
                end,
                length: entry.length,
            });
        }
        if start == end {
            return Ok(Cow::Owned(Vec::new()));
        }
        let mut letters = self.bytes(entry.byte(start), entry.byte(end - 1) + 1)?;
        letters.retain(|byte| !matches!(byte, b'\n' | b'\r'));
        let place = || Place::file(&self.path).with_column(chromosome);
        let codes = encode(&letters).map_err(|error| error.at(place()))?.codes;
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
            .find(|candidate| self.entries.contains_key(*candidate))
            .map(str::to_owned)
    }
}

/// How a genome is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenomeAccess {
    /// Only the windows that are asked for, through the index beside the file.
    Indexed,
    /// Only the windows that are asked for; the file had no index, so it was read through once to
    /// make one (in memory).
    IndexedHere,
    /// Plain gzip has no random access: the whole genome is in memory, a byte a base.
    InMemory,
}

/// Opens a genome in the way that reads the least: FASTA with `.fai`, bgzip with `.fai` and `.gzi`,
/// FASTA without an index (read through once), and gzip (read into memory).
///
/// # Errors
///
/// A file that is missing or no FASTA, an index that does not fit its file.
pub fn open_genome(path: impl AsRef<Path>) -> Result<(Box<dyn Bases>, GenomeAccess)> {
    let path = path.as_ref();
    let has_index = path.with_added_extension("fai").is_file();
    let gzip = File::open(path)
        .and_then(|mut file| is_gzip(&mut file))
        .map_err(|source| GenomeError::io(path, source))?;
    if gzip && !(has_index && path.with_added_extension("gzi").is_file()) {
        return Ok((Box::new(Genome::open(path)?), GenomeAccess::InMemory));
    }
    let genome = IndexedGenome::open(path)?;
    let access = if has_index {
        GenomeAccess::Indexed
    } else {
        GenomeAccess::IndexedHere
    };
    Ok((Box::new(genome), access))
}

/// Whether a file begins as gzip (and so bgzip) does.
fn is_gzip(file: &mut File) -> std::io::Result<bool> {
    let mut magic = Vec::new();
    Read::by_ref(file).take(2).read_to_end(&mut magic)?;
    Ok(magic == [0x1F, 0x8B])
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::draws::Draws;
    use crate::{UNIFORM, decode, random_sequence};

    fn text(width: usize, line_end: &str) -> String {
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
        text
    }

    /// The index as `samtools faidx` defines it, by hand.
    fn index(text: &str, width: usize, line_end: &str) -> String {
        let mut all = String::new();
        for (name, length) in [("chr1", 1003usize), ("chr2", 60), ("chrM", 1)] {
            let header = format!(">{name} a description{line_end}");
            let offset = text.find(&header).unwrap() + header.len();
            let bases = width.min(length);
            let bytes = bases + line_end.len();
            all.push_str(&format!("{name}\t{length}\t{offset}\t{bases}\t{bytes}\n"));
        }
        all
    }

    fn equal(indexed: &IndexedGenome, whole: &Genome) {
        assert_eq!(Bases::chromosomes(whole), indexed.chromosomes());
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
        assert_eq!(
            indexed.bases("chrM", 0, 1).unwrap(),
            whole.bases("chrM", 0, 1).unwrap()
        );
        assert!(indexed.bases("chr2", 59, 61).is_err());
        let error = indexed.bases("2", 0, 1).unwrap_err().to_string();
        assert!(error.contains("did you mean `chr2`?"), "{error}");
    }

    #[test]
    fn windows_equal_those_of_the_genome_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.fa");
        for (width, line_end) in [(60, "\n"), (7, "\r\n"), (2000, "\n")] {
            let text = text(width, line_end);
            fs_err::write(&path, &text).unwrap();
            let whole = Genome::open(&path).unwrap();
            equal(&IndexedGenome::open(&path).unwrap(), &whole);
            let beside = path.with_added_extension("fai");
            fs_err::write(&beside, index(&text, width, line_end)).unwrap();
            equal(&IndexedGenome::open(&path).unwrap(), &whole);
            fs_err::remove_file(beside).unwrap();
        }
    }

    #[test]
    fn blocks_of_bgzip_are_unpacked_where_they_are_needed() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, path) = (folder.path().join("g.fa"), folder.path().join("g.fa.gz"));
        let text = text(60, "\n");
        fs_err::write(&plain, &text).unwrap();
        // Members of 200 bytes, as bgzip's blocks of 64 kB.
        let (mut packed, mut blocks) = (Vec::new(), Vec::new());
        for (i, part) in text.as_bytes().chunks(200).enumerate() {
            if i > 0 {
                blocks.extend([packed.len() as u64, 200 * i as u64]);
            }
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(part).unwrap();
            packed.extend(encoder.finish().unwrap());
        }
        fs_err::write(&path, packed).unwrap();
        let words = std::iter::once(blocks.len() as u64 / 2).chain(blocks);
        let words: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        fs_err::write(path.with_added_extension("gzi"), words).unwrap();
        let error = IndexedGenome::open(&path).unwrap_err().to_string();
        assert!(error.contains("g.fa.gz.fai"), "{error}");
        fs_err::write(path.with_added_extension("fai"), index(&text, 60, "\n")).unwrap();
        equal(
            &IndexedGenome::open(&path).unwrap(),
            &Genome::open(&plain).unwrap(),
        );
    }

    #[test]
    fn an_index_of_another_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.fa");
        let text = text(60, "\n");
        fs_err::write(path.with_added_extension("fai"), index(&text, 60, "\n")).unwrap();
        fs_err::write(&path, text.replacen("chr1 a", "chr1 another", 1)).unwrap();
        let error = IndexedGenome::open(&path).unwrap_err().to_string();
        assert!(error.contains("samtools faidx"), "{error}");
        fs_err::write(&path, &text[..500]).unwrap();
        assert!(IndexedGenome::open(&path).is_err(), "cut");
    }

    #[test]
    fn lines_of_several_lengths_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.fa");
        for bad in [">a\nACGT\nAC\nACGT\n", ">a\nAC\nACGT\n", ">a\nACGT\n\nAC\n"] {
            fs_err::write(&path, bad).unwrap();
            let error = IndexedGenome::open(&path).unwrap_err().to_string();
            assert!(error.contains("lines of one length"), "{error}");
        }
        fs_err::write(&path, ">a\nACGT\nAC\n\n>b\nA\n").unwrap();
        assert!(
            IndexedGenome::open(&path).is_ok(),
            "blank lines between sequences"
        );
        fs_err::write(&path, "ACGT\n").unwrap();
        assert!(IndexedGenome::open(&path).is_err());
    }
}
