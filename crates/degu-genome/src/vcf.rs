//! Variants from VCF files, checked against a genome.

use std::collections::BTreeMap;
use std::path::Path;

use crate::alphabet::{decode, encode};
use crate::bases::Bases;
use crate::bed::fields;
use crate::error::{GenomeError, Result};
use crate::text::LineReader;

/// A variant with one alternate allele.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Chromosome as the file names it.
    pub chromosome: String,
    /// First base of the reference allele, 0-based (VCF's POS - 1).
    pub start: u64,
    /// Identifier; empty if the file has `.`.
    pub id: String,
    /// Codes of the reference allele.
    pub reference: Vec<u8>,
    /// Codes of the alternate allele.
    pub alternate: Vec<u8>,
    /// Line of the file, from 1.
    pub line: u64,
}

impl std::fmt::Display for Variant {
    /// `chr1:155271120 A>C`, 1-based as in VCF.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}:{} {}>{}",
            self.chromosome,
            self.start + 1,
            decode(&self.reference),
            decode(&self.alternate)
        )
    }
}

/// How the reference allele compares with the genome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceCheck {
    /// The genome has the reference allele.
    Match,
    /// The genome has the alternate allele: the alleles are swapped.
    Swapped,
    /// The genome has neither.
    Mismatch {
        /// Codes of the genome over the reference allele.
        found: Vec<u8>,
    },
}

impl Variant {
    /// Compares the alleles with the genome. N in either never matches.
    ///
    /// # Errors
    ///
    /// [`GenomeError::UnknownName`] for the chromosome, [`GenomeError::OutOfRange`] beyond its end.
    pub fn check_reference(&self, genome: &(impl Bases + ?Sized)) -> Result<ReferenceCheck> {
        let bases =
            |length: usize| genome.bases(&self.chromosome, self.start, self.start + length as u64);
        let equal = |allele: &[u8], bases: &[u8]| {
            allele == bases && allele.iter().all(|code| *code < crate::alphabet::N)
        };
        let over_reference = bases(self.reference.len())?;
        if equal(&self.reference, &over_reference) {
            return Ok(ReferenceCheck::Match);
        }
        if bases(self.alternate.len()).is_ok_and(|bases| equal(&self.alternate, &bases)) {
            return Ok(ReferenceCheck::Swapped);
        }
        Ok(ReferenceCheck::Mismatch {
            found: over_reference.to_vec(),
        })
    }
}

/// Why an allele was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skipped {
    /// `*`: deleted by another variant.
    Overlapped,
    /// `<DEL>` and other symbolic alleles.
    Symbolic,
    /// Breakends such as `G]17:198982]`.
    Breakend,
    /// `.`: no alternate allele.
    Missing,
}

/// Streaming reader of VCF files, plain, gzip or bgzip; one variant for each alternate allele.
pub struct VcfReader {
    lines: LineReader,
    waiting: std::collections::VecDeque<Variant>,
    skipped: BTreeMap<Skipped, u64>,
}

