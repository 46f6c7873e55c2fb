//! Near-duplicate sequences: clusters for splits, and leakage between two sets.
//!
//! Two sequences are near-duplicates if, on either strand, they share at least a quarter of their
//! sampled 16-mers (shared divided by the smaller count; a 16-mer that occurs twice counts twice, so
//! that one short repeat does not tie every sequence that holds a bit of it to all others). A 16-mer is represented by the smaller of
//! itself and its reverse complement and is sampled if its hash falls into the lowest quarter
//! (FracMinHash), so a k-mer is sampled in all sequences or in none and shares are unbiased. Overlapping
//! tiles, repeats and both orientations of an element come out as one cluster.
//!
//! # Determinism
//!
//! The hash is fixed; nothing is drawn at random and the number of threads changes nothing.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::alphabet::{N, canonical, is_canonical};

/// How near-duplicates are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearDuplicates {
    /// One in `sampling` k-mers is looked at; 1 looks at all.
    pub sampling: u64,
    /// Share of the smaller set of sampled k-mers that two near-duplicates have in common, in (0, 1].
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

/// Width of the k-mers.
const K: usize = 16;

impl NearDuplicates {
    /// Cluster of each sequence: single linkage of exact duplicates, reverse complements and near-duplicates.
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
    /// Every k-mer list is searched in full here, so the count is exact (up to sampling) and, unlike
    /// a cluster, not transitive.
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
                    let kmers = self.sampled_kmers(codes);
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
            .map(|row| self.sampled_kmers(sequences[*row as usize].as_ref()))
            .collect()
    }

    /// Hashes of the sampled canonical 16-mers. Windows with N are left out.
    fn sampled_kmers(&self, codes: &[u8]) -> Kmers {
        let limit = u64::MAX / self.sampling.max(1);
        let (mut forward, mut reverse, mut valid) = (0u32, 0u32, 0usize);
        let mut hashes = Vec::with_capacity(codes.len() / self.sampling.max(1) as usize + 8);
        for code in codes {
            if *code >= N {
                valid = 0;
                continue;
            }
            forward = (forward << 2) | u32::from(*code);
            reverse = (reverse >> 2) | (u32::from(3 - code) << (2 * (K - 1)));
            valid += 1;
            if valid >= K {
                let hash = mix(u64::from(forward.min(reverse)));
                if hash <= limit {
                    hashes.push(hash);
                }
            }
        }
        hashes.sort_unstable();
        let total = hashes.len() as u32;
        let counts = hashes
            .chunk_by(|a, b| a == b)
            .map(|run| (run[0], run.len() as u32))
            .collect();
        Kmers { counts, total }
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

/// Finalizer of SplitMix64: a bijection that spreads k-mers over 64 bits.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Which sequences hold a k-mer: pairs sorted by k-mer, then by sequence.
struct Index {
    entries: Vec<Entry>,
    /// First entry for each value of the top bits of the hash, so that a look-up searches a few entries only.
    starts: Vec<u32>,
    shift: u32,
}

/// K-mer, sequence, occurrences in that sequence.
type Entry = (u64, u32, u32);

/// Sampled k-mers of one sequence with their occurrences, sorted, and the occurrences in all.
#[derive(Debug, Default, PartialEq)]
struct Kmers {
    counts: Vec<(u64, u32)>,
    total: u32,
}

impl Index {
    fn new(sampled: &[Kmers]) -> Self {
        let mut entries: Vec<Entry> = sampled
            .iter()
            .enumerate()
            .flat_map(|(row, kmers)| {
                let counts = kmers.counts.iter();
                counts.map(move |(kmer, count)| (*kmer, row as u32, *count))
            })
            .collect();
        entries.par_sort_unstable();
        let shift = 64 - entries.len().max(2).ilog2();
        let mut starts = vec![0u32; (1 << (64 - shift)) + 1];
        for entry in &entries {
            starts[(entry.0 >> shift) as usize + 1] += 1;
        }
        for slot in 1..starts.len() {
            starts[slot] += starts[slot - 1];
        }
        Self {
            entries,
            starts,
            shift,
        }
    }

    /// Entries of a k-mer whose sequence is at least `row`.
    fn holders(&self, kmer: u64, row: u32) -> &[Entry] {
        let slot = (kmer >> self.shift) as usize;
        let entries = &self.entries[self.starts[slot] as usize..self.starts[slot + 1] as usize];
        let start = entries.partition_point(|entry| (entry.0, entry.1) < (kmer, row));
        let count = entries[start..].partition_point(|entry| entry.0 == kmer);
        &entries[start..start + count]
    }

    fn all(&self, kmer: u64) -> &[Entry] {
        self.holders(kmer, 0)
    }

    fn after(&self, kmer: u64, row: u32, limit: usize) -> &[Entry] {
        let entries = self.holders(kmer, row + 1);
        &entries[..entries.len().min(limit)]
    }
}

/// Counters over all sequences, reset after each query.
struct Scratch {
    shared: Vec<u32>,
    touched: Vec<u32>,
}

impl Scratch {
    fn new(n: usize) -> Self {
        Self {
            shared: vec![0; n],
            touched: Vec::new(),
        }
    }

    /// The sequences that share enough of `kmers`.
    fn count<'a>(
        &mut self,
        kmers: &Kmers,
        holders: impl Fn(u64) -> &'a [Entry],
        alike: impl Fn(usize, u32) -> bool,
    ) -> Vec<u32> {
        for (kmer, count) in &kmers.counts {
            for (_, other, others) in holders(*kmer) {
                let shared = &mut self.shared[*other as usize];
                if *shared == 0 {
                    self.touched.push(*other);
                }
                *shared += count.min(others);
            }
        }
        let mut found = Vec::new();
        for other in self.touched.drain(..) {
            let shared = std::mem::take(&mut self.shared[other as usize]);
            if alike(other as usize, shared) {
                found.push(other);
            }
        }
        found
    }
}

