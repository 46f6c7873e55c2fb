//! BED and narrowPeak files, read row by row; bedGraph files, written.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::{GenomeError, Result};
use crate::interval::Interval;
use crate::scan::Strand;
use crate::text::LineReader;

/// What the columns after the third mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BedKind {
    /// Name, score and strand, as far as present; the rest is passed over.
    Bed,
    /// ENCODE narrowPeak: ten columns, the last the offset of the summit (-1 for none).
    NarrowPeak,
}

/// A row of a BED file.
#[derive(Debug, Clone, PartialEq)]
pub struct BedRecord {
    /// The interval.
    pub interval: Interval,
    /// Column 4, if there is one that is not `.`.
    pub name: Option<String>,
    /// Column 5, if it is a number.
    pub score: Option<f64>,
    /// Column 6, if it is `+` or `-`.
    pub strand: Option<Strand>,
    /// Position of the summit on the chromosome, 0-based (narrowPeak).
    pub summit: Option<u64>,
    /// Line of the file, from 1.
    pub line: u64,
}

impl BedRecord {
    /// The summit, or the middle where there is none.
    pub fn center(&self) -> u64 {
        self.summit
            .unwrap_or(u64::midpoint(self.interval.start, self.interval.end))
    }
}

/// Streaming reader of BED files; passes over blank, `track`, `browser` and `#` lines.
pub struct BedReader {
    lines: LineReader,
    kind: BedKind,
}

impl BedReader {
    /// Opens a file, plain or gzip.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`].
    pub fn open(path: impl AsRef<Path>, kind: BedKind) -> Result<Self> {
        Ok(Self {
            lines: LineReader::open(path)?,
            kind,
        })
    }

    /// Reads from lines.
    pub fn new(lines: LineReader, kind: BedKind) -> Self {
        Self { lines, kind }
    }

    /// The next row, or `None` at the end.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Format`] for too few columns, [`GenomeError::Value`] for coordinates that are
    /// no numbers, an end before the start, or a summit outside of its peak.
    pub fn next_record(&mut self) -> Result<Option<BedRecord>> {
        while self.lines.advance()? {
            if is_data(self.lines.current()) {
                return self.parse().map(Some);
            }
        }
        Ok(None)
    }

    fn parse(&self) -> Result<BedRecord> {
        let place = self.lines.place();
        let text = self.lines.text()?;
        let mut fields = fields(text);
        let interval = interval(&mut fields, &self.lines)?;
        let name = fields.next().filter(|name| *name != ".").map(str::to_owned);
        let score = fields.next().and_then(|score| score.parse().ok());
        let strand = match fields.next() {
            Some("+") => Some(Strand::Forward),
            Some("-") => Some(Strand::Reverse),
            _ => None,
        };
        let summit = if self.kind == BedKind::NarrowPeak {
            let field = fields.nth(3).ok_or_else(|| {
                GenomeError::format(place.clone(), "ten columns as narrowPeak has them")
            })?;
            let wrong = || {
                GenomeError::value(
                    place.clone().with_column("peak"),
                    "the offset of the summit within the peak, or -1 for none",
                    field,
                )
            };
            match field.parse::<i64>().map_err(|_| wrong())? {
                -1 => None,
                offset if offset >= 0 && (offset as u64) < interval.width() => {
                    Some(interval.start + offset as u64)
                }
                _ => return Err(wrong()),
            }
        } else {
            None
        };
        Ok(BedRecord {
            interval,
            name,
            score,
            strand,
            summit,
            line: self.lines.line_number(),
        })
    }
}

/// Whether a line holds data: not blank, no comment, no `track` or `browser` line.
pub(crate) fn is_data(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let word = line
        .split(u8::is_ascii_whitespace)
        .next()
        .unwrap_or_default();
    !(line.is_empty() || line[0] == b'#' || word == b"track" || word == b"browser")
}

/// Tab-separated fields, or blank-separated ones in a line without a tab.
pub(crate) fn fields(line: &str) -> Box<dyn Iterator<Item = &str> + '_> {
    if line.contains('\t') {
        Box::new(line.split('\t').map(str::trim))
    } else {
        Box::new(line.split_whitespace())
    }
}

/// Reads chromosome, start and end.
pub(crate) fn interval<'a>(
    fields: &mut impl Iterator<Item = &'a str>,
    lines: &LineReader,
) -> Result<Interval> {
    let (Some(chromosome), Some(start), Some(end)) = (fields.next(), fields.next(), fields.next())
    else {
        return Err(GenomeError::format(
            lines.place(),
            "at least three columns: chromosome, start, end",
        ));
    };
    let number = |name: &str, text: &str| {
        text.parse::<u64>().map_err(|_| {
            GenomeError::value(
                lines.place().with_column(name),
                "a position (0-based whole number)",
                text,
            )
        })
    };
    let interval = Interval::new(chromosome, number("start", start)?, number("end", end)?);
    if interval.end < interval.start {
        return Err(GenomeError::value(
            lines.place().with_column("end"),
            "an end that is not before the start",
            format!("{start}-{end}"),
        ));
    }
    Ok(interval)
}

