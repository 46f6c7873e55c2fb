//! Scanning sequences for motifs on both strands.

use rayon::prelude::*;

use crate::alphabet::N;
use crate::motif::LogOdds;

/// A strand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strand {
    /// `+`
    Forward,
    /// `-`
    Reverse,
}

impl std::fmt::Display for Strand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Forward => "+",
            Self::Reverse => "-",
        })
    }
}

/// A window that scores well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Number of the sequence.
    pub sequence: usize,
    /// Number of the motif.
    pub motif: usize,
    /// First position of the window, on the forward strand.
    pub start: usize,
    /// Strand on which the motif reads.
    pub strand: Strand,
    /// Log-odds score, natural logarithm.
    pub score: f64,
}

/// Scores of both strands for every three neighbouring bases (5^3 of them, N adds 0), padded
/// to 128.
type Triplets = [[f64; 2]; 128];

/// Motifs ready to scan with: three positions and both strands take one table look-up.
///
/// Scores are sums of threes and equal [`LogOdds::score`] up to rounding (1e-14 relative).
///
/// # Examples
///
/// ```
/// use degu_genome::{Motif, Scanner, Strand, UNIFORM, encode};
/// let scores = Motif::from_consensus("GATTACA", 0.9)?.log_odds(UNIFORM, 0.0);
/// let scanner = Scanner::new(&[scores]);
/// let sequence = encode(b"CCCTGTAATCCC")?.codes; // TGTAATC is GATTACA on the other strand
/// let hits = scanner.hits(&[sequence], &[8.0]);
/// assert_eq!((hits.len(), hits[0].start, hits[0].strand), (1, 3, Strand::Reverse));
/// # Ok::<(), degu_genome::GenomeError>(())
/// ```
pub struct Scanner {
    motifs: Vec<(usize, Vec<Triplets>)>,
}

impl Scanner {
    /// Builds the look-up tables.
    pub fn new(motifs: &[LogOdds]) -> Self {
        Self {
            motifs: motifs
                .iter()
                .map(|motif| (motif.width(), triplet_tables(motif)))
                .collect(),
        }
    }

    /// Number of motifs.
    pub fn motifs(&self) -> usize {
        self.motifs.len()
    }

    /// All windows that reach the threshold of their motif, by sequence, motif, start and strand.
    ///
    /// # Panics
    ///
    /// If there are fewer thresholds than motifs.
    pub fn hits<S: AsRef<[u8]> + Sync>(&self, sequences: &[S], thresholds: &[f64]) -> Vec<Hit> {
        assert!(
            thresholds.len() >= self.motifs.len(),
            "one threshold for each motif"
        );
        sequences
            .par_iter()
            .enumerate()
            .flat_map_iter(|(sequence, codes)| {
                let triplets = triplets(codes.as_ref());
                let mut hits = Vec::new();
                for (motif, (width, tables)) in self.motifs.iter().enumerate() {
                    each_window(&triplets, *width, tables, |start, strand, score| {
                        if score >= thresholds[motif] {
                            hits.push(Hit {
                                sequence,
                                motif,
                                start,
                                strand,
                                score,
                            });
                        }
                    });
                }
                hits
            })
            .collect()
    }
}

fn triplet_tables(motif: &LogOdds) -> Vec<Triplets> {
    let width = motif.width();
    let value = |position: usize, code: usize| {
        if position >= width || code >= usize::from(N) {
            [0.0, 0.0]
        } else {
            [
                motif.rows[position][code],
                motif.rows[width - 1 - position][3 - code],
            ]
        }
    };
    (0..width.div_ceil(3))
        .map(|group| {
            let mut table = [[0.0; 2]; 128];
            for (index, entry) in table.iter_mut().enumerate().take(125) {
                for (offset, code) in [index / 25, index / 5 % 5, index % 5]
                    .into_iter()
                    .enumerate()
                {
                    let [forward, reverse] = value(3 * group + offset, code);
                    entry[0] += forward;
                    entry[1] += reverse;
                }
            }
            table
        })
        .collect()
}

/// Index of the three bases from each position, with N beyond the end.
fn triplets(codes: &[u8]) -> Vec<u8> {
    let at = |position: usize| codes.get(position).map_or(N, |code| (*code).min(N));
    (0..codes.len())
        .map(|position| 25 * at(position) + 5 * at(position + 1) + at(position + 2))
        .collect()
}

#[inline]
fn each_window(
    triplets: &[u8],
    width: usize,
    tables: &[Triplets],
    mut visit: impl FnMut(usize, Strand, f64),
) {
    if width == 0 || triplets.len() < width {
        return;
    }
    for start in 0..=triplets.len() - width {
        let (mut forward, mut reverse) = (0.0, 0.0);
        for (table, index) in tables.iter().zip(triplets[start..].iter().step_by(3)) {
            let entry = &table[usize::from(*index) & 127];
            forward += entry[0];
            reverse += entry[1];
        }
        visit(start, Strand::Forward, forward);
        visit(start, Strand::Reverse, reverse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alphabet::reverse_complement;
    use crate::draws::Draws;
    use crate::ersatz::random_sequence;
    use crate::motif::{Motif, UNIFORM};

    #[test]
    fn scores_equal_the_direct_sums_for_every_width() {
        let mut draws = Draws::new([5; 32]);
        for width in 1..=10 {
            let rows: Vec<[f64; 4]> = (0..width)
                .map(|_| {
                    let values: [f64; 4] = std::array::from_fn(|_| draws.unit() + 0.01);
                    values.map(|value| value / values.iter().sum::<f64>())
                })
                .collect();
            let scores = Motif::new("m", rows).unwrap().log_odds(UNIFORM, 0.0);
            let mut codes = random_sequence(40, UNIFORM, &mut draws).unwrap();
            codes[11] = N;
            let scanner = Scanner::new(std::slice::from_ref(&scores));
            let hits = scanner.hits(&[&codes], &[f64::NEG_INFINITY]);
            assert_eq!(hits.len(), 2 * (41 - width));
            for hit in &hits {
                let window = &codes[hit.start..hit.start + width];
                let direct = match hit.strand {
                    Strand::Forward => scores.score(window),
                    Strand::Reverse => scores.score(&reverse_complement(window)),
                };
                assert!((hit.score - direct).abs() < 1e-12, "{hit:?}");
            }
        }
    }

    #[test]
    fn short_sequences_have_no_hit() {
        let scores = Motif::from_consensus("ACGTA", 0.9)
            .unwrap()
            .log_odds(UNIFORM, 0.0);
        let scanner = Scanner::new(&[scores]);
        assert!(
            scanner
                .hits(&[vec![0u8; 4], vec![]], &[f64::NEG_INFINITY])
                .is_empty()
        );
        assert_eq!(scanner.motifs(), 1);
    }
}
