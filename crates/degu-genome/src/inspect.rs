//! What a set of sequences is made of, before anything is trained on it.

use std::collections::BTreeMap;

use crate::alphabet::{N, canonical, gc_content};

/// Bins of the GC histogram.
pub const GC_BINS: usize = 20;

/// Summary of a set of sequences.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SequenceSummary {
    /// Sequences.
    pub count: usize,
    /// How many sequences have each length, bp.
    pub lengths: BTreeMap<usize, usize>,
    /// Counts of A, C, G, T and N.
    pub bases: [u64; 5],
    /// Sequences with at least one N.
    pub with_n: usize,
    /// Sequences by GC content in 20 bins of 0.05 (the last holds 1.0); those without a known base
    /// are left out.
    pub gc_histogram: [usize; GC_BINS],
    /// Mean of the GC content over sequences; NaN without a known base.
    pub gc_mean: f64,
    /// Standard deviation of the GC content over sequences (ddof 1); NaN below two sequences.
    pub gc_sd: f64,
    /// Rows that repeat an earlier sequence on the same strand.
    pub exact_duplicates: usize,
    /// Rows that repeat an earlier sequence only as its reverse complement.
    pub reverse_complements: usize,
}

impl SequenceSummary {
    /// Summarizes base codes.
    ///
    /// # Examples
    ///
    /// ```
    /// use degu_genome::{SequenceSummary, encode};
    /// let rows = ["ACGG", "ACGG", "CCGT", "NNNN"];
    /// let rows = rows.map(|text| encode(text.as_bytes()).unwrap().codes);
    /// let summary = SequenceSummary::of(&rows);
    /// assert_eq!(summary.lengths[&4], 4);
    /// assert_eq!((summary.exact_duplicates, summary.reverse_complements), (1, 1));
    /// assert_eq!(summary.with_n, 1);
    /// ```
    pub fn of<S: AsRef<[u8]>>(sequences: &[S]) -> Self {
        let mut summary = Self {
            count: sequences.len(),
            ..Self::default()
        };
        let mut gc = Vec::with_capacity(sequences.len());
        // Canonical sequence -> which strands were seen.
        let mut seen: BTreeMap<Vec<u8>, Vec<&[u8]>> = BTreeMap::new();
        for sequence in sequences {
            let codes = sequence.as_ref();
            *summary.lengths.entry(codes.len()).or_default() += 1;
            for code in codes {
                summary.bases[usize::from((*code).min(N))] += 1;
            }
            summary.with_n += usize::from(codes.iter().any(|code| *code >= N));
            if let Some(share) = gc_content(codes) {
                let bin = (share * GC_BINS as f64) as usize;
                summary.gc_histogram[bin.min(GC_BINS - 1)] += 1;
                gc.push(share);
            }
            let strands = seen.entry(canonical(codes)).or_default();
            if strands.contains(&codes) {
                summary.exact_duplicates += 1;
            } else if strands.is_empty() {
                strands.push(codes);
            } else {
                summary.reverse_complements += 1;
                strands.push(codes);
            }
        }
        let n = gc.len() as f64;
        summary.gc_mean = gc.iter().sum::<f64>() / n;
        let squares: f64 = gc
            .iter()
            .map(|share| (share - summary.gc_mean).powi(2))
            .sum();
        summary.gc_sd = if gc.len() > 1 {
            (squares / (n - 1.0)).sqrt()
        } else {
            f64::NAN
        };
        summary
    }
}

/// Identifiers that occur more than once, with the rows (from 0) that hold them.
pub fn duplicate_ids<S: AsRef<str>>(ids: &[S]) -> BTreeMap<&str, Vec<usize>> {
    let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, id) in ids.iter().enumerate() {
        rows.entry(id.as_ref()).or_default().push(row);
    }
    rows.retain(|_, rows| rows.len() > 1);
    rows
}

/// Agreement of two replicates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplicateAgreement {
    /// Number of the first replicate.
    pub first: usize,
    /// Number of the second.
    pub second: usize,
    /// Rows that both measured.
    pub rows: usize,
    /// Pearson correlation over those rows; NaN below two rows or without spread.
    pub pearson: f64,
}

/// Pearson correlation of every pair of replicates over the rows that both measured.
///
/// # Shapes
///
/// * `replicates` - R columns of the same length, NaN where a row was not measured
/// * returns R (R - 1) / 2 pairs, in the order (0, 1), (0, 2), ...
pub fn replicate_agreement<S: AsRef<[f64]>>(replicates: &[S]) -> Vec<ReplicateAgreement> {
    let mut pairs = Vec::new();
    for first in 0..replicates.len() {
        for second in first + 1..replicates.len() {
            let both: Vec<(f64, f64)> = replicates[first]
                .as_ref()
                .iter()
                .copied()
                .zip(replicates[second].as_ref().iter().copied())
                .filter(|(a, b)| !a.is_nan() && !b.is_nan())
                .collect();
            pairs.push(ReplicateAgreement {
                first,
                second,
                rows: both.len(),
                pearson: pearson(&both),
            });
        }
    }
    pairs
}

fn pearson(pairs: &[(f64, f64)]) -> f64 {
    let n = pairs.len() as f64;
    let mean_a = pairs.iter().map(|(a, _)| a).sum::<f64>() / n;
    let mean_b = pairs.iter().map(|(_, b)| b).sum::<f64>() / n;
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        aa += (a - mean_a).powi(2);
        bb += (b - mean_b).powi(2);
        ab += (a - mean_a) * (b - mean_b);
    }
    if aa > 0.0 && bb > 0.0 {
        ab / (aa * bb).sqrt()
    } else {
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alphabet::encode;

    #[test]
    fn summary_of_a_small_set() {
        let rows = ["AAAA", "GGCC", "GGCC", "ACGTN", "NN", "TTTT"]
            .map(|text| encode(text.as_bytes()).unwrap().codes);
        let summary = SequenceSummary::of(&rows);
        assert_eq!(summary.lengths, [(2, 1), (4, 4), (5, 1)].into());
        assert_eq!(summary.bases, [5, 5, 5, 5, 3]);
        assert_eq!(summary.with_n, 2);
        assert_eq!(
            (
                summary.gc_histogram[0],
                summary.gc_histogram[10],
                summary.gc_histogram[19]
            ),
            (2, 1, 2)
        );
        assert!((summary.gc_mean - 0.5).abs() < 1e-12);
        assert!((summary.gc_sd - 0.5).abs() < 1e-12);
        // GGCC is its own reverse complement: a repetition, not a strand pair.
        assert_eq!(
            (summary.exact_duplicates, summary.reverse_complements),
            (1, 1)
        );
        assert!(SequenceSummary::of::<Vec<u8>>(&[]).gc_mean.is_nan());
    }

    #[test]
    fn duplicates_and_replicates() {
        assert_eq!(duplicate_ids(&["a", "b", "a"]), [("a", vec![0, 2])].into());
        let x = [1.0, 2.0, 3.0, f64::NAN];
        let y = [2.0, 4.0, 6.0, 1.0];
        let z = [1.0, f64::NAN, -1.0, 0.0];
        let pairs = replicate_agreement(&[&x[..], &y, &z]);
        assert_eq!((pairs[0].rows, pairs[1].rows, pairs[2].rows), (3, 2, 3));
        assert!((pairs[0].pearson - 1.0).abs() < 1e-12);
        assert!((pairs[1].pearson + 1.0).abs() < 1e-12);
        assert!(
            replicate_agreement(&[[1.0, 1.0], [1.0, 2.0]])[0]
                .pearson
                .is_nan()
        );
    }
}
