//! Random draws with a documented algorithm: the values of a seed never change with a library
//! version.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// A ChaCha8 stream with unbiased bounded integers.
///
/// Bounded integers are drawn by widening multiplication with rejection (Lemire 2019) from 64-bit
/// words; uniform reals are the top 53 bits of a word times 2^-53. Stored shuffles depend on both.
#[derive(Debug, Clone)]
pub struct Draws {
    generator: ChaCha8Rng,
}

impl Draws {
    /// Stream 0 of a seed.
    pub fn new(seed: [u8; 32]) -> Self {
        Self::stream(seed, 0)
    }

    /// Stream `stream` of a seed.
    pub fn stream(seed: [u8; 32], stream: u64) -> Self {
        let mut generator = ChaCha8Rng::from_seed(seed);
        generator.set_stream(stream);
        Self { generator }
    }

    /// Reference `k` of one sequence: a function of the seed, the bases and k alone.
    ///
    /// Not of the place in a batch, of the thread or of other sequences, so every model and method
    /// sees the same references and a resumed run draws what it would have drawn. The seed of the
    /// sequence is the BLAKE3 hash of its codes keyed with `seed`; `k` is the stream.
    pub fn of_sequence(seed: [u8; 32], codes: &[u8], k: u64) -> Self {
        Self::stream(*blake3::keyed_hash(&seed, codes).as_bytes(), k)
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// A uniform integer in `0..bound`; 0 for a bound of 0 or 1 (which draws nothing).
    pub fn below(&mut self, bound: usize) -> usize {
        if bound <= 1 {
            return 0;
        }
        let bound = bound as u64;
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.bits()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as usize;
            }
        }
    }

    /// A uniform number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Shuffles in place (Fisher-Yates, from the end).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// `0..n` in random order.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded_draws_are_uniform() {
        let mut draws = Draws::new([7; 32]);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[draws.below(7)] += 1;
        }
        // 5 sd of a binomial(70000, 1/7) count is 463.
        assert!(
            counts.iter().all(|count| count.abs_diff(10_000) < 463),
            "{counts:?}"
        );
        assert!((0..1000).all(|_| (0.0..1.0).contains(&draws.unit())));
    }

    #[test]
    fn values_of_a_seed_are_fixed() {
        let mut draws = Draws::new([1; 32]);
        let first: Vec<usize> = (0..8).map(|_| draws.below(1000)).collect();
        let mut again = Draws::new([1; 32]);
        assert_eq!(first, (0..8).map(|_| again.below(1000)).collect::<Vec<_>>());
        let mut other = Draws::stream([1; 32], 1);
        assert_ne!(first, (0..8).map(|_| other.below(1000)).collect::<Vec<_>>());
        let a = Draws::of_sequence([1; 32], &[0, 1, 2], 0).bits();
        assert_ne!(a, Draws::of_sequence([1; 32], &[0, 1, 3], 0).bits());
        assert_ne!(a, Draws::of_sequence([1; 32], &[0, 1, 2], 1).bits());
    }
}
