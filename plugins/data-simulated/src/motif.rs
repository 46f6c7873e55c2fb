use degu_genome::{complement, encode};

/// Consensus sequences of the reference motifs.
pub const REFERENCE_MOTIFS: [&str; 12] = [
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

/// Consensus sequences of the compact programme: two activators and a repressor.
pub const COMPACT_MOTIFS: [&str; 3] = ["GGGGCGGGG", "TGACTCA", "TTTATTTA"];

/// Probability of the consensus base; the others share the rest.
const CONSENSUS: f64 = 0.85;
/// Nats: how sharply a site counts once its score passes the threshold.
const SOFTNESS: f64 = 0.5;
/// Sites per position and strand on a uniform background that pass the threshold.
const FALSE_POSITIVE_RATE: f64 = 5e-4;

/// A motif with its threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Motif {
    name: String,
    /// Base probabilities, `[W, 4]`.
    probabilities: Vec<[f64; 4]>,
    /// Log-likelihood ratios against a uniform background in nats, `[W, 5]`; N scores 0.
    ratios: Vec<[f64; 5]>,
    threshold: f64,
}

impl Motif {
    /// The motif of a consensus sequence; letters other than A, C, G and T become uninformative
    /// rows.
    pub fn of_consensus(consensus: &str) -> Self {
        let probabilities: Vec<[f64; 4]> = consensus
            .bytes()
            .map(|letter| match encode(&[letter]).map(|e| e.codes[0]) {
                Ok(code @ 0..4) => {
                    let mut row = [(1.0 - CONSENSUS) / 3.0; 4];
                    row[usize::from(code)] = CONSENSUS;
                    row
                }
                _ => [0.25; 4],
            })
            .collect();
        let ratios: Vec<[f64; 5]> = probabilities
            .iter()
            .map(|row| {
                let mut out = [0.0; 5];
                for (ratio, p) in out.iter_mut().zip(row) {
                    *ratio = libm::log(p / 0.25);
                }
                out
            })
            .collect();
        let threshold = exact_threshold(&ratios);
        Self {
            name: consensus.to_owned(),
            probabilities,
            ratios,
            threshold,
        }
    }

    /// The same motif with another threshold, in nats.
    pub fn with_threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }

    /// The consensus sequence.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Width in bp.
    pub fn width(&self) -> usize {
        self.probabilities.len()
    }

    /// Base probabilities, `[W, 4]`.
    pub fn probabilities(&self) -> &[[f64; 4]] {
        &self.probabilities
    }

    /// Score in nats at which a site counts one half: the largest attainable score that at least 5
    /// in 10,000 random sites reach.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Soft count of sites on both strands; palindromic sites count twice.
    pub fn occupancy(&self, codes: &[u8]) -> f64 {
        let width = self.width();
        codes
            .windows(width)
            .map(|site| {
                let (mut forward, mut reverse) = (0.0, 0.0);
                for (j, code) in site.iter().enumerate() {
                    forward += self.ratios[j][usize::from(*code)];
                    reverse += self.ratios[width - 1 - j][usize::from(complement(*code))];
                }
                self.passed(forward) + self.passed(reverse)
            })
            .sum()
    }

    fn passed(&self, score: f64) -> f64 {
        let z = ((score - self.threshold) / SOFTNESS).clamp(-40.0, 40.0);
        1.0 / (1.0 + libm::exp(-z))
    }
}

/// The largest attainable score `t` with `P(score >= t) >= 5e-4` on a uniform background: the
/// distributions of the rows are convolved, scores closer than 1e-9 being one.
fn exact_threshold(ratios: &[[f64; 5]]) -> f64 {
    let mut distribution = vec![(0.0, 1.0)];
    for row in ratios {
        let mut next: Vec<(f64, f64)> = distribution
            .iter()
            .flat_map(|(score, p)| row[..4].iter().map(move |ratio| (score + ratio, p / 4.0)))
            .collect();
        next.sort_by(|a, b| a.0.total_cmp(&b.0));
        next.dedup_by(|later, first| {
            let same = later.0 - first.0 < 1e-9;
            if same {
                first.1 += later.1;
            }
            same
        });
        distribution = next;
    }
    let mut tail = 0.0;
    for (score, p) in distribution.iter().rev() {
        tail += p;
        if tail >= FALSE_POSITIVE_RATE {
            return *score;
        }
    }
    distribution.first().map_or(0.0, |(score, _)| *score)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_follow_the_binomial_distribution_of_mismatches() {
        // A score is w ln(3.4) - k ln(17) with k mismatches, k ~ binomial(w, 3/4).
        for consensus in REFERENCE_MOTIFS {
            let w = consensus.len();
            let mut tail = 0.0;
            let mut ways = 1.0;
            let mut k = 0;
            loop {
                tail += ways * 0.75f64.powi(k) * 0.25f64.powi(w as i32 - k);
                if tail >= FALSE_POSITIVE_RATE {
                    break;
                }
                ways = ways * (w as f64 - f64::from(k)) / f64::from(k + 1);
                k += 1;
            }
            let expected = w as f64 * 3.4f64.ln() - f64::from(k) * 17f64.ln();
            let found = Motif::of_consensus(consensus).threshold();
            assert!(
                (found - expected).abs() < 1e-9,
                "{consensus}: {found}, {expected}"
            );
        }
        assert!((Motif::of_consensus("TGACGTCA").threshold() - 4.124).abs() < 5e-4);
    }

    #[test]
    fn an_unknown_base_scores_nothing() {
        let motif = Motif::of_consensus("CACGTG");
        let codes = encode(b"CACNTG").unwrap().codes;
        let expected = 2.0 * motif.passed(5.0 * 3.4f64.ln());
        assert!((motif.occupancy(&codes) - expected).abs() < 1e-12);
        assert!(
            motif.occupancy(&codes[..5]).abs() < 1e-12,
            "shorter than the motif"
        );
    }
}
