//! ATAC-seq fragments and their Tn5 cut sites.

use std::collections::BTreeMap;
use std::path::Path;

use crate::bed::{fields, interval, is_data};
use crate::error::Result;
use crate::fasta::Genome;
use crate::interval::{Interval, IntervalSet};
use crate::text::LineReader;

/// Positions of the two Tn5 cuts of a fragment: start + 4 and end - 5; `None` before the
/// chromosome.
///
/// Tn5 leaves a 9-bp stagger, so the centre of each insertion lies 4 bp inside of the fragment; the
/// end is exclusive, hence 5. Each end is an insertion of its own, also in the shortest fragments.
pub fn cut_sites(start: u64, end: u64) -> [Option<u64>; 2] {
    [start.checked_add(4), end.checked_sub(5)]
}

/// Streaming reader of fragments: bedpe with three columns, or any BED-like file (0-based,
/// half-open).
pub struct FragmentReader {
    lines: LineReader,
}

impl FragmentReader {
    /// Opens a file, plain or gzip.
    ///
    /// # Errors
    ///
    /// [`crate::GenomeError::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self {
            lines: LineReader::open(path)?,
        })
    }

    /// Reads from lines.
    pub fn new(lines: LineReader) -> Self {
        Self { lines }
    }

    /// The next fragment, or `None` at the end.
    ///
    /// # Errors
    ///
    /// As [`crate::BedReader::next_record`].
    pub fn next_fragment(&mut self) -> Result<Option<Interval>> {
        while self.lines.advance()? {
            if is_data(self.lines.current()) {
                let text = self.lines.text()?;
                return interval(&mut fields(text), &self.lines).map(Some);
            }
        }
        Ok(None)
    }
}

/// What became of the fragments of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CutReport {
    /// Fragments read.
    pub fragments: u64,
    /// Fragments on chromosomes without a sequence, by chromosome.
    pub unknown_chromosome: BTreeMap<String, u64>,
    /// Cuts outside of their chromosome.
    pub outside: u64,
    /// Cuts in the blacklist.
    pub blacklisted: u64,
    /// Cuts kept.
    pub kept: u64,
}

/// Counts of cuts at every position of a genome, one `u16` per bp, saturating.
#[derive(Debug, Clone)]
pub struct CutCounts {
    counts: BTreeMap<String, Vec<u16>>,
    report: CutReport,
}

impl CutCounts {
    /// Counts the cuts of all fragments on the chromosomes of `genome`, without those in
    /// `blacklist`.
    ///
    /// # Errors
    ///
    /// As [`FragmentReader::next_fragment`].
    pub fn read(
        reader: &mut FragmentReader,
        genome: &Genome,
        blacklist: &IntervalSet,
    ) -> Result<Self> {
        let mut counts = BTreeMap::new();
        for name in genome.names() {
            counts.insert(name.clone(), vec![0u16; genome.chromosome(name)?.len()]);
        }
        let mut report = CutReport::default();
        while let Some(fragment) = reader.next_fragment()? {
            report.fragments += 1;
            let Some(track) = counts.get_mut(&fragment.chromosome) else {
                *report
                    .unknown_chromosome
                    .entry(fragment.chromosome)
                    .or_default() += 1;
                continue;
            };
            for cut in cut_sites(fragment.start, fragment.end) {
                let Some(cut) = cut.filter(|cut| *cut < track.len() as u64) else {
                    report.outside += 1;
                    continue;
                };
                if blacklist.contains(&fragment.chromosome, cut) {
                    report.blacklisted += 1;
                } else {
                    let count = &mut track[cut as usize];
                    *count = count.saturating_add(1);
                    report.kept += 1;
                }
            }
        }
        Ok(Self { counts, report })
    }

    /// What was read, kept and dropped.
    pub fn report(&self) -> &CutReport {
        &self.report
    }

    /// Counts of `[start, end)`, or `None` if it leaves the chromosome.
    pub fn window(&self, chromosome: &str, start: u64, end: u64) -> Option<&[u16]> {
        let track = self.counts.get(chromosome)?;
        track.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fasta::FastaReader;

    #[test]
    fn cuts_are_shifted_counted_and_accounted_for() {
        assert_eq!(cut_sites(0, 57), [Some(4), Some(52)]);
        assert_eq!(cut_sites(0, 4), [Some(4), None]);
        let fasta = format!(">chrI\n{}\n", "ACGTA".repeat(20));
        let reader = FastaReader::from_reader("g.fa", std::io::Cursor::new(fasta)).unwrap();
        let genome = Genome::read("g.fa", reader, |_| true).unwrap();
        let text = "chrI\t0\t57\nchrI\t0\t57\nchrM\t0\t50\nchrI\t60\t62\nchrI\t50\t110\n";
        let lines = LineReader::new("f.bedpe", std::io::Cursor::new(text)).unwrap();
        let blacklist = IntervalSet::new([Interval::new("chrI", 52, 55)]);
        let cuts = CutCounts::read(&mut FragmentReader::new(lines), &genome, &blacklist).unwrap();
        assert_eq!(
            cuts.report(),
            &CutReport {
                fragments: 5,
                unknown_chromosome: [("chrM".to_owned(), 1)].into(),
                outside: 1,
                blacklisted: 3,
                kept: 4,
            }
        );
        assert_eq!(cuts.window("chrI", 3, 6).unwrap(), [0, 2, 0]);
        assert!(cuts.window("chrI", 90, 101).is_none());
        assert!(cuts.window("chrII", 0, 1).is_none());
    }
}