impl VcfReader {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::new(LineReader::open(path)?))
    }

    /// Reads from lines.
    pub fn new(lines: LineReader) -> Self {
        Self {
            lines,
            waiting: std::collections::VecDeque::new(),
            skipped: BTreeMap::new(),
        }
    }

    /// Alleles passed over so far, by reason.
    pub fn skipped(&self) -> &BTreeMap<Skipped, u64> {
        &self.skipped
    }

    /// The next variant, or `None` at the end.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Format`] for rows with fewer than five columns, [`GenomeError::Value`] for a
    /// position that is no number from 1, [`GenomeError::At`] for an allele that is no sequence.
    pub fn next_variant(&mut self) -> Result<Option<Variant>> {
        loop {
            if let Some(variant) = self.waiting.pop_front() {
                return Ok(Some(variant));
            }
            if !self.lines.advance()? {
                return Ok(None);
            }
            let line = self.lines.current();
            if !line.starts_with(b"#") && !line.trim_ascii().is_empty() {
                self.parse()?;
            }
        }
    }

    fn parse(&mut self) -> Result<()> {
        let place = self.lines.place();
        let text = self.lines.text()?;
        let columns: Vec<&str> = fields(text).take(5).collect();
        let &[chromosome, position, id, reference, alternates] = columns.as_slice() else {
            return Err(GenomeError::format(
                place,
                "at least five columns: CHROM, POS, ID, REF, ALT",
            ));
        };
        let start = position
            .parse::<u64>()
            .ok()
            .and_then(|position| position.checked_sub(1))
            .ok_or_else(|| {
                GenomeError::value(
                    place.clone().with_column("POS"),
                    "a position, counted from 1",
                    position,
                )
            })?;
        let allele = |text: &str, column: &str| {
            if text.is_empty() {
                return Err(GenomeError::value(
                    place.clone().with_column(column),
                    "a sequence",
                    text,
                ));
            }
            encode(text.as_bytes())
                .map(|encoded| encoded.codes)
                .map_err(|error| error.at(place.clone().with_column(column)))
        };
        let reference = allele(reference, "REF")?;
        for alternate in alternates.split(',') {
            let reason = match alternate {
                "*" => Some(Skipped::Overlapped),
                "." => Some(Skipped::Missing),
                _ if alternate.starts_with('<') => Some(Skipped::Symbolic),
                _ if alternate.contains(['[', ']']) => Some(Skipped::Breakend),
                _ => None,
            };
            if let Some(reason) = reason {
                *self.skipped.entry(reason).or_default() += 1;
                continue;
            }
            self.waiting.push_back(Variant {
                chromosome: chromosome.to_owned(),
                start,
                id: if id == "." {
                    String::new()
                } else {
                    id.to_owned()
                },
                reference: reference.clone(),
                alternate: allele(alternate, "ALT")?,
                line: self.lines.line_number(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fasta::{FastaReader, Genome};

    fn read(text: &str) -> (Result<Vec<Variant>>, BTreeMap<Skipped, u64>) {
        let text = text.as_bytes().to_vec();
        let lines = LineReader::new("v.vcf", std::io::Cursor::new(text)).unwrap();
        let mut reader = VcfReader::new(lines);
        let mut variants = Vec::new();
        loop {
            match reader.next_variant() {
                Ok(Some(variant)) => variants.push(variant),
                Ok(None) => return (Ok(variants), reader.skipped().clone()),
                Err(error) => return (Err(error), reader.skipped().clone()),
            }
        }
    }

    fn genome() -> Genome {
        let reader = FastaReader::from_reader("g.fa", &b">chr1\nACGTACGTTTGACCA\n"[..]).unwrap();
        Genome::read("g.fa", reader, |_| true).unwrap()
    }

    #[test]
    fn alleles_are_split_or_counted() {
        let (variants, skipped) = read(
            "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n\
             chr1\t5\trs1\tA\tc,*,<DEL>,G]17:198982],T\t.\t.\t.\nchr1\t7\t.\tGTT\tG\nchr1\t8\t.\tT\t.\n",
        );
        let variants = variants.unwrap();
        let shown: Vec<String> = variants.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["chr1:5 A>C", "chr1:5 A>T", "chr1:7 GTT>G"]);
        assert_eq!((variants[0].start, variants[2].line), (4, 4));
        assert_eq!(
            (variants[0].id.as_str(), variants[2].id.as_str()),
            ("rs1", "")
        );
        assert_eq!(skipped.values().sum::<u64>(), 4);
    }

    #[test]
    fn faults_are_placed() {
        for (text, expected) in [
            ("chr1\t5\t.\tA\n", "v.vcf:1: expected at least five columns"),
            (
                "chr1\t0\t.\tA\tC\n",
                "v.vcf:1, `POS`: expected a position, counted from 1, found `0`",
            ),
            (
                "chr1\t3\t.\tA\tC!\n",
                "v.vcf:1, `ALT`: expected a nucleotide",
            ),
        ] {
            let error = read(text).0.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    fn variant(position: u64, reference: &str, alternate: &str) -> Variant {
        Variant {
            chromosome: "chr1".into(),
            start: position - 1,
            id: String::new(),
            reference: encode(reference.as_bytes()).unwrap().codes,
            alternate: encode(alternate.as_bytes()).unwrap().codes,
            line: 1,
        }
    }

    #[test]
    fn reference_alleles_are_checked() {
        let genome = genome();
        let check = |v: Variant| v.check_reference(&genome);
        assert_eq!(check(variant(5, "A", "C")).unwrap(), ReferenceCheck::Match);
        assert_eq!(
            check(variant(5, "C", "A")).unwrap(),
            ReferenceCheck::Swapped
        );
        assert_eq!(
            check(variant(5, "G", "T")).unwrap(),
            ReferenceCheck::Mismatch { found: vec![0] }
        );
        assert!(check(variant(16, "A", "C")).is_err());
    }
}
