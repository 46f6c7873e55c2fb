//! Writes bigWig files: values per base, for genome browsers.
//!
//! The format of Kent et al. 2010 (Bioinformatics 26:2204, supplement), version 4: compressed
//! sections of consecutive values, a tree over chromosomes and a tree over sections. No zoom
//! levels: base-resolution attributions mean nothing when averaged over kilobases; browsers then
//! read the values themselves.

use std::collections::BTreeMap;
use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use flate2::{Compression, write::ZlibEncoder};
use fs_err::File;

use crate::error::{GenomeError, Result};

const MAGIC: u32 = 0x888F_FC26;
const CHROMOSOME_TREE: u32 = 0x78CA_8C91;
const SECTION_TREE: u32 = 0x2468_ACE0;
/// Values of one section.
const SECTION: usize = 1024;
/// Children of a node of the tree over sections.
const FAN_OUT: usize = 256;
/// Fixed header and summary.
const HEADER: u64 = 64 + 40;

/// One compressed section, for the index.
#[derive(Debug, Clone, Copy)]
struct Section {
    chromosome: u32,
    start: u32,
    end: u32,
    offset: u64,
    size: u64,
}

/// Writes values in the order of chromosomes (by name) and positions; memory holds one section and
/// 32 bytes for each written.
///
/// The file appears whole under its name when [`finish`](Self::finish) is called.
pub struct BigWigWriter {
    path: PathBuf,
    partial: PathBuf,
    output: BufWriter<File>,
    chromosomes: BTreeMap<String, (u32, u64)>,
    sections: Vec<Section>,
    offset: u64,
    largest: usize,
    covered: u64,
    extremes: (f64, f64),
    sums: (f64, f64),
    last: (u32, u64),
}

