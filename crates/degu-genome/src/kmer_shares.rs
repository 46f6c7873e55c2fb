//! Shares of k-mers, both strands together.

use crate::{N, complement};

/// Longest k-mer that is counted: 4^6 columns are more than any table of composition can use.
const LONGEST: usize = 6;

/// Shares of the k-mers of each sequence of `length` bp (codes, row-major `[N, L]`), row-major;
/// with the number of columns.
///
/// A k-mer and its reverse complement share a column, in the order of their smaller code; windows
/// with N are left out. A sequence without a window has 0 everywhere. `k` is at least 1 and at most
/// 6; other values are taken to the nearer end.
///
/// # Examples
///
/// ```
/// let codes = degu_genome::encode(b"ACGTNA").unwrap().codes;
/// // A or T; C or G.
/// assert_eq!(degu_genome::kmer_shares(&codes, 6, 1), (vec![0.6, 0.4], 2));
/// ```
pub fn kmer_shares(codes: &[u8], length: usize, k: usize) -> (Vec<f64>, usize) {
    let k = k.clamp(1, LONGEST);
    let (table, columns) = canonical_columns(k);
    let length = length.max(1);
    let mut all = Vec::with_capacity(codes.len() / length * columns);
    for row in codes.chunks_exact(length) {
        count(row, k, &table, columns, &mut all);
    }
    (all, columns)
}

/// Column of each of the 4^k k-mers, shared with its reverse complement, and the number of columns.
fn canonical_columns(k: usize) -> (Vec<usize>, usize) {
    let size = 1 << (2 * k);
    let mut columns = 0;
    let mut table = vec![usize::MAX; size];
    for code in 0..size {
        if table[code] != usize::MAX {
            continue;
        }
        let reverse = (0..k).fold(0, |all, at| {
            all << 2 | usize::from(complement((code >> (2 * at) & 3) as u8))
        });
        table[code] = columns;
        table[reverse] = columns;
        columns += 1;
    }
    (table, columns)
}

fn count(row: &[u8], k: usize, table: &[usize], columns: usize, all: &mut Vec<f64>) {
    let start = all.len();
    all.resize(start + columns, 0.0);
    let mask = (1 << (2 * k)) - 1;
    let (mut code, mut known, mut windows) = (0_usize, 0, 0.0);
    for base in row {
        if *base >= N {
            known = 0;
            continue;
        }
        code = (code << 2 | usize::from(*base)) & mask;
        known += 1;
        if known >= k {
            all[start + table[code]] += 1.0;
            windows += 1.0;
        }
    }
    if windows > 0.0 {
        for value in &mut all[start..] {
            *value /= windows;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{encode, reverse_complement};

    #[test]
    fn both_strands_have_the_same_shares() {
        let forward = encode(b"ACGTTGCANNACGGATTACA").unwrap().codes;
        let reverse = reverse_complement(&forward);
        let (a, width) = kmer_shares(&forward, 20, 3);
        let (b, _) = kmer_shares(&reverse, 20, 3);
        assert_eq!(width, 32);
        assert_eq!(a, b);
        assert!((a.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn columns_of_kmers_with_palindromes() {
        // (4^2 + 4^1) / 2 columns for even k, 4^3 / 2 for odd.
        assert_eq!(canonical_columns(2).1, 10);
        assert_eq!(canonical_columns(3).1, 32);
    }

    #[test]
    fn a_sequence_without_bases_is_zero() {
        assert!(kmer_shares(&[N; 5], 5, 2).0.iter().all(|v| *v == 0.0));
    }
}
