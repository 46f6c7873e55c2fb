//! Packed weights of a grouped convolution.

use crate::isa::Isa;

/// Weights of a convolution whose groups have as many outputs as inputs, as diagonals `[taps, 2 q -
/// 1, channels]`.
#[derive(Clone, Debug)]
pub struct GroupedConv {
    pub(super) isa: Isa,
    pub(super) taps: usize,
    pub(super) group: usize,
    pub(super) channels: usize,
    pub(super) data: Vec<f32>,
}

impl GroupedConv {
    /// Room for weights `[taps, group, channels]`, all zero.
    ///
    /// # Panics
    ///
    /// If `group` is 0 or does not divide `channels`.
    pub fn new(isa: Isa, taps: usize, group: usize, channels: usize) -> Self {
        assert!(
            group > 0 && channels.is_multiple_of(group),
            "groups of {group} in {channels} channels"
        );
        Self {
            isa,
            taps,
            group,
            channels,
            data: vec![0.0; taps * (2 * group - 1) * channels],
        }
    }

    /// Packs `weights`, `[taps, group, channels]`.
    ///
    /// # Panics
    ///
    /// If `weights` has another length.
    pub fn pack(&mut self, weights: &[f32]) {
        self.check(weights);
        self.fill(weights, |t| t, |(input, output)| (input, output));
    }

    /// Packs the weights of the input gradient of the convolution with `weights`: taps reversed,
    /// groups transposed.
    ///
    /// # Panics
    ///
    /// If `weights` has another length.
    pub fn pack_reversed(&mut self, weights: &[f32]) {
        self.check(weights);
        self.pack_reversed_taps(weights, 0, 1);
    }

    /// As [`GroupedConv::pack_reversed`] from the taps `first`, `first + step`, .. of `weights`
    /// alone, as many as `self` has.
    ///
    /// # Panics
    ///
    /// If `weights` has fewer taps.
    pub fn pack_reversed_taps(&mut self, weights: &[f32], first: usize, step: usize) {
        let taps = self.taps;
        let tap = |t: usize| first + (taps - 1 - t) * step;
        self.fill(weights, tap, |(input, output)| (output, input));
    }

    fn check(&self, weights: &[f32]) {
        assert_eq!(
            weights.len(),
            self.taps * self.group * self.channels,
            "weights [taps, group, channels]"
        );
    }

    /// `tap` maps a tap to that of the weights, `place` a pair (read channel, written channel) to
    /// theirs.
    fn fill(
        &mut self,
        weights: &[f32],
        tap: impl Fn(usize) -> usize,
        place: impl Fn((usize, usize)) -> (usize, usize),
    ) {
        let (q, channels) = (self.group, self.channels);
        self.data.fill(0.0);
        for t in 0..self.taps {
            for written in 0..channels {
                let first = written - written % q;
                for read in first..first + q {
                    let (input, output) = place((read, written));
                    let value = weights[(tap(t) * q + input % q) * channels + output];
                    let diagonal = q - 1 + read - written;
                    self.data[(t * (2 * q - 1) + diagonal) * channels + written] = value;
                }
            }
        }
    }

    /// The instruction set that these weights are packed for.
    pub fn isa(&self) -> Isa {
        self.isa
    }
}
