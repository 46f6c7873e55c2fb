//! Changes of sequences: augmentations for training, shifts for stress sets.

use crate::{Error, Result, Seed};

/// Sequences on the host, as augmentations and shifts change them.
#[derive(Debug, Clone, PartialEq)]
pub struct SequenceBatch {
    /// Length `L` in bp.
    pub length: usize,
    /// Base codes, row-major `[N, L]`.
    pub codes: Vec<u8>,
    /// Values added to the one-hot tensor, row-major `[N, L, 4]`; set by augmentations that leave
    /// the space of sequences.
    pub noise: Option<Vec<f32>>,
}

impl SequenceBatch {
    /// Wraps codes.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless the codes are whole rows of `length`.
    pub fn new(codes: Vec<u8>, length: usize) -> Result<Self> {
        if length == 0 || !codes.len().is_multiple_of(length) {
            return Err(Error::Shape {
                name: "codes",
                expected: "[N, L]",
                got: vec![codes.len(), length],
            });
        }
        Ok(Self {
            length,
            codes,
            noise: None,
        })
    }

    /// Number of sequences `N`.
    pub fn len(&self) -> usize {
        self.codes.len() / self.length
    }

    /// Whether there are no sequences.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The codes of row `i`.
    pub fn row_mut(&mut self, i: usize) -> &mut [u8] {
        &mut self.codes[i * self.length..(i + 1) * self.length]
    }
}

/// Random changes of training sequences that keep, or are assumed to keep, their labels.
pub trait Augmentation: Send + Sync {
    /// Changes the sequences in place; their number and length stay.
    ///
    /// `seeds` holds one stream per sequence, so the result does not depend on how the data are cut
    /// into batches.
    fn apply(&self, batch: &mut SequenceBatch, seeds: &[Seed]) -> Result<()>;

    /// Whether [`SequenceBatch::noise`] may be set: such a network trains on numbers instead of
    /// base codes.
    fn adds_noise(&self) -> bool {
        false
    }

    /// Epochs of training on unchanged data that follow, as a fraction of the main ones; see the
    /// plugin's documentation.
    fn fine_tune(&self) -> Option<FineTune> {
        None
    }
}

/// Training on unchanged data after training on augmented data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FineTune {
    /// Largest number of epochs.
    pub epochs: usize,
    /// Learning rate.
    pub learning_rate: f64,
}

/// A way to leave the distribution of the training data, for stress sets.
pub trait Shift: Send + Sync {
    /// Changes the sequences in place; severity 0 changes nothing.
    fn apply(&self, batch: &mut SequenceBatch, severity: f64, seeds: &[Seed]) -> Result<()>;
}
