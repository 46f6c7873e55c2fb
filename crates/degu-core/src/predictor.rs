//! What predicts, as attribution methods see it.

use candle_core::{DType, Tensor};

use crate::{Ctx, Prediction, Result, Sequences, Target, explain};

/// DeepLIFT multipliers of sequences and their references, for one target.
#[derive(Debug, Clone)]
pub struct Multipliers {
    /// `[N, K, L, 4]`, in units of the target.
    pub values: Tensor,
    /// The target of each sequence, `N`.
    pub own: Vec<f64>,
    /// The target of each reference, `N K`.
    pub references: Vec<f64>,
}

/// The replacement of one base of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Substitution {
    /// Position, from 0.
    pub position: usize,
    /// The new base, 0 to 4.
    pub base: u8,
}

/// A member, a student or a whole ensemble.
///
/// Only [`forward`](Self::forward) is required. The other methods answer the questions of
/// attribution methods with candle's autograd; a predictor that has kernels for them gives the same
/// numbers (to rounding) faster.
pub trait Predictor: Send + Sync {
    /// Forward pass that keeps the graph, for gradients with respect to a one-hot input.
    fn forward(&self, x: &Sequences, ctx: &mut Ctx<'_>) -> Result<Prediction>;

    /// Prediction in evaluation mode.
    fn predict(&self, x: &Sequences) -> Result<Prediction> {
        self.forward(x, &mut Ctx::eval())
    }

    /// The type in which the predictor computes.
    fn dtype(&self) -> DType {
        DType::F32
    }

    /// Length of the sequences that it takes, where there is one.
    fn length(&self) -> Option<usize> {
        None
    }

    /// The values of targets, by target and sequence.
    ///
    /// # Shapes
    ///
    /// * `codes` - `[N, L]`, u8
    /// * returns, for each target, `N` values
    ///
    /// # Errors
    ///
    /// A task or a part that the predictor does not have, or sequences of another length.
    fn values(&self, codes: &Tensor, targets: &[Target]) -> Result<Vec<Vec<f64>>> {
        explain::values(self, codes, targets)
    }

    /// Gradients of targets with respect to the one-hot input, in evaluation mode.
    ///
    /// # Shapes
    ///
    /// * `x` - `N` sequences; a one-hot tensor may hold any numbers
    /// * returns, for each target, `[N, L, 4]`
    ///
    /// # Errors
    ///
    /// As [`values`](Self::values).
    fn gradients(&self, x: &Sequences, targets: &[Target]) -> Result<Vec<Tensor>> {
        explain::gradients(self, x, targets)
    }

    /// DeepLIFT multipliers of targets by the rescale rules.
    ///
    /// # Shapes
    ///
    /// * `codes` - `[N, L]`, u8
    /// * `references` - `[N, K, L]`, u8; N stands for a row of zeros
    ///
    /// # Errors
    ///
    /// As [`values`](Self::values), and [`Error::Unsupported`](crate::Error::Unsupported) for an
    /// operation without a rule.
    fn rescale(
        &self,
        codes: &Tensor,
        references: &Tensor,
        targets: &[Target],
    ) -> Result<Vec<Multipliers>> {
        explain::rescale(self, codes, references, targets)
    }

    /// The values of targets after single substitutions in one sequence, by target and edit; `None`
    /// where the predictor has no faster way than to predict each edited sequence.
    ///
    /// # Errors
    ///
    /// As [`values`](Self::values).
    fn substitutions(
        &self,
        codes: &[u8],
        edits: &[Substitution],
        targets: &[Target],
    ) -> Result<Option<Vec<Vec<f64>>>> {
        let _ = (codes, edits, targets);
        Ok(None)
    }
}
