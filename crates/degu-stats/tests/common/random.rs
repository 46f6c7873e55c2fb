//! Seeded draws for the simulations.

use degu_stats::special::normal_quantile;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Uniform on (0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    pub(crate) fn normal(&mut self) -> f64 {
        normal_quantile(self.uniform())
    }

    /// A skewed error of mean 0 and variance 1: an exponential less its mean.
    pub(crate) fn skewed(&mut self) -> f64 {
        -self.uniform().ln() - 1.0
    }

    pub(crate) fn normals(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.normal()).collect()
    }

    /// Absolute values of four normals with a common part of this correlation.
    pub(crate) fn correlated(&mut self, correlation: f64) -> Vec<f64> {
        let common = self.normal() * correlation.sqrt();
        (0..4)
            .map(|_| (common + self.normal() * (1.0 - correlation).sqrt()).abs())
            .collect()
    }

    /// Absolute values of an autocorrelated profile.
    pub(crate) fn profile(&mut self, bins: usize) -> Vec<f64> {
        let mut value = self.normal();
        (0..bins)
            .map(|_| {
                value = 0.8 * value + 0.6 * self.normal();
                value.abs()
            })
            .collect()
    }

    /// A random order of 0..n.
    pub(crate) fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for last in (1..n).rev() {
            order.swap(last, (self.uniform() * (last + 1) as f64) as usize);
        }
        order
    }
}

/// Heteroscedastic rows with skewed errors and a known scale.
pub(crate) struct Rows {
    pub(crate) y: Vec<f64>,
    pub(crate) mean: Vec<f64>,
    pub(crate) scale: Vec<f64>,
}

impl Rows {
    pub(crate) fn skewed(random: &mut Random, n: usize) -> Self {
        let mean = random.normals(n);
        let scale: Vec<f64> = (0..n).map(|_| 0.2 + 1.8 * random.uniform()).collect();
        let y = (0..n)
            .map(|i| mean[i] + scale[i] * random.skewed())
            .collect();
        Self { y, mean, scale }
    }

    /// mean + z·scale.
    pub(crate) fn at(&self, z: f64) -> Vec<f64> {
        self.mean
            .iter()
            .zip(&self.scale)
            .map(|(m, s)| m + z * s)
            .collect()
    }
}