impl BigWigWriter {
    /// Starts a file over chromosomes of these lengths in bp.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`]; [`GenomeError::Argument`] for no chromosome, one without a name, or one
    /// of 4 Gbp or more.
    pub fn create(
        path: impl AsRef<Path>,
        lengths: impl IntoIterator<Item = (String, u64)>,
    ) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let lengths: BTreeMap<String, u64> = lengths.into_iter().collect();
        let mut chromosomes = BTreeMap::new();
        for (id, (name, length)) in lengths.into_iter().enumerate() {
            if name.is_empty() || length == 0 || length > u64::from(u32::MAX) {
                return Err(GenomeError::argument(
                    "chromosome",
                    "a name and a length of 1 to 4,294,967,295 bp",
                    format_args!("`{name}` of {length} bp"),
                ));
            }
            chromosomes.insert(name, (id as u32, length));
        }
        if chromosomes.is_empty() || chromosomes.len() > usize::from(u16::MAX) {
            return Err(GenomeError::argument(
                "chromosomes",
                "1 to 65,535 of them",
                chromosomes.len(),
            ));
        }
        let partial = path.with_added_extension("partial");
        let wrap = |source| GenomeError::io(&partial, source);
        let mut output = BufWriter::new(File::create(&partial).map_err(wrap)?);
        let tree = chromosome_tree(&chromosomes);
        let offset = HEADER + tree.len() as u64 + 8;
        // Header, summary and the number of sections are written at the end.
        output
            .write_all(&vec![0; HEADER as usize])
            .and_then(|()| output.write_all(&tree))
            .and_then(|()| output.write_all(&[0; 8]))
            .map_err(wrap)?;
        Ok(Self {
            path,
            output,
            chromosomes,
            sections: Vec::new(),
            offset,
            largest: 0,
            covered: 0,
            extremes: (f64::INFINITY, f64::NEG_INFINITY),
            sums: (0.0, 0.0),
            last: (0, 0),
            partial,
        })
    }

    /// Writes one value for each position from `start` (0-based) on; positions without a finite
    /// value are left out.
    ///
    /// # Errors
    ///
    /// [`GenomeError::UnknownName`] for a chromosome that was not announced,
    /// [`GenomeError::OutOfRange`] beyond its end, [`GenomeError::Argument`] for a stretch that
    /// begins before the end of the last one, [`GenomeError::Io`].
    pub fn write(&mut self, chromosome: &str, start: u64, values: &[f32]) -> Result<()> {
        let Some((id, length)) = self.chromosomes.get(chromosome).copied() else {
            return Err(GenomeError::UnknownName {
                path: self.path.clone(),
                kind: "chromosome",
                name: chromosome.to_owned(),
                nearest: None,
                found: self.chromosomes.keys().cloned().collect(),
            });
        };
        let end = start + values.len() as u64;
        if end > length {
            return Err(GenomeError::OutOfRange {
                name: chromosome.to_owned(),
                start,
                end,
                length,
            });
        }
        if (id, start) < self.last {
            return Err(GenomeError::argument(
                "bigWig values",
                "stretches in the order of chromosome names and positions, without overlap",
                format_args!("{chromosome}:{start} after position {}", self.last.1),
            ));
        }
        self.last = (id, end);
        let mut at = start;
        for run in values.chunk_by(|a, b| a.is_finite() == b.is_finite()) {
            if run[0].is_finite() {
                for (i, part) in run.chunks(SECTION).enumerate() {
                    self.section(id, at + (i * SECTION) as u64, part)?;
                }
            }
            at += run.len() as u64;
        }
        Ok(())
    }

    fn section(&mut self, chromosome: u32, start: u64, values: &[f32]) -> Result<()> {
        let end = start as u32 + values.len() as u32;
        let mut bytes = Vec::with_capacity(24 + 4 * values.len());
        // Chromosome, start, end, step 1, span 1, type 3 (fixed step), reserved, number of values.
        for word in [chromosome, start as u32, end, 1, 1] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend([3, 0]);
        bytes.extend((values.len() as u16).to_le_bytes());
        for value in values {
            bytes.extend(value.to_le_bytes());
            let value = f64::from(*value);
            self.extremes = (self.extremes.0.min(value), self.extremes.1.max(value));
            self.sums.0 += value;
            self.sums.1 += value * value;
        }
        self.covered += values.len() as u64;
        self.largest = self.largest.max(bytes.len());
        let wrap = |source| GenomeError::io(&self.partial, source);
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&bytes).map_err(wrap)?;
        let packed = encoder.finish().map_err(wrap)?;
        self.output.write_all(&packed).map_err(wrap)?;
        self.sections.push(Section {
            chromosome,
            start: start as u32,
            end,
            offset: self.offset,
            size: packed.len() as u64,
        });
        self.offset += packed.len() as u64;
        Ok(())
    }

    /// Writes the index and the header, and gives the file its name.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`].
    pub fn finish(mut self) -> Result<()> {
        let index = self.offset;
        let tree = section_tree(&self.sections, index);
        let data = HEADER + chromosome_tree(&self.chromosomes).len() as u64;
        let mut header = Vec::with_capacity(HEADER as usize);
        header.extend(MAGIC.to_le_bytes());
        header.extend(4u16.to_le_bytes());
        header.extend(0u16.to_le_bytes());
        for offset in [HEADER, data, index] {
            header.extend(offset.to_le_bytes());
        }
        header.extend([0; 4]);
        header.extend(0u64.to_le_bytes());
        header.extend(64u64.to_le_bytes());
        header.extend((self.largest as u32).to_le_bytes());
        header.extend(0u64.to_le_bytes());
        header.extend(self.covered.to_le_bytes());
        let (low, high) = if self.covered > 0 {
            self.extremes
        } else {
            (0.0, 0.0)
        };
        for value in [low, high, self.sums.0, self.sums.1] {
            header.extend(value.to_le_bytes());
        }
        let sections = (self.sections.len() as u64).to_le_bytes();
        let write = |output: &mut BufWriter<File>| -> std::io::Result<()> {
            output.write_all(&tree)?;
            output.write_all(&MAGIC.to_le_bytes())?;
            output.seek(SeekFrom::Start(0))?;
            output.write_all(&header)?;
            output.seek(SeekFrom::Start(data))?;
            output.write_all(&sections)?;
            output.flush()
        };
        write(&mut self.output).map_err(|source| GenomeError::io(&self.partial, source))?;
        fs_err::rename(&self.partial, &self.path)
            .map_err(|source| GenomeError::io(&self.path, source))
    }
}