/// Reads all rows of a BED or narrowPeak file.
///
/// # Errors
///
/// As [`BedReader::next_record`].
pub fn read_bed(path: impl AsRef<Path>, kind: BedKind) -> Result<Vec<BedRecord>> {
    let mut reader = BedReader::open(path, kind)?;
    let mut records = Vec::new();
    while let Some(record) = reader.next_record()? {
        records.push(record);
    }
    Ok(records)
}

/// Writes bedGraph rows; neighbouring positions of equal value become one row.
pub struct BedGraphWriter<W: Write> {
    path: PathBuf,
    output: W,
}

impl<W: Write> BedGraphWriter<W> {
    /// Starts a track; `path` is what errors call the output.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`].
    pub fn new(path: impl Into<PathBuf>, mut output: W, track_name: &str) -> Result<Self> {
        let path = path.into();
        let name = track_name.replace('"', "'");
        writeln!(output, "track type=bedGraph name=\"{name}\"")
            .map_err(|source| GenomeError::io(&path, source))?;
        Ok(Self { path, output })
    }

    /// Writes one value for each position from `start` on; positions without a finite value are
    /// left out.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`].
    pub fn write(&mut self, chromosome: &str, start: u64, values: &[f32]) -> Result<()> {
        let mut at = start;
        for run in values.chunk_by(|a, b| a.to_bits() == b.to_bits()) {
            let end = at + run.len() as u64;
            if run[0].is_finite() {
                writeln!(self.output, "{chromosome}\t{at}\t{end}\t{}", run[0])
                    .map_err(|source| GenomeError::io(&self.path, source))?;
            }
            at = end;
        }
        Ok(())
    }

    /// Flushes and returns the output.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`].
    pub fn finish(mut self) -> Result<W> {
        self.output
            .flush()
            .map_err(|source| GenomeError::io(&self.path, source))?;
        Ok(self.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, kind: BedKind) -> Result<Vec<BedRecord>> {
        let lines = LineReader::new("p.bed", std::io::Cursor::new(text.as_bytes().to_vec()))?;
        let mut reader = BedReader::new(lines, kind);
        let mut records = Vec::new();
        while let Some(record) = reader.next_record()? {
            records.push(record);
        }
        Ok(records)
    }

    #[test]
    fn headers_are_passed_over_and_summits_found() {
        let text = "track type=narrowPeak\n#comment\nbrowser position chrI\n\n\
            chrI\t20\t560\tpeak_1\t268\t.\t0\t0\t0\t218\nchrI\t600\t700\t.\t1\t-\t0\t0\t0\t-1\n";
        let records = read(text, BedKind::NarrowPeak).unwrap();
        assert_eq!(records[0].summit, Some(238));
        assert_eq!(records[0].name.as_deref(), Some("peak_1"));
        assert_eq!((records[1].summit, records[1].center()), (None, 650));
        assert_eq!(records[1].strand, Some(Strand::Reverse));
        assert_eq!(records[1].line, 6);
        let plain = read("chr1 5 10\n", BedKind::Bed).unwrap();
        assert_eq!(plain[0].interval, Interval::new("chr1", 5, 10));
    }

    #[test]
    fn faults_are_placed() {
        for (text, kind, expected) in [
            (
                "chrI\t5\n",
                BedKind::Bed,
                "p.bed:1: expected at least three columns",
            ),
            (
                "chrI\t5\tx\n",
                BedKind::Bed,
                "p.bed:1, `end`: expected a position",
            ),
            ("chrI\t-5\t6\n", BedKind::Bed, "`start`"),
            (
                "a\t0\t1\nchrI\t9\t6\n",
                BedKind::Bed,
                "p.bed:2, `end`: expected an end that is not before",
            ),
            ("chrI\t5\t6\tn\n", BedKind::NarrowPeak, "ten columns"),
            (
                "chrI\t5\t6\tn\t0\t.\t0\t0\t0\t9\n",
                BedKind::NarrowPeak,
                "within the peak",
            ),
        ] {
            let error = read(text, kind).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn bedgraph_joins_equal_values() {
        let mut writer = BedGraphWriter::new("x", Vec::new(), "mean").unwrap();
        writer
            .write("chrI", 10, &[0.5, 0.5, 1.0, f32::NAN, 2.0])
            .unwrap();
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        assert_eq!(
            text,
            "track type=bedGraph name=\"mean\"\nchrI\t10\t12\t0.5\nchrI\t12\t13\t1\nchrI\t14\t15\t2\n"
        );
    }
}
