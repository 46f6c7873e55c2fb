//! Near-duplicate sequences: clusters for splits, and leakage between two sets.
//!
//! Two sequences are near-duplicates if, on either strand, they share at least a quarter of their
//! sampled 16-mers (shared divided by the smaller count; a 16-mer that occurs twice counts twice,
//! so that one short repeat does not tie every sequence that holds a bit of it to all others). A
//! 16-mer is represented by the smaller of itself and its reverse complement and is sampled if its
//! hash falls into the lowest quarter (FracMinHash), so a k-mer is sampled in all sequences or in
//! none and shares are unbiased. Overlapping tiles, repeats and both orientations of an element
//! come out as one cluster.
//!
//! # Determinism
//!
//! The hash is fixed; nothing is drawn at random and the number of threads changes nothing.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::alphabet::canonical;
use crate::kmers::{Index, Kmers, Scratch};
use crate::union::Union;

/// How near-duplicates are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearDuplicates {
    /// One in `sampling` k-mers is looked at; 1 looks at all.
    pub sampling: u64,
    /// Share of the smaller set of sampled k-mers that two near-duplicates have in common, in (0,
    /// 1].
    pub share: f64,
    /// In the list of sequences that hold one k-mer, each is compared with at most this many that
    /// follow. Bounds the work for k-mers of low-complexity sequence that thousands have in common;
    /// sequences that are alike throughout still end up in one cluster through their neighbours.
    pub neighbors: usize,
}

impl Default for NearDuplicates {
    fn default() -> Self {
        Self {
            sampling: 4,
            share: 0.25,
            neighbors: 1000,
        }
    }
}

impl NearDuplicates {
    /// Cluster of each sequence: single linkage of exact duplicates, reverse complements and
    /// near-duplicates.
    ///
    /// # Shapes
    ///
    /// * `sequences` - base codes, N sequences of any lengths
    /// * returns cluster numbers, `[N]`, counted from 0 in the order of first appearance
    ///
    /// # Examples
    ///
    /// ```
    /// use degu_genome::{Draws, NearDuplicates, random_sequence, reverse_complement};
    /// let mut draws = Draws::new([0; 32]);
    /// let a = random_sequence(200, [0.25; 4], &mut draws)?;
    /// let b = random_sequence(200, [0.25; 4], &mut draws)?;
    /// let clusters = NearDuplicates::default().clusters(&[a.clone(), b, reverse_complement(&a)]);
    /// assert_eq!(clusters, [0, 1, 0]);
    /// # Ok::<(), degu_genome::GenomeError>(())
    /// ```
    pub fn clusters<S: AsRef<[u8]> + Sync>(&self, sequences: &[S]) -> Vec<u32> {
        let mut union = Union::new(sequences.len());
        // Exact duplicates and reverse complements first: only one of each goes on.
        let mut unique: Vec<u32> = Vec::new();
        let mut first: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        for (row, sequence) in sequences.iter().enumerate() {
            let key = canonical(sequence.as_ref());
            if let Some(earlier) = first.get(&key) {
                union.join(*earlier, row as u32);
            } else {
                first.insert(key, row as u32);
                unique.push(row as u32);
            }
        }
        drop(first);
        let sampled = self.sampled(sequences, &unique);
        let index = Index::new(&sampled);
        let pairs: Vec<(u32, u32)> = (0..sampled.len())
            .into_par_iter()
            .map_init(
                || Scratch::new(sampled.len()),
                |scratch, query| {
                    scratch
                        .count(
                            &sampled[query],
                            |kmer| index.after(kmer, query as u32, self.neighbors),
                            |other, shared| {
                                self.alike(shared, sampled[query].total, sampled[other].total)
                            },
                        )
                        .into_iter()
                        .map(|other| (query as u32, other))
                        .collect::<Vec<_>>()
                },
            )
            .flatten()
            .collect();
        for (a, b) in pairs {
            union.join(unique[a as usize], unique[b as usize]);
        }
        union.labels()
    }

    /// What of `test` is also in `train`.
    ///
    /// Every k-mer list is searched in full here, so the count is exact (up to sampling) and,
    /// unlike a cluster, not transitive.
    pub fn leakage<S: AsRef<[u8]> + Sync, T: AsRef<[u8]> + Sync>(
        &self,
        train: &[S],
        test: &[T],
    ) -> Leakage {
        let mut by_key: BTreeMap<Vec<u8>, Vec<u32>> = BTreeMap::new();
        for (row, sequence) in train.iter().enumerate() {
            let rows = by_key.entry(canonical(sequence.as_ref())).or_default();
            rows.push(row as u32);
        }
        let all: Vec<u32> = (0..train.len() as u32).collect();
        let sampled = self.sampled(train, &all);
        let index = Index::new(&sampled);
        let found: Vec<Found> = test
            .par_iter()
            .map_init(
                || Scratch::new(sampled.len()),
                |scratch, sequence| {
                    let codes = sequence.as_ref();
                    if let Some(rows) = by_key.get(&canonical(codes)) {
                        let exact = rows
                            .iter()
                            .find(|row| train[**row as usize].as_ref() == codes);
                        return match exact {
                            Some(row) => Found::Exact(*row as usize),
                            None => Found::ReverseComplement(rows[0] as usize),
                        };
                    }
                    let kmers = Kmers::sample(codes, self.sampling);
                    let near = scratch.count(
                        &kmers,
                        |kmer| index.all(kmer),
                        |other, shared| self.alike(shared, kmers.total, sampled[other].total),
                    );
                    near.into_iter()
                        .min()
                        .map_or(Found::Nothing, |row| Found::Near(row as usize))
                },
            )
            .collect();
        let mut leakage = Leakage::default();
        for (row, found) in found.into_iter().enumerate() {
            match found {
                Found::Exact(other) => leakage.exact.push((other, row)),
                Found::ReverseComplement(other) => leakage.reverse_complement.push((other, row)),
                Found::Near(other) => leakage.near_duplicate.push((other, row)),
                Found::Nothing => {}
            }
        }
        leakage
    }

