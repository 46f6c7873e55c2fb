//! Motifs as position probability matrices, and their log-odds scores.

use crate::alphabet::N;
use crate::draws::Draws;
use crate::error::{GenomeError, Result};
use crate::ersatz::draw_base;

/// Probabilities of A, C, G and T under independence.
pub type Background = [f64; 4];

/// All bases equally likely.
pub const UNIFORM: Background = [0.25; 4];

/// A motif: the probability of each base at each position.
#[derive(Debug, Clone, PartialEq)]
pub struct Motif {
    /// Identifier, for example `MA0004.1`.
    pub id: String,
    /// Name of the factor, for example `Arnt`; may be empty.
    pub name: String,
    /// Probabilities of A, C, G and T, `[w, 4]`; each row sums to 1.
    pub probabilities: Vec<[f64; 4]>,
    /// Sites behind the matrix, where known.
    pub sites: Option<f64>,
}

impl Motif {
    /// A motif from probabilities; rows are scaled to sum to 1.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Argument`] for a negative or missing number, or a row whose sum is off by
    /// more than 1 %.
    pub fn new(id: impl Into<String>, probabilities: Vec<[f64; 4]>) -> Result<Self> {
        let mut probabilities = probabilities;
        for (position, row) in probabilities.iter_mut().enumerate() {
            let total: f64 = row.iter().sum();
            if row.iter().any(|value| *value < 0.0 || value.is_nan()) || (total - 1.0).abs() > 0.01
            {
                return Err(GenomeError::argument(
                    "motif",
                    "probabilities of A, C, G and T that sum to 1 at each position",
                    format_args!("{row:?} at position {position}"),
                ));
            }
            for value in row.iter_mut() {
                *value /= total;
            }
        }
        Ok(Self {
            id: id.into(),
            name: String::new(),
            probabilities,
            sites: None,
        })
    }

    /// A motif that has `probability` on each base of a consensus and the rest equally on the
    /// others.
    ///
    /// # Errors
    ///
    /// [`GenomeError::InvalidBase`]; [`GenomeError::Argument`] unless `0.25 <= probability <= 1`.
    pub fn from_consensus(consensus: &str, probability: f64) -> Result<Self> {
        if !(0.25..=1.0).contains(&probability) {
            return Err(GenomeError::argument(
                "probability",
                "a number from 0.25 to 1",
                probability,
            ));
        }
        let codes = crate::alphabet::encode(consensus.as_bytes())?.codes;
        let rows = codes
            .iter()
            .map(|code| {
                if *code == N {
                    UNIFORM
                } else {
                    let mut row = [(1.0 - probability) / 3.0; 4];
                    row[usize::from(*code)] = probability;
                    row
                }
            })
            .collect();
        Self::new(consensus, rows)
    }

    /// Positions.
    pub fn width(&self) -> usize {
        self.probabilities.len()
    }

    /// The most probable base at each position (the first of equals), as codes.
    pub fn consensus(&self) -> Vec<u8> {
        self.probabilities
            .iter()
            .map(|row| {
                let mut best = 0;
                for base in 1..4 {
                    if row[base] > row[best] {
                        best = base;
                    }
                }
                best as u8
            })
            .collect()
    }

    /// The motif read on the other strand.
    pub fn reverse_complement(&self) -> Self {
        let probabilities = self
            .probabilities
            .iter()
            .rev()
            .map(|row| [row[3], row[2], row[1], row[0]])
            .collect();
        Self {
            probabilities,
            ..self.clone()
        }
    }

    /// A site drawn position by position, by inverse CDF in the order A, C, G, T.
    pub fn sample(&self, draws: &mut Draws) -> Vec<u8> {
        self.probabilities
            .iter()
            .map(|row| draw_base(*row, draws))
            .collect()
    }

