//! The windows of a variant's two alleles.

use crate::bases::Bases;
use crate::error::{GenomeError, Result};
use crate::vcf::Variant;

/// Which flank of an insertion or deletion keeps its place in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Anchor {
    /// The bases before the variant stay; the window is filled up, or cut, on the right.
    #[default]
    Right,
    /// The bases after the variant stay; the window is filled up, or cut, on the left.
    Left,
}

/// What is done with a window that leaves its chromosome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Edge {
    /// [`GenomeError::OutOfRange`].
    #[default]
    Refuse,
    /// Positions outside are N.
    Pad,
}

/// Where a variant sits in its window.
///
/// | field | range | purpose |
/// |---|---|---|
/// | `length` | 1 .. | bp of the window |
/// | `offset` | 0 .. `length` | base of the window that is the variant's first |
/// | `anchor` | | flank of an indel that stays |
/// | `edge` | | windows that leave the chromosome |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlleleWindow {
    /// bp of the window.
    pub length: usize,
    /// Base of the window that is the variant's first.
    pub offset: usize,
    /// Flank of an indel that stays.
    pub anchor: Anchor,
    /// Windows that leave the chromosome.
    pub edge: Edge,
}

impl AlleleWindow {
    /// A window with the variant's first base at `length/2 - 1` (0 for one base), anchored on the
    /// right, inside of the chromosome.
    pub fn centered(length: usize) -> Self {
        Self {
            length,
            offset: (length / 2).saturating_sub(1),
            anchor: Anchor::default(),
            edge: Edge::default(),
        }
    }

    /// First position of the window on the chromosome; negative where it begins before it.
    pub fn start(&self, variant: &Variant) -> i64 {
        variant.start as i64 - self.offset as i64
    }