    fn alike(&self, shared: u32, a: u32, b: u32) -> bool {
        f64::from(shared) >= self.share * f64::from(a.min(b))
    }

    fn sampled<S: AsRef<[u8]> + Sync>(&self, sequences: &[S], rows: &[u32]) -> Vec<Kmers> {
        rows.par_iter()
            .map(|row| Kmers::sample(sequences[*row as usize].as_ref(), self.sampling))
            .collect()
    }
}

enum Found {
    Nothing,
    Exact(usize),
    ReverseComplement(usize),
    Near(usize),
}

/// Sequences of a test set that a training set holds too. Pairs are (row in train, row in test).
///
/// Each test row is counted once, under the first heading that fits, with the first training row
/// that it resembles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leakage {
    /// The same sequence on the same strand.
    pub exact: Vec<(usize, usize)>,
    /// The reverse complement.
    pub reverse_complement: Vec<(usize, usize)>,
    /// Neither, but enough 16-mers in common.
    pub near_duplicate: Vec<(usize, usize)>,
}

impl Leakage {
    /// Test rows that leak in any way.
    pub fn total(&self) -> usize {
        self.exact.len() + self.reverse_complement.len() + self.near_duplicate.len()
    }
}

/// Group of each sequence by identity alone: equal sequences and reverse complements share a
/// number.
///
/// Numbers count from 0 in the order of first appearance.
pub fn strand_groups<S: AsRef<[u8]>>(sequences: &[S]) -> Vec<u32> {
    let mut first: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    sequences
        .iter()
        .map(|sequence| {
            let next = first.len() as u32;
            *first.entry(canonical(sequence.as_ref())).or_insert(next)
        })
        .collect()
}

/// Whether `b` is the reverse complement of `a`; N matches N.
pub fn is_reverse_complement(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b.iter().rev())
            .all(|(x, y)| *x == crate::alphabet::complement(*y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alphabet::reverse_complement;
    use crate::draws::Draws;
    use crate::ersatz::{mutate, random_sequence};

    fn random(n: usize, length: usize) -> Vec<Vec<u8>> {
        let mut draws = Draws::new([9; 32]);
        (0..n)
            .map(|_| random_sequence(length, [0.25; 4], &mut draws).unwrap())
            .collect()
    }

    #[test]
    fn tiles_mutants_and_strands_join_and_strangers_do_not() {
        let mut draws = Draws::new([1; 32]);
        let base = random(40, 400);
        let mut sequences: Vec<Vec<u8>> = base.iter().map(|s| s[..200].to_vec()).collect();
        sequences.push(base[0][80..280].to_vec()); // 120 of 200 bp overlap: 105 of 185 16-mers
        sequences.push(reverse_complement(&base[1][50..250]));
        sequences.push(mutate(&base[2][..200], 4, &mut draws).unwrap());
        sequences.push(base[3][..200].to_vec());
        let clusters = NearDuplicates::default().clusters(&sequences);
        assert_eq!(clusters[..40], (0..40).collect::<Vec<u32>>()[..]);
        assert_eq!(clusters[40..], [0, 1, 2, 3]);
        // 30 bp of overlap give 15 of 185 16-mers: below a quarter.
        let far = [base[5][..200].to_vec(), base[5][170..370].to_vec()];
        assert_eq!(NearDuplicates::default().clusters(&far), [0, 1]);
    }

    #[test]
    fn leakage_is_sorted_by_kind() {
        let base = random(30, 200);
        let train = base[..20].to_vec();
        let mut test = base[20..].to_vec();
        test.push(train[4].clone());
        test.push(reverse_complement(&train[5]));
        let mut near = train[6].clone();
        near[100] = 3 - near[100];
        test.push(near);
        let leakage = NearDuplicates::default().leakage(&train, &test);
        assert_eq!(leakage.exact, [(4, 10)]);
        assert_eq!(leakage.reverse_complement, [(5, 11)]);
        assert_eq!(leakage.near_duplicate, [(6, 12)]);
        assert_eq!(leakage.total(), 3);
    }

    #[test]
    fn identical_sequences_by_the_thousand_are_one_cluster() {
        let one = random(1, 200).remove(0);
        let mut draws = Draws::new([3; 32]);
        let many: Vec<Vec<u8>> = (0..3000)
            .map(|_| mutate(&one, 1, &mut draws).unwrap())
            .collect();
        let method = NearDuplicates {
            neighbors: 20,
            ..NearDuplicates::default()
        };
        assert!(method.clusters(&many).iter().all(|cluster| *cluster == 0));
    }

    #[test]
    fn strand_groups_pair_strands() {
        let base = random(2, 50);
        let rows = [
            base[0].clone(),
            base[1].clone(),
            reverse_complement(&base[0]),
        ];
        assert_eq!(strand_groups(&rows), [0, 1, 0]);
        assert!(is_reverse_complement(&rows[0], &rows[2]));
        assert!(!is_reverse_complement(&rows[0], &rows[1]));
    }
}