    /// Log-odds scores `ln(p' / background)` with `p' = (p + pseudocount * background) / (1 +
    /// pseudocount)`.
    ///
    /// `pseudocount` is a share of one whole site; with 0 an impossible base scores minus infinity.
    pub fn log_odds(&self, background: Background, pseudocount: f64) -> LogOdds {
        LogOdds {
            rows: self
                .probabilities
                .iter()
                .map(|row| {
                    std::array::from_fn(|base| {
                        let p = (row[base] + pseudocount * background[base]) / (1.0 + pseudocount);
                        (p / background[base]).ln()
                    })
                })
                .collect(),
        }
    }
}

/// Log-odds scores of a motif, natural logarithm, `[w, 4]`.
#[derive(Debug, Clone, PartialEq)]
pub struct LogOdds {
    /// Score of A, C, G and T at each position.
    pub rows: Vec<[f64; 4]>,
}

impl LogOdds {
    /// Positions.
    pub fn width(&self) -> usize {
        self.rows.len()
    }

    /// Score of a window of the motif's width; N adds 0.
    pub fn score(&self, window: &[u8]) -> f64 {
        self.rows
            .iter()
            .zip(window)
            .filter(|(_, code)| **code < N)
            .map(|(row, code)| row[usize::from(*code)])
            .sum()
    }

    /// The largest score there is.
    pub fn max_score(&self) -> f64 {
        self.rows
            .iter()
            .map(|row| row.iter().copied().fold(f64::NEG_INFINITY, f64::max))
            .sum()
    }

    /// The largest attainable score t with `P(score >= t) >= tail` at one position and strand.
    ///
    /// The distribution under independent bases is convolved position by position; scores closer
    /// than 1e-9 are merged. It is exact while there are at most 2^17 distinct scores; beyond that
    /// scores are merged on a grid of 1e-6, doubled until they fit (wide motifs: an error well
    /// below 1e-3).
    ///
    /// # Errors
    ///
    /// [`GenomeError::Argument`] unless `0 < tail <= 1`.
    ///
    /// # Examples
    ///
    /// ```
    /// use degu_genome::{Motif, UNIFORM};
    /// // 0.85 on the consensus: ln 3.4 for a match, ln 0.2 for a mismatch.
    /// let scores = Motif::from_consensus("TGACGTCA", 0.85)?.log_odds(UNIFORM, 0.0);
    /// let threshold = scores.threshold(5e-4, UNIFORM)?;
    /// assert!((threshold - 4.124).abs() < 5e-4);
    /// # Ok::<(), degu_genome::GenomeError>(())
    /// ```
    pub fn threshold(&self, tail: f64, background: Background) -> Result<f64> {
        const MOST: usize = 1 << 17;
        if !(tail > 0.0 && tail <= 1.0) {
            return Err(GenomeError::argument(
                "tail",
                "a probability above 0 and at most 1",
                tail,
            ));
        }
        let mut grid = 1e-6;
        let mut scores = vec![(0.0f64, 1.0f64)];
        for row in &self.rows {
            let mut next: Vec<(f64, f64)> = Vec::with_capacity(4 * scores.len());
            for (score, probability) in &scores {
                for base in 0..4 {
                    next.push((score + row[base], probability * background[base]));
                }
            }
            next.sort_by(|a, b| a.0.total_cmp(&b.0));
            merge(&mut next, 1e-9);
            while next.len() > MOST {
                merge(&mut next, grid);
                grid *= 2.0;
            }
            scores = next;
        }
        let mut sum = 0.0;
        for (score, probability) in scores.iter().rev() {
            sum += probability;
            // The sum of many probabilities may miss an exact tail by rounding.
            if sum >= tail * (1.0 - 1e-12) {
                return Ok(*score);
            }
        }
        Ok(scores.first().map_or(0.0, |first| first.0))
    }
}

