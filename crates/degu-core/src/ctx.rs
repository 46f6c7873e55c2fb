//! What a forward pass is for.

use std::{collections::BTreeMap, fmt};

use candle_core::Tensor;

use crate::Seed;

/// How a forward pass behaves.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Mode {
    /// Dropout is on and batch normalisation uses batch statistics, which it reports through
    /// [`Ctx::record_statistics`].
    ///
    /// The seed is that of this member's `dropout` stream; together with `step` and the path of the
    /// layer it fixes every mask, so a run resumed at `step` draws the masks the uninterrupted run
    /// would have drawn.
    Train {
        /// Dropout stream of the model.
        dropout: Seed,
        /// Number of optimizer steps done.
        step: u64,
    },
    /// Dropout is off, as in `Eval`, and batch normalisation uses and reports batch statistics, as
    /// in `Train`: what running statistics are computed anew from.
    Statistics,
    /// Deterministic: dropout off, running statistics.
    Eval,
    /// Dropout on, running statistics: one sample of Monte Carlo dropout. All examples share one
    /// mask, or each has its own with [`Ctx::with_masks`].
    Sample {
        /// Dropout stream.
        dropout: Seed,
        /// Number of the sample.
        step: u64,
    },
    /// As `Eval`, on a batch `[x; reference]` of `2 N` rows, and every nonlinearity carries
    /// DeepLIFT rescale multipliers in its gradient. The gradient of an output of row `i < N` with
    /// respect to row `i` is then the multiplier of example `i`.
    Rescale,
}

/// Mean and variance of one batch, per channel, as a batch normalisation saw them.
#[derive(Debug, Clone)]
pub struct BatchStatistics {
    /// Mean, `[C]`.
    pub mean: Tensor,
    /// Variance for the running statistics (biased or not, by the layer's convention), `[C]`.
    pub variance: Tensor,
    /// Weight of the new value in the running statistics.
    pub momentum: f64,
}

/// Receives named activations (penultimate features, tests, figures).
pub trait Tap {
    /// One activation.
    fn activation(&mut self, path: &str, value: &Tensor);
}

/// Passed down a forward pass.
pub struct Ctx<'a> {
    mode: Mode,
    statistics: BTreeMap<String, BatchStatistics>,
    masks: Option<&'a [u64]>,
    tap: Option<&'a mut dyn Tap>,
}

impl fmt::Debug for Ctx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx")
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl<'a> Ctx<'a> {
    /// A pass in the given mode.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            statistics: BTreeMap::new(),
            masks: None,
            tap: None,
        }
    }

    /// An evaluation pass.
    pub fn eval() -> Self {
        Self::new(Mode::Eval)
    }

    /// Adds a receiver of activations.
    pub fn with_tap(mut self, tap: &'a mut dyn Tap) -> Self {
        self.tap = Some(tap);
        self
    }

    /// In [`Mode::Sample`], the 64 bits that fix the dropout masks of each example of the batch,
    /// `[N]`, instead of one mask for all: a prediction that draws them from the sequences does not
    /// depend on how sequences are batched.
    pub fn with_masks(mut self, masks: &'a [u64]) -> Self {
        self.masks = Some(masks);
        self
    }

    /// The masks of the examples, where each has its own.
    pub fn masks(&self) -> Option<&'a [u64]> {
        self.masks
    }

    /// The mode, for layers with a rule of their own. The rules themselves live in `degu_nn::ops`.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether batch statistics are used.
    pub fn is_training(&self) -> bool {
        matches!(self.mode, Mode::Train { .. } | Mode::Statistics)
    }

    /// Hands an activation to the tap, if there is one.
    pub fn tap(&mut self, path: &str, value: &Tensor) {
        if let Some(tap) = &mut self.tap {
            tap.activation(path, value);
        }
    }

    /// Reports the statistics of a batch normalisation. The trainer folds them into the running
    /// statistics after a step that succeeded, so a diverged step changes nothing and two passes of
    /// one step do not race.
    pub fn record_statistics(&mut self, path: impl Into<String>, statistics: BatchStatistics) {
        self.statistics.insert(path.into(), statistics);
    }

    /// The recorded statistics, by path of the layer.
    pub fn into_statistics(self) -> BTreeMap<String, BatchStatistics> {
        self.statistics
    }
}
