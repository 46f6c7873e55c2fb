//! Loci in the names of sequences: `chr1:100-349`.

use crate::interval::Interval;
use crate::scan::Strand;

/// Where a sequence lies on a genome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locus {
    /// The interval, 0-based and half-open.
    pub interval: Interval,
    /// The strand that was read.
    pub strand: Strand,
}

impl Locus {
    /// Reads a locus from a name as `bedtools getfasta` (`chr1:99-349`, 0-based, half-open;
    /// `name::chr1:99-349(-)`) or `samtools faidx` (`chr1:100-349`, 1-based, inclusive) writes it:
    /// the length of the sequence in bp tells which of them it is. `None` for other names, and for
    /// an interval of another length.
    ///
    /// # Examples
    ///
    /// ```
    /// use degu_genome::Locus;
    /// let bedtools = Locus::parse("peak_7::chr1:99-349(+)", 250).unwrap();
    /// let samtools = Locus::parse("chr1:100-349", 250).unwrap();
    /// assert_eq!(bedtools, samtools);
    /// assert!(Locus::parse("chr1:100-349", 200).is_none());
    /// ```
    pub fn parse(name: &str, length: usize) -> Option<Self> {
        let (text, strand) = match name.strip_suffix("(-)") {
            Some(rest) => (rest, Strand::Reverse),
            None => (name.strip_suffix("(+)").unwrap_or(name), Strand::Forward),
        };
        let text = text.rsplit_once("::").map_or(text, |(_, locus)| locus);
        let (chromosome, range) = text.rsplit_once(':')?;
        let (start, end) = range.split_once('-')?;
        let number = |text: &str| text.replace(',', "").parse::<u64>().ok();
        let (start, end) = (number(start)?, number(end)?);
        let width = end.checked_sub(start)?;
        let length = length as u64;
        let start = if width == length {
            start
        } else if width + 1 == length {
            start.checked_sub(1)?
        } else {
            return None;
        };
        (!chromosome.is_empty()).then(|| Self {
            interval: Interval::new(chromosome, start, end),
            strand,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_a_locus_have_none() {
        for name in [
            "seq1",
            "chr1:",
            "chr1:5",
            ":5-10",
            "chr1:10-5",
            "chr1:a-b",
            "chr1:0-4",
        ] {
            assert!(Locus::parse(name, 5).is_none(), "{name}");
        }
        let locus = Locus::parse("HLA:A*01:1,000-1,005(-)", 5).unwrap();
        assert_eq!(locus.interval, Interval::new("HLA:A*01", 1000, 1005));
        assert_eq!(locus.strand, Strand::Reverse);
    }
}