/// A tree of one leaf: names padded to the longest, number and length of each chromosome.
fn chromosome_tree(chromosomes: &BTreeMap<String, (u32, u64)>) -> Vec<u8> {
    let key = chromosomes.keys().map(String::len).max().unwrap_or(1);
    let mut bytes = Vec::new();
    for word in [CHROMOSOME_TREE, chromosomes.len() as u32, key as u32, 8] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend((chromosomes.len() as u64).to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.extend([1, 0]);
    bytes.extend((chromosomes.len() as u16).to_le_bytes());
    for (name, (id, length)) in chromosomes {
        bytes.extend(name.as_bytes());
        bytes.extend(std::iter::repeat_n(0, key - name.len()));
        bytes.extend(id.to_le_bytes());
        bytes.extend((*length as u32).to_le_bytes());
    }
    bytes
}

/// What a node of the section tree covers, and where it stands.
#[derive(Debug, Clone, Copy)]
struct Span {
    low: (u32, u32),
    high: (u32, u32),
    offset: u64,
}

fn section_tree(sections: &[Section], at: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(SECTION_TREE.to_le_bytes());
    bytes.extend((FAN_OUT as u32).to_le_bytes());
    bytes.extend((sections.len() as u64).to_le_bytes());
    let first = sections.first().map_or((0, 0), |s| (s.chromosome, s.start));
    let last = sections.last().map_or((0, 0), |s| (s.chromosome, s.end));
    for word in [first.0, first.1, last.0, last.1] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(at.to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(0u32.to_le_bytes());
    // Levels from the leaves up; the file has them from the root down, nodes of a level one after
    // the other.
    let mut levels: Vec<usize> = vec![sections.len().div_ceil(FAN_OUT).max(1)];
    while levels[levels.len() - 1] > 1 {
        levels.push(levels[levels.len() - 1].div_ceil(FAN_OUT));
    }
    let start = at + bytes.len() as u64;
    let mut offsets = vec![0; levels.len()];
    let mut next = start;
    for level in (0..levels.len()).rev() {
        offsets[level] = next;
        let items = if level == 0 {
            sections.len()
        } else {
            levels[level - 1]
        };
        let item = if level == 0 { 32 } else { 24 };
        next += 4 * levels[level] as u64 + (items * item) as u64;
    }
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    let mut below: Vec<Span> = Vec::new();
    for level in 0..levels.len() {
        let (mut block, mut spans) = (Vec::new(), Vec::new());
        let count = if level == 0 {
            sections.len()
        } else {
            below.len()
        };
        for node in 0..levels[level] {
            let items = node * FAN_OUT..((node + 1) * FAN_OUT).min(count);
            let offset = offsets[level] + block.len() as u64;
            block.extend([u8::from(level == 0), 0]);
            block.extend((items.len() as u16).to_le_bytes());
            let mut span: Option<Span> = None;
            for item in items {
                let (low, high, place, size) = if level == 0 {
                    let s = sections[item];
                    (
                        (s.chromosome, s.start),
                        (s.chromosome, s.end),
                        s.offset,
                        Some(s.size),
                    )
                } else {
                    let s = below[item];
                    (s.low, s.high, s.offset, None)
                };
                for word in [low.0, low.1, high.0, high.1] {
                    block.extend(word.to_le_bytes());
                }
                block.extend(place.to_le_bytes());
                block.extend(size.into_iter().flat_map(u64::to_le_bytes));
                let known = span.get_or_insert(Span { low, high, offset });
                known.low = known.low.min(low);
                known.high = known.high.max(high);
            }
            spans.extend(span);
        }
        blocks.push(block);
        below = spans;
    }
    bytes.extend(blocks.into_iter().rev().flatten());
    bytes
}

#[cfg(test)]
#[path = "bigwig/tests.rs"]
mod tests;
