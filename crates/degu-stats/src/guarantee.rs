//! What may be claimed for an interval, in one sentence.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The guarantee that an interval, box or band carries; it is printed beside every number.
///
/// None of them covers concept shift, the selected largest predictions of a screen, or differences
/// between two sequences when levels were calibrated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Guarantee {
    /// Interval coverage of at least `1 - alpha` on average over calibration sets and rows.
    Marginal,
    /// The same within each group (Mondrian).
    PerGroup,
    /// All tasks of a row at once.
    Joint,
    /// A whole profile at once.
    Simultaneous,
    /// Cross-fitted: at least `1 - 2 alpha`, less `sqrt(2/n)` for K folds.
    Cross {
        /// Number of folds; 0 stands for leave-one-out or out-of-bag members.
        folds: usize,
    },
    /// The expected share of missed bins is at most `alpha`.
    ExpectedMiss,
    /// Under the target distribution, if the weights are its exact density ratio.
    Weighted {
        /// (Σw)²/Σw² of the calibration weights.
        effective_n: f64,
    },
    /// No guarantee: a model's own spread, recalibrated or not.
    None,
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Marginal => f.write_str("at least 1 - alpha of exchangeable rows on average"),
            Self::PerGroup => {
                f.write_str("at least 1 - alpha of exchangeable rows within each group")
            }
            Self::Joint => f.write_str("all tasks of a row at once with at least 1 - alpha"),
            Self::Simultaneous => f.write_str("the whole profile at once with at least 1 - alpha"),
            Self::Cross { folds: 0 } => {
                f.write_str("at least 1 - 2 alpha, usually near 1 - alpha (left-out members)")
            }
            Self::Cross { folds } => {
                write!(
                    f,
                    "at least 1 - 2 alpha - sqrt(2/n), usually near 1 - alpha ({folds} folds)"
                )
            }
            Self::ExpectedMiss => f.write_str("an expected share of missed bins of at most alpha"),
            Self::Weighted { effective_n } => write!(
                f,
                "at least 1 - alpha under the target distribution if the weights are exact, approximate when estimated \
                 (effective n {effective_n:.1})"
            ),
            Self::None => f.write_str("no guarantee"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serializes_in_snake_case() {
        let json = |g| serde_json::to_string(&g).unwrap();
        assert_eq!(json(Guarantee::PerGroup), "\"per_group\"");
        assert_eq!(
            json(Guarantee::Cross { folds: 5 }),
            r#"{"cross":{"folds":5}}"#
        );
        assert_eq!(
            serde_json::from_str::<Guarantee>("\"expected_miss\"").unwrap(),
            Guarantee::ExpectedMiss
        );
        assert_eq!(Guarantee::None.to_string(), "no guarantee");
    }
}
