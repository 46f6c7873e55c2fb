//! Counter-based dropout: whether an element is kept is a hash of where it is, so nothing is stored
//! and the backward pass computes the same mask again, for any cut of the batch.

use crate::scalar::{hash, mix};
use crate::simd::Simd;

/// The dropout mask of one sample in one layer at one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropoutMask {
    key: [u32; 2],
    threshold: u32,
}

impl DropoutMask {
    /// The mask of `sample` (its index in the whole batch) in layer `layer` under the seed of this
    /// step.
    ///
    /// `rate`, the probability of zero, is rounded to a multiple of 2^-32.
    pub fn new(step_seed: u64, layer: u64, sample: u64, rate: f64) -> Self {
        let h = mix(mix(mix(step_seed).wrapping_add(layer)).wrapping_add(sample));
        let threshold = (rate.clamp(0.0, 1.0) * 4_294_967_296.0).min(4_294_967_295.0);
        Self {
            key: [h as u32, (h >> 32) as u32],
            threshold: threshold as u32,
        }
    }

    /// Whether element `index` (row-major in the sample's tensor) is kept.
    pub fn keeps(&self, index: u32) -> bool {
        hash(self.key, index) >= self.threshold
    }

    /// Factor of the kept elements, 1 / (1 - rate).
    pub fn factor(&self) -> f64 {
        1.0 / (1.0 - f64::from(self.threshold) / 4_294_967_296.0)
    }

    /// Hashes below this are zero.
    pub(crate) fn threshold(&self) -> u32 {
        self.threshold
    }

    #[inline(always)]
    pub(crate) fn vector<S: Simd>(self, s: S, first: u32) -> S::M {
        s.keep(self.key, first, self.threshold)
    }
}