/// Union-find with the smallest row as the root of each set.
struct Union {
    parent: Vec<u32>,
}

impl Union {
    fn new(n: usize) -> Self {
        Self {
            parent: (0..n as u32).collect(),
        }
    }

    fn root(&mut self, mut row: u32) -> u32 {
        while self.parent[row as usize] != row {
            let up = self.parent[self.parent[row as usize] as usize];
            self.parent[row as usize] = up;
            row = up;
        }
        row
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b) as usize] = a.min(b);
    }

    fn labels(mut self) -> Vec<u32> {
        let mut labels = vec![0; self.parent.len()];
        let mut next = 0;
        for row in 0..self.parent.len() as u32 {
            let root = self.root(row);
            labels[row as usize] = if root == row {
                next += 1;
                next - 1
            } else {
                labels[root as usize]
            };
        }
        labels
    }
}

/// Group of each sequence by identity alone: equal sequences and reverse complements share a number.
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

/// Whether two sequences are reverse complements of each other (and not only equal).
pub fn is_reverse_complement(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b.iter().rev())
            .all(|(x, y)| *x == crate::alphabet::complement(*y))
        && (a != b || !is_canonical(a))
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
    fn kmers_do_not_depend_on_the_strand() {
        let method = NearDuplicates::default();
        let mut sequence = random(1, 300).remove(0);
        sequence[100] = N;
        let kmers = method.sampled_kmers(&sequence);
        assert_eq!(kmers, method.sampled_kmers(&reverse_complement(&sequence)));
        // 285 windows, 16 lost to the N, one in four sampled: 67 expected, sd 7.
        assert!((40..95).contains(&kmers.total), "{}", kmers.total);
        let all = NearDuplicates {
            sampling: 1,
            ..method
        };
        assert_eq!(all.sampled_kmers(&sequence).total, 269);
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