/// Merges sorted scores closer than `distance` to the first of their run.
fn merge(scores: &mut Vec<(f64, f64)>, distance: f64) {
    scores.dedup_by(|later, kept| {
        let same = later.0 - kept.0 <= distance || later.0.total_cmp(&kept.0).is_eq();
        if same {
            kept.1 += later.1;
        }
        same
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alphabet::encode;

    #[test]
    fn information_and_consensus() {
        let motif = Motif::new(
            "m",
            vec![[1.0, 0.0, 0.0, 0.0], UNIFORM, [0.0, 0.5, 0.5, 0.0]],
        )
        .unwrap();
        assert_eq!(motif.consensus(), [0, 0, 1]);
        assert_eq!(motif.reverse_complement().consensus(), [1, 0, 3]);
        assert!(Motif::new("m", vec![[0.5, 0.1, 0.1, 0.1]]).is_err());
    }

    #[test]
    fn the_consensus_scores_most() {
        let scores = Motif::from_consensus("GATTACA", 0.7)
            .unwrap()
            .log_odds(UNIFORM, 0.1);
        let best = encode(b"GATTACA").unwrap().codes;
        assert!((scores.score(&best) - scores.max_score()).abs() < 1e-12);
    }

    /// Thresholds of the published simulator: binomial(w, 3/4) mismatches, score w a - k (a - b).
    #[test]
    fn thresholds_of_two_valued_motifs() {
        let consensus = [
            "AGATAAG",
            "TGACTCA",
            "GGGGCGGGG",
            "TGACGTCA",
            "ACCGGAAGT",
            "GCGCATGCGC",
            "CACGTG",
            "CAAAGTCCA",
            "TGTTTAC",
            "CCACCAGGGGG",
            "AAGATGGCGGC",
            "TTTCCGGAA",
        ];
        let expected = [
            5.7332, 5.7332, 5.3476, 4.1238, 5.3476, 3.7381, 4.5094, 5.3476, 5.7332, 4.9619, 4.9619,
            5.3476,
        ];
        for (text, threshold) in consensus.iter().zip(expected) {
            let scores = Motif::from_consensus(text, 0.85)
                .unwrap()
                .log_odds(UNIFORM, 0.0);
            let found = scores.threshold(5e-4, UNIFORM).unwrap();
            assert!(
                (found - threshold).abs() < 1e-4,
                "{text}: {found} {threshold}"
            );
        }
    }

    #[test]
    fn thresholds_match_enumeration() {
        let rows = vec![
            [0.5, 0.2, 0.2, 0.1],
            [0.1, 0.6, 0.2, 0.1],
            [0.3, 0.3, 0.1, 0.3],
            [0.05, 0.05, 0.1, 0.8],
        ];
        let background = [0.3, 0.2, 0.2, 0.3];
        let scores = Motif::new("m", rows).unwrap().log_odds(background, 0.0);
        let mut all: Vec<(f64, f64)> = (0..256u32)
            .map(|word| {
                let codes: Vec<u8> = (0..4).map(|i| ((word >> (2 * i)) & 3) as u8).collect();
                let p = codes
                    .iter()
                    .map(|code| background[usize::from(*code)])
                    .product();
                (scores.score(&codes), p)
            })
            .collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        for tail in [0.001, 0.01, 0.1, 0.5, 1.0] {
            let mut sum = 0.0;
            let expected = all
                .iter()
                .find(|(_, p)| {
                    sum += p;
                    sum >= tail * (1.0 - 1e-12)
                })
                .unwrap()
                .0;
            let found = scores.threshold(tail, background).unwrap();
            assert!((found - expected).abs() < 1e-8, "{tail}");
        }
        assert!(scores.threshold(0.0, background).is_err());
    }

    #[test]
    fn samples_follow_the_matrix() {
        let motif = Motif::from_consensus("ACG", 0.85).unwrap();
        let mut draws = Draws::new([2; 32]);
        let matches = (0..10_000)
            .map(|_| motif.sample(&mut draws))
            .filter(|site| site[1] == 1)
            .count();
        assert!(
            matches.abs_diff(8500) < 180,
            "{matches}: 5 sd of a binomial"
        ); // sd 36
    }
}
