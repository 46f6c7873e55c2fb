//! Sequences on the host.

use std::sync::Arc;

use degu_core::{OutputKind, Seed};
use rand::RngExt as _;

use crate::{Result, TrainError};

/// All sequences of a study, one byte a base, shared by every member that trains on them.
#[derive(Debug, Clone)]
pub struct ExampleSet {
    /// Length `L` in bp.
    pub length: usize,
    /// Base codes, row-major `[N, L]`.
    pub codes: Arc<Vec<u8>>,
    /// Number of tasks `T`.
    pub tasks: usize,
    /// Scalar or profile.
    pub output: OutputKind,
}

impl ExampleSet {
    /// Wraps codes.
    ///
    /// # Errors
    ///
    /// If the codes are not whole rows.
    pub fn new(
        codes: Arc<Vec<u8>>,
        length: usize,
        tasks: usize,
        output: OutputKind,
    ) -> Result<Self> {
        if length == 0 || !codes.len().is_multiple_of(length) {
            return Err(TrainError::Core(degu_core::Error::Shape {
                name: "codes",
                expected: "[N, L]",
                got: vec![codes.len(), length],
            }));
        }
        Ok(Self {
            length,
            codes,
            tasks,
            output,
        })
    }

    /// Number of sequences `N`.
    pub fn len(&self) -> usize {
        self.codes.len() / self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// Numbers per row of the targets: `T`, or `B T`.
    pub fn width(&self) -> usize {
        self.tasks * self.output.bins()
    }

    /// The codes of one row.
    pub fn row(&self, i: usize) -> &[u8] {
        &self.codes[i * self.length..(i + 1) * self.length]
    }

    /// Copies rows into `out`, in the order of `index`.
    pub fn gather(&self, index: &[usize], out: &mut Vec<u8>) {
        out.clear();
        out.reserve(index.len() * self.length);
        for &i in index {
            out.extend_from_slice(self.row(i));
        }
    }
}

/// A permutation of `index`, drawn from `seed` by Fisher and Yates.
pub fn shuffled(index: &[usize], seed: &Seed) -> Vec<usize> {
    let mut order = index.to_vec();
    let mut rng = seed.rng();
    for i in (1..order.len()).rev() {
        order.swap(i, rng.random_range(0..=i));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_keeps_every_row_and_depends_on_the_seed_alone() {
        let rows: Vec<usize> = (10..110).collect();
        let root = Seed::root(1);
        let a = shuffled(&rows, &root.child("order/0"));
        assert_eq!(a, shuffled(&rows, &root.child("order/0")));
        assert_ne!(a, shuffled(&rows, &root.child("order/1")));
        let mut sorted = a;
        sorted.sort_unstable();
        assert_eq!(sorted, rows);
    }
}
