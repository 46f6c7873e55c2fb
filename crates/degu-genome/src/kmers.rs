//! Sampled k-mers of sequences, and which sequences share them.

use rayon::prelude::*;

use crate::alphabet::N;

/// Width of the k-mers.
const K: usize = 16;

/// Finalizer of SplitMix64: a bijection that spreads k-mers over 64 bits.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Which sequences hold a k-mer: pairs sorted by k-mer, then by sequence.
pub(crate) struct Index {
    entries: Vec<Entry>,
    /// First entry for each value of the top bits of the hash, so that a look-up searches a few
    /// entries only.
    starts: Vec<u32>,
    shift: u32,
}

/// K-mer, sequence, occurrences in that sequence.
pub(crate) type Entry = (u64, u32, u32);

/// Sampled k-mers of one sequence with their occurrences, sorted, and the occurrences in all.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Kmers {
    counts: Vec<(u64, u32)>,
    pub(crate) total: u32,
}

impl Kmers {
    /// Hashes of the sampled canonical 16-mers. Windows with N are left out.
    pub(crate) fn sample(codes: &[u8], sampling: u64) -> Self {
        let limit = u64::MAX / sampling.max(1);
        let (mut forward, mut reverse, mut valid) = (0u32, 0u32, 0usize);
        let mut hashes = Vec::with_capacity(codes.len() / sampling.max(1) as usize + 8);
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
        Self { counts, total }
    }
}

impl Index {
    pub(crate) fn new(sampled: &[Kmers]) -> Self {
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

    pub(crate) fn all(&self, kmer: u64) -> &[Entry] {
        self.holders(kmer, 0)
    }

    pub(crate) fn after(&self, kmer: u64, row: u32, limit: usize) -> &[Entry] {
        let entries = self.holders(kmer, row + 1);
        &entries[..entries.len().min(limit)]
    }
}

/// Counters over all sequences, reset after each query.
pub(crate) struct Scratch {
    shared: Vec<u32>,
    touched: Vec<u32>,
}

impl Scratch {
    pub(crate) fn new(n: usize) -> Self {
        Self {
            shared: vec![0; n],
            touched: Vec::new(),
        }
    }

    /// The sequences that share enough of `kmers`.
    pub(crate) fn count<'a>(
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
        let mut alike_rows = Vec::new();
        for other in self.touched.drain(..) {
            let shared = std::mem::take(&mut self.shared[other as usize]);
            if alike(other as usize, shared) {
                alike_rows.push(other);
            }
        }
        alike_rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alphabet::reverse_complement;
    use crate::draws::Draws;
    use crate::ersatz::random_sequence;

    #[test]
    fn kmers_do_not_depend_on_the_strand() {
        let mut sequence = random_sequence(300, [0.25; 4], &mut Draws::new([9; 32])).unwrap();
        sequence[100] = N;
        let kmers = Kmers::sample(&sequence, 4);
        assert_eq!(kmers, Kmers::sample(&reverse_complement(&sequence), 4));
        // 285 windows, 16 lost to the N, one in four sampled: 67 expected, sd 7.
        assert!((40..95).contains(&kmers.total), "{}", kmers.total);
        assert_eq!(Kmers::sample(&sequence, 1).total, 269);
    }
}
