//! Shuffles of sequences: references for attribution and out-of-distribution inputs.

use crate::alphabet::N;
use crate::draws::Draws;

const SYMBOLS: usize = 5;

/// Which shuffle makes references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shuffle {
    /// Keeps the counts of bases.
    Mononucleotide,
    /// Keeps the counts of neighbouring pairs and both ends; uniform over all such sequences.
    Dinucleotide,
    /// As `Dinucleotide`, but each base keeps its last exit, as deeplift, DEGU, ChromBPNet and
    /// tangermeme do. Reaches only a part of the sequences: for comparisons alone.
    DinucleotideFixedExits,
}

impl Shuffle {
    /// One shuffled copy.
    pub fn apply(self, codes: &[u8], draws: &mut Draws) -> Vec<u8> {
        match self {
            Self::Mononucleotide => mononucleotide_shuffle(codes, draws),
            Self::Dinucleotide => dinucleotide_shuffle(codes, draws),
            Self::DinucleotideFixedExits => fixed_exit_shuffle(codes, draws),
        }
    }

    /// References `0..count` of a sequence, `[count, L]`, by [`Draws::of_sequence`].
    pub fn references(self, codes: &[u8], count: usize, seed: [u8; 32]) -> Vec<Vec<u8>> {
        (0..count as u64)
            .map(|k| self.apply(codes, &mut Draws::of_sequence(seed, codes, k)))
            .collect()
    }
}

/// Permutes the positions of a sequence uniformly: composition kept, pairs not.
pub fn mononucleotide_shuffle(codes: &[u8], draws: &mut Draws) -> Vec<u8> {
    let mut shuffled = codes.to_vec();
    draws.shuffle(&mut shuffled);
    shuffled
}

/// One exactly uniform draw among the sequences with the same dinucleotide counts and the same
/// ends.
///
/// Symbols are vertices and neighbouring pairs are edges of a multigraph; a sequence is an Euler
/// trail. Wilson's loop-erased walks draw the tree of last exits to the final symbol with
/// probability proportional to its multiplicity, the other exits are permuted, and the trail is
/// read off (BEST theorem). N counts as a fifth symbol.
///
/// # Examples
///
/// ```
/// use degu_genome::{Draws, decode, dinucleotide_shuffle, encode};
/// let codes = encode(b"ACCCACGATGATG")?.codes;
/// let shuffled = dinucleotide_shuffle(&codes, &mut Draws::new([0; 32]));
/// assert_eq!(shuffled.len(), codes.len());
/// assert_eq!((shuffled[0], shuffled[12]), (codes[0], codes[12]));
/// # Ok::<(), degu_genome::GenomeError>(())
/// ```
pub fn dinucleotide_shuffle(codes: &[u8], draws: &mut Draws) -> Vec<u8> {
    if codes.len() < 4 {
        return codes.to_vec(); // three symbols have one order
    }
    let mut exits = exits_of(codes);
    let root = symbol(codes[codes.len() - 1]);
    let last = tree_of_last_exits(&exits, root, draws);
    for (vertex, out) in exits.iter_mut().enumerate() {
        if vertex != root && !out.is_empty() {
            let end = out.len() - 1;
            out.swap(last[vertex], end);
            draws.shuffle(&mut out[..end]);
        } else {
            draws.shuffle(out);
        }
    }
    trail(codes, &exits)
}

/// The historical shuffle that keeps the last exit of every symbol: not uniform.
pub fn fixed_exit_shuffle(codes: &[u8], draws: &mut Draws) -> Vec<u8> {
    if codes.len() < 4 {
        return codes.to_vec();
    }
    let mut exits = exits_of(codes);
    for out in &mut exits {
        let end = out.len().saturating_sub(1);
        draws.shuffle(&mut out[..end]);
    }
    trail(codes, &exits)
}

fn symbol(code: u8) -> usize {
    usize::from(code.min(N))
}

fn exits_of(codes: &[u8]) -> [Vec<u8>; SYMBOLS] {
    let mut exits: [Vec<u8>; SYMBOLS] = Default::default();
    for pair in codes.windows(2) {
        exits[symbol(pair[0])].push(pair[1]);
    }
    exits
}

/// Index of the last exit of every symbol but the root, by Wilson's algorithm.
fn tree_of_last_exits(
    exits: &[Vec<u8>; SYMBOLS],
    root: usize,
    draws: &mut Draws,
) -> [usize; SYMBOLS] {
    let mut last = [0; SYMBOLS];
    let mut in_tree = [false; SYMBOLS];
    in_tree[root] = true;
    for start in 0..SYMBOLS {
        if exits[start].is_empty() {
            continue;
        }
        let mut at = start;
        while !in_tree[at] {
            last[at] = draws.below(exits[at].len()); // overwriting erases loops
            at = symbol(exits[at][last[at]]);
        }
        at = start;
        while !in_tree[at] {
            in_tree[at] = true;
            at = symbol(exits[at][last[at]]);
        }
    }
    last
}

/// Walks the exits of each symbol in order.
fn trail(codes: &[u8], exits: &[Vec<u8>; SYMBOLS]) -> Vec<u8> {
    let mut used = [0; SYMBOLS];
    let mut walk = Vec::with_capacity(codes.len());
    let mut at = codes[0];
    walk.push(at);
    for _ in 1..codes.len() {
        let from = symbol(at);
        at = exits[from][used[from]];
        used[from] += 1;
        walk.push(at);
    }
    walk
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alphabet::encode;
    use proptest::prelude::*;

    fn pairs(codes: &[u8]) -> [[u32; 5]; 5] {
        let mut counts = [[0; 5]; 5];
        for pair in codes.windows(2) {
            counts[symbol(pair[0])][symbol(pair[1])] += 1;
        }
        counts
    }

    proptest! {
        #[test]
        fn shuffles_keep_what_they_promise(codes in proptest::collection::vec(0u8..5, 0..80), seed: [u8; 32]) {
            for shuffle in [Shuffle::Dinucleotide, Shuffle::DinucleotideFixedExits] {
                let shuffled = shuffle.apply(&codes, &mut Draws::new(seed));
                prop_assert_eq!(pairs(&shuffled), pairs(&codes));
                prop_assert_eq!(shuffled.first(), codes.first());
                prop_assert_eq!(shuffled.last(), codes.last());
            }
            let mut sorted = codes.clone();
            let mut shuffled = Shuffle::Mononucleotide.apply(&codes, &mut Draws::new(seed));
            sorted.sort_unstable();
            shuffled.sort_unstable();
            prop_assert_eq!(sorted, shuffled);
        }
    }

    #[test]
    fn references_depend_on_sequence_seed_and_number_alone() {
        let codes = encode(b"ACGGCTAGCTTACGGCATTTAGCAGGCTANNACG").unwrap().codes;
        let five = Shuffle::Dinucleotide.references(&codes, 5, [3; 32]);
        assert_eq!(
            five[..3],
            Shuffle::Dinucleotide.references(&codes, 3, [3; 32])
        );
        assert_ne!(five, Shuffle::Dinucleotide.references(&codes, 5, [4; 32]));
        assert!(five.windows(2).all(|two| two[0] != two[1]));
    }

    #[test]
    fn homopolymers_return_themselves() {
        let codes = [0u8; 30];
        assert_eq!(
            dinucleotide_shuffle(&codes, &mut Draws::new([0; 32])),
            codes
        );
    }
}
