//! The one error type of this crate.

use thiserror::Error;

/// Shorthand for results of this crate.
pub type Result<T, E = StatsError> = std::result::Result<T, E>;

/// Why a statistic could not be computed.
///
/// Rows count from 0. Nothing in this crate turns a bad input into a number: it is either one of
/// these, or a result whose documentation names the case (`None` for a constant column, an infinite
/// interval for too few rows).
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum StatsError {
    /// Two inputs that belong together differ in length.
    #[error("expected {expected} values in `{name}`, found {found}")]
    Length {
        /// Name of the argument.
        name: &'static str,
        /// Length that the other arguments ask for.
        expected: usize,
        /// Length found.
        found: usize,
    },
    /// Fewer rows than the statistic is defined for.
    #[error("expected at least {needed} rows in `{name}`, found {found}")]
    TooFew {
        /// Name of the argument.
        name: &'static str,
        /// Smallest number of rows.
        needed: usize,
        /// Rows found.
        found: usize,
    },
    /// A value is NaN, or infinite where only finite values have a meaning.
    #[error(
        "expected a finite value in `{name}`, found {value} at row {row}; mask or drop missing rows first"
    )]
    NotFinite {
        /// Name of the argument.
        name: &'static str,
        /// Row of the first such value.
        row: usize,
        /// The value.
        value: f64,
    },
    /// A standard deviation or width that must be positive is not.
    #[error(
        "expected a positive scale in `{name}`, found {value} at row {row}; clamp it at 0 and use an epsilon above 0"
    )]
    Scale {
        /// Name of the argument.
        name: &'static str,
        /// Row of the first such value.
        row: usize,
        /// The value.
        value: f64,
    },
    /// A weight is negative, or no weight is positive.
    #[error(
        "expected non-negative weights with a positive sum in `{name}`, found {value} at row {row}"
    )]
    Weight {
        /// Name of the argument.
        name: &'static str,
        /// Row of the first such value; 0 when the sum is at fault.
        row: usize,
        /// The value.
        value: f64,
    },
    /// Weights so unequal that the intervals would rest on a handful of rows.
    #[error(
        "expected an effective sample size of at least {needed:.0}, found {found:.1}; the two sets hardly overlap"
    )]
    EffectiveSize {
        /// Smallest effective size accepted.
        needed: f64,
        /// (Σw)²/Σw² found.
        found: f64,
    },
    /// An error rate outside (0, 1), with too many decimals, or not a number.
    #[error(
        "expected an error rate strictly between 0 and 1 with at most 12 decimals (such as \"0.1\"), found `{found}`{hint}"
    )]
    Alpha {
        /// The text found.
        found: String,
        /// What probably went wrong.
        hint: &'static str,
    },
    /// A parameter outside its range.
    #[error("expected `{name}` to be {expected}, found {found}")]
    Parameter {
        /// Name of the parameter.
        name: &'static str,
        /// Its range, in words.
        expected: &'static str,
        /// The value found.
        found: f64,
    },
    /// A column does not vary, and the statistic divides by its spread.
    #[error("expected `{name}` to vary, found the same value in all {rows} rows")]
    Constant {
        /// Name of the argument.
        name: &'static str,
        /// Number of rows.
        rows: usize,
    },
    /// A covariance or Hessian matrix that cannot be inverted.
    #[error(
        "expected a positive definite matrix for `{name}`, found column {column} to depend on the columns before it"
    )]
    Singular {
        /// What the matrix describes.
        name: &'static str,
        /// First dependent column (task or feature), from 0.
        column: usize,
    },
    /// An argument that this kind of score needs was not given.
    #[error("expected `{name}` for {wanted_by}, found none")]
    Missing {
        /// Name of the argument.
        name: &'static str,
        /// What needs it.
        wanted_by: &'static str,
    },
    /// The statistic was undefined in every resample.
    #[error(
        "expected a statistic that is defined in most of {resamples} resamples, found it undefined in {undefined}"
    )]
    Undefined {
        /// Resamples drawn.
        resamples: usize,
        /// Resamples in which it was not finite.
        undefined: usize,
    },
    /// A BCa interval whose estimate lies beyond all resamples.
    #[error(
        "expected resampled statistics on both sides of the estimate, found all {resamples} on one side; use the percentile method"
    )]
    OneSided {
        /// Resamples in which the statistic is defined.
        resamples: usize,
    },
    /// An iteration did not settle.
    #[error(
        "expected `{name}` to converge within {iterations} iterations, found a gradient of {gradient:e}"
    )]
    NoConvergence {
        /// What was being fitted.
        name: &'static str,
        /// Iterations made.
        iterations: usize,
        /// Largest component of the gradient at the end.
        gradient: f64,
    },
}