    /// Codes of the reference and of the alternate allele, `length` each.
    ///
    /// The window of the reference is a stretch of the genome whatever the anchor. Substitutions of
    /// equal length replace bases. Anchored on the right, both alleles begin at `offset`, a
    /// deletion is filled up from the genome on the right and an insertion pushes bases out there.
    /// Anchored on the left, the bases after the variant keep their place and the same happens on
    /// the left.
    ///
    /// # Errors
    ///
    /// [`GenomeError::OutOfRange`] if a window leaves the chromosome and [`Edge::Refuse`]s to;
    /// [`GenomeError::Argument`] unless `offset < length`, or if the reference allele does not fit
    /// behind `offset`; what the genome says.
    pub fn of(
        &self,
        variant: &Variant,
        genome: &(impl Bases + ?Sized),
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        let (reference, alternate) = (variant.reference.len(), variant.alternate.len());
        if self.offset >= self.length {
            return Err(GenomeError::argument(
                "offset",
                "a base within the window",
                self.offset,
            ));
        }
        if self.offset + reference > self.length {
            return Err(GenomeError::argument(
                "variant",
                "a reference allele that fits into the window",
                format_args!(
                    "{reference} bp from base {} of {}",
                    self.offset, self.length
                ),
            ));
        }
        let (start, after) = (
            self.start(variant),
            (variant.start as i64) + reference as i64,
        );
        let take = |from: i64, to: i64| -> Result<Vec<u8>> {
            if from >= to {
                return Ok(Vec::new());
            }
            let length = genome.length(&variant.chromosome)? as i64;
            if self.edge == Edge::Refuse && (from < 0 || to > length) {
                return Err(GenomeError::OutOfRange {
                    name: variant.chromosome.clone(),
                    start: from.max(0) as u64,
                    end: to as u64,
                    length: length as u64,
                });
            }
            genome.padded(&variant.chromosome, from, to)
        };
        let behind = (self.length - self.offset - reference) as i64;
        let left = take(start, variant.start as i64)?;
        let right = take(after, after + behind)?;
        let whole = [&left[..], &variant.reference, &right].concat();
        let mut changed = match self.anchor {
            Anchor::Right => {
                let rest = (self.length - self.offset).saturating_sub(alternate) as i64;
                [left, variant.alternate.clone(), take(after, after + rest)?].concat()
            }
            Anchor::Left => {
                let before = (self.offset + reference).saturating_sub(alternate) as i64;
                let first = variant.start as i64;
                [
                    take(first - before, first)?,
                    variant.alternate.clone(),
                    right,
                ]
                .concat()
            }
        };
        match self.anchor {
            Anchor::Right => changed.truncate(self.length),
            Anchor::Left => {
                changed.drain(..changed.len() - self.length);
            }
        }
        Ok((whole, changed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alphabet::{decode, encode};
    use crate::fasta::{FastaReader, Genome};

    fn genome() -> Genome {
        let reader = FastaReader::from_reader("g.fa", &b">chr1\nACGTACGTTTGACCA\n"[..]).unwrap();
        Genome::read("g.fa", reader, |_| true).unwrap()
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

    fn both(v: &Variant, anchor: Anchor, edge: Edge) -> Result<(String, String)> {
        let window = AlleleWindow {
            length: 8,
            offset: 3,
            anchor,
            edge,
        };
        let (reference, alternate) = window.of(v, &genome())?;
        assert_eq!((reference.len(), alternate.len()), (8, 8));
        Ok((decode(&reference), decode(&alternate)))
    }

    #[test]
    fn substitutions_do_not_depend_on_the_anchor() {
        for anchor in [Anchor::Right, Anchor::Left] {
            assert_eq!(
                both(&variant(5, "AC", "GG"), anchor, Edge::Refuse).unwrap(),
                ("CGTACGTT".into(), "CGTGGGTT".into())
            );
        }
    }

    #[test]
    fn indels_move_the_flank_that_is_not_anchored() {
        // ACGTACGTTTGACCA
        let deletion = variant(5, "ACG", "A");
        assert_eq!(
            both(&deletion, Anchor::Right, Edge::Refuse).unwrap().1,
            "CGTATTTG"
        );
        let error = both(&deletion, Anchor::Left, Edge::Refuse).unwrap_err();
        assert!(matches!(error, GenomeError::OutOfRange { .. }), "{error}");
        assert_eq!(
            both(&deletion, Anchor::Left, Edge::Pad).unwrap(),
            ("CGTACGTT".into(), "NACGTATT".into())
        );
        let insertion = variant(5, "A", "AGG");
        assert_eq!(
            both(&insertion, Anchor::Right, Edge::Refuse).unwrap().1,
            "CGTAGGCG"
        );
        assert_eq!(
            both(&insertion, Anchor::Left, Edge::Refuse).unwrap().1,
            "TAGGCGTT"
        );
        let longer = variant(5, "A", "AGGGGGGGGGGC");
        assert_eq!(
            both(&longer, Anchor::Right, Edge::Refuse).unwrap().1,
            "CGTAGGGG"
        );
        assert_eq!(
            both(&longer, Anchor::Left, Edge::Refuse).unwrap().1,
            "GGGCCGTT"
        );
    }

    #[test]
    fn a_whole_base_may_be_lost() {
        let lost = variant(5, "A", "");
        assert_eq!(
            both(&lost, Anchor::Right, Edge::Refuse).unwrap().1,
            "CGTCGTTT"
        );
        assert_eq!(
            both(&lost, Anchor::Left, Edge::Refuse).unwrap().1,
            "ACGTCGTT"
        );
    }

    #[test]
    fn windows_at_the_ends_are_refused_or_padded() {
        for position in [2, 12] {
            let v = variant(position, if position == 2 { "C" } else { "A" }, "G");
            assert!(both(&v, Anchor::Right, Edge::Refuse).is_err());
        }
        assert_eq!(
            both(&variant(2, "C", "G"), Anchor::Right, Edge::Pad).unwrap(),
            ("NNACGTAC".into(), "NNAGGTAC".into())
        );
        assert_eq!(
            both(&variant(15, "A", "T"), Anchor::Right, Edge::Pad).unwrap(),
            ("ACCANNNN".into(), "ACCTNNNN".into())
        );
        let wide = variant(5, "ACGTTT", "A");
        assert!(both(&wide, Anchor::Right, Edge::Pad).is_err());
    }
}
