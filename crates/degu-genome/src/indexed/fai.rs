//! The index of a FASTA file (`.fai`), and that of a bgzip file (`.gzi`).

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use fs_err::File;

use crate::error::{GenomeError, Place, Result};
use crate::text::LineReader;

/// Where one sequence stands in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// Bases.
    pub(super) length: u64,
    /// First byte of the first line of bases.
    pub(super) offset: u64,
    /// Bases of a full line.
    pub(super) bases: u64,
    /// Bytes of a full line, its end included.
    pub(super) width: u64,
}

impl Entry {
    /// The byte of a base, counted from 0.
    pub(super) fn byte(&self, base: u64) -> u64 {
        let bases = self.bases.max(1);
        self.offset + base / bases * self.width + base % bases
    }
}

/// Reads `FILE.fai`.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>> {
    let mut lines = LineReader::open(path)?;
    let mut entries = Vec::new();
    while lines.advance()? {
        let text = lines.text()?;
        if text.trim().is_empty() {
            continue;
        }
        let fields: Vec<&str> = text.split('\t').collect();
        let number = |i: usize| fields.get(i).and_then(|f| f.trim().parse::<u64>().ok());
        let (Some(length), Some(offset), Some(bases), Some(width)) =
            (number(1), number(2), number(3), number(4))
        else {
            return Err(GenomeError::format(
                lines.place(),
                "name, length, offset, bases and bytes of a line (as `samtools faidx` writes)",
            ));
        };
        entries.push(Entry {
            name: fields[0].to_owned(),
            length,
            offset,
            bases,
            width,
        });
    }
    Ok(entries)
}

/// Makes the index of a plain file by reading it once.
pub(super) fn build(path: &Path) -> Result<Vec<Entry>> {
    let wrap = |source| GenomeError::io(path, source);
    let mut input = BufReader::with_capacity(1 << 17, File::open(path).map_err(wrap)?);
    let mut entries: Vec<Entry> = Vec::new();
    let (mut at, mut number, mut line) = (0u64, 0u64, Vec::new());
    // Only the last line of a sequence may be shorter than the others.
    let mut short = false;
    loop {
        line.clear();
        let read = input.read_until(b'\n', &mut line).map_err(wrap)? as u64;
        if read == 0 {
            return Ok(entries);
        }
        number += 1;
        at += read;
        let place = || Place::line(path, number);
        let text = line.trim_ascii_end();
        if let Some(header) = text.strip_prefix(b">") {
            let name = header
                .split(u8::is_ascii_whitespace)
                .next()
                .unwrap_or_default();
            let name = std::str::from_utf8(name)
                .ok()
                .filter(|name| !name.is_empty())
                .ok_or_else(|| GenomeError::format(place(), "the name of a sequence after `>`"))?;
            entries.push(Entry {
                name: name.to_owned(),
                length: 0,
                offset: at,
                bases: 0,
                width: 0,
            });
            short = false;
            continue;
        }
        if text.is_empty() {
            short = !entries.is_empty();
            continue;
        }
        let Some(entry) = entries.last_mut() else {
            return Err(GenomeError::format(
                place(),
                "`>` and the name of a sequence",
            ));
        };
        let bases = text.len() as u64;
        if entry.bases == 0 {
            (entry.bases, entry.width) = (bases, read);
        }
        if short || bases > entry.bases {
            return Err(GenomeError::format(
                place(),
                "lines of one length in each sequence, for random access (`samtools faidx` needs them too; `seqkit seq -w 60` rewrites a file)",
            ));
        }
        short = bases < entry.bases;
        entry.length += bases;
    }
}

/// Reads `FILE.gzi`: where each block begins, in the file and in what it unpacks to.
pub(super) fn read_blocks(path: &Path) -> Result<Vec<(u64, u64)>> {
    let wrap = |source| GenomeError::io(path, source);
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(wrap)?;
    file.read_to_end(&mut bytes).map_err(wrap)?;
    let words: Vec<u64> = bytes
        .chunks_exact(8)
        .map(|b| u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
        .collect();
    match words.split_first() {
        Some((count, rest)) if rest.len() as u64 == 2 * count => {
            let mut blocks = vec![(0, 0)];
            blocks.extend(rest.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            Ok(blocks)
        }
        _ => Err(GenomeError::format(
            Place::file(path),
            "an index of bgzip blocks (`bgzip -r FILE`, or `samtools faidx FILE`)",
        )),
    }
}
