//! Split conformal intervals around a mean.

use serde::{Deserialize, Serialize};

use super::intervals::Intervals;
use super::scores::SortedScores;
use crate::alpha::Alpha;
use crate::check;
use crate::error::{Result, StatsError};

/// How far a measured value lies from its prediction, and the interval that follows.
///
/// m is the mean, σ the scale, y the measured value, q the conformal quantile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Score {
    /// |y − m|; interval m ∓ q.
    Absolute,
    /// |y − m|/(σ + epsilon)^power; interval m ∓ q(σ + epsilon)^power.
    Normalized {
        /// Added to σ, in its units; 1e-3 of the median σ is a good choice. At 0 a scale of 0 is an
        /// error.
        epsilon: f64,
        /// 1 for the usual score; between 0 and 1 for a softer dependence on σ.
        power: f64,
    },
    /// m − y and y − m apart, each at alpha/2; interval [m − q₋, m + q₊].
    Signed,
    /// y − m; interval (−∞, m + q].
    Upper,
    /// m − y; interval [m − q, ∞).
    Lower,
    /// |y − m|/m for positive predictions; interval m(1 ∓ q).
    Relative,
}

impl Score {
    /// The normalized score with no epsilon and power 1.
    pub const fn normalized() -> Self {
        Self::Normalized {
            epsilon: 0.0,
            power: 1.0,
        }
    }

    #[expect(clippy::float_cmp, reason = "the power 1 is a setting, not a result")]
    fn divisor(self, row: usize, mean: &[f64], scale: Option<&[f64]>) -> f64 {
        match (self, scale) {
            (Self::Normalized { epsilon, power }, Some(scale)) => {
                let base = scale[row] + epsilon;
                // powf(x, 1) is exact in practice but not by contract.
                if power == 1.0 { base } else { base.powf(power) }
            }
            (Self::Relative, _) => mean[row],
            _ => 1.0,
        }
    }

    fn check(self, mean: &[f64], scale: Option<&[f64]>) -> Result<()> {
        check::finite("mean", mean)?;
        match self {
            Self::Normalized { epsilon, power } => {
                let scale = scale.ok_or(StatsError::Missing {
                    name: "scale",
                    wanted_by: "a normalized score",
                })?;
                check::column("scale", scale, mean.len())?;
                if !(epsilon.is_finite() && epsilon >= 0.0) {
                    let expected = "zero or positive";
                    return Err(StatsError::Parameter {
                        name: "epsilon",
                        expected,
                        found: epsilon,
                    });
                }
                if !(power > 0.0 && power <= 1.0) {
                    return Err(StatsError::Parameter {
                        name: "power",
                        expected: "in (0, 1]",
                        found: power,
                    });
                }
                match scale.iter().position(|s| *s < 0.0 || s + epsilon <= 0.0) {
                    None => Ok(()),
                    Some(row) => Err(StatsError::Scale {
                        name: "scale",
                        row,
                        value: scale[row],
                    }),
                }
            }
            Self::Relative => check::positive("mean", mean),
            _ => Ok(()),
        }
    }
}

/// Distances from the mean to the two ends, in units of the score: interval = [m + below·d, m +
/// above·d].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Offsets {
    /// Signed offset of the lower end.
    pub below: f64,
    /// Signed offset of the upper end.
    pub above: f64,
}

/// A calibrated split conformal predictor: the score and its sorted calibration values.
///
/// Guarantee: interval coverage of at least 1 − alpha on average, if calibration and test rows are
/// exchangeable and the calibration rows trained, stopped and tuned nothing.
///
/// # Examples
///
/// ```
/// use degu_stats::{Alpha, conformal::{Score, SplitConformal}};
///
/// let measured: Vec<f64> = (0..99).map(|i| f64::from(i % 11) - 5.0).collect();
/// let mean = vec![0.0; 99];
/// let scale = vec![2.0; 99];
/// let fitted = SplitConformal::fit(Score::normalized(), &measured, &mean, Some(&scale))?;
/// let intervals = fitted.intervals(&[1.0], Some(&[2.0]), "0.1".parse()?)?;
/// assert_eq!((intervals.lower[0], intervals.upper[0]), (-4.0, 6.0));
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitConformal {
    score: Score,
    scores: SortedScores,
    scores_below: Option<SortedScores>,
}

impl SplitConformal {
    /// Scores the calibration rows.
    ///
    /// # Shapes
    ///
    /// * `measured`, `mean`, `scale` – one value a row; `scale` in units of the measurement, for
    ///   `Normalized` only
    ///
    /// # Errors
    ///
    /// [`StatsError`] for no rows, different lengths, a value that is not finite, a scale that is
    /// not positive (after epsilon), a mean that is not positive for `Relative`, or a missing
    /// scale.
    pub fn fit(
        score: Score,
        measured: &[f64],
        mean: &[f64],
        scale: Option<&[f64]>,
    ) -> Result<Self> {
        check::at_least("measured", 1, measured.len())?;
        check::finite("measured", measured)?;
        check::length("mean", measured.len(), mean.len())?;
        score.check(mean, scale)?;
        let residual = |sign: f64| -> Vec<f64> {
            measured
                .iter()
                .zip(mean)
                .map(|(y, m)| sign * (y - m))
                .collect()
        };
        let scores = match score {
            Score::Signed | Score::Upper => residual(1.0),
            Score::Lower => residual(-1.0),
            Score::Absolute | Score::Normalized { .. } | Score::Relative => {
                let rows = residual(1.0).into_iter().enumerate();
                rows.map(|(row, r)| r.abs() / score.divisor(row, mean, scale))
                    .collect()
            }
        };
        let scores_below = match score {
            Score::Signed => Some(SortedScores::new(&residual(-1.0))?),
            _ => None,
        };
        Ok(Self {
            score,
            scores: SortedScores::new(&scores)?,
            scores_below,
        })
    }

    /// The score used.
    pub const fn score(&self) -> Score {
        self.score
    }

    /// Number of calibration rows.
    pub fn calibration_rows(&self) -> usize {
        self.scores.len()
    }

    /// The sorted scores (of y − m for `Signed`).
    pub const fn scores(&self) -> &SortedScores {
        &self.scores
    }

    /// Offsets of the two ends at `alpha`; infinite with too few rows, or on the open side of a
    /// one-sided interval.
    ///
    /// # Errors
    ///
    /// [`StatsError::Parameter`] if half of `alpha` cannot be represented.
    pub fn offsets(&self, alpha: Alpha) -> Result<Offsets> {
        Ok(if let Some(below) = &self.scores_below {
            let half = alpha.divided_by(2)?;
            Offsets {
                below: -below.quantile(half),
                above: self.scores.quantile(half),
            }
        } else {
            let q = self.scores.quantile(alpha);
            match self.score {
                Score::Upper => Offsets {
                    below: f64::NEG_INFINITY,
                    above: q,
                },
                Score::Lower => Offsets {
                    below: -q,
                    above: f64::INFINITY,
                },
                _ => Offsets {
                    below: -q,
                    above: q,
                },
            }
        })
    }

    /// Intervals of new rows at `alpha`.
    ///
    /// # Errors
    ///
    /// As [`fit`](Self::fit).
    pub fn intervals(
        &self,
        mean: &[f64],
        scale: Option<&[f64]>,
        alpha: Alpha,
    ) -> Result<Intervals> {
        self.score.check(mean, scale)?;
        let Offsets { below, above } = self.offsets(alpha)?;
        Ok(Intervals::from_ends(mean.iter().enumerate().map(
            |(row, m)| {
                let unit = self.score.divisor(row, mean, scale);
                (m + below * unit, m + above * unit)
            },
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alpha(text: &str) -> Alpha {
        text.parse().unwrap()
    }

    fn data(n: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let wave =
            |i: usize, step: usize, period: usize| ((i * step) % period) as f64 / period as f64;
        let mean: Vec<f64> = (0..n).map(|i| 1.0 + 4.0 * wave(i, 29, 97)).collect();
        let scale: Vec<f64> = (0..n).map(|i| 0.25 + wave(i, 13, 89)).collect();
        let measured = (0..n)
            .map(|i| mean[i] + scale[i] * 3.0 * (wave(i, 47, 101) - 0.4))
            .collect();
        (measured, mean, scale)
    }

    #[test]
    fn intervals_follow_shift_and_scale_and_nest() {
        let (y, m, s) = data(60);
        let by = |values: &[f64], factor: f64, shift: f64| -> Vec<f64> {
            values.iter().map(|v| factor * v + shift).collect()
        };
        for score in [
            Score::Absolute,
            Score::normalized(),
            Score::Signed,
            Score::Upper,
            Score::Lower,
        ] {
            let plain = SplitConformal::fit(score, &y, &m, Some(&s)).unwrap();
            let (y2, m2, s2) = (by(&y, 4.0, 8.0), by(&m, 4.0, 8.0), by(&s, 4.0, 0.0));
            let moved = SplitConformal::fit(score, &y2, &m2, Some(&s2)).unwrap();
            let mut wider: Option<Intervals> = None;
            for text in ["0.05", "0.1", "0.3", "0.6"] {
                let a = plain.intervals(&m, Some(&s), alpha(text)).unwrap();
                let b = moved.intervals(&m2, Some(&s2), alpha(text)).unwrap();
                for ((lower, upper), (lower2, upper2)) in a.rows().zip(b.rows()) {
                    assert!(
                        lower2 == 4.0 * lower + 8.0 || (lower2 - 4.0 * lower - 8.0).abs() < 1e-12
                    );
                    assert!(
                        upper2 == 4.0 * upper + 8.0 || (upper2 - 4.0 * upper - 8.0).abs() < 1e-12
                    );
                }
                if let Some(outer) = &wider {
                    assert!(
                        a.rows()
                            .zip(outer.rows())
                            .all(|(i, o)| o.0 <= i.0 && i.1 <= o.1)
                    );
                }
                wider = Some(a);
            }
        }
    }

    #[test]
    fn state_answers_levels_never_asked_before() {
        let (y, m, s) = data(77);
        let fitted = SplitConformal::fit(
            Score::Normalized {
                epsilon: 0.01,
                power: 0.5,
            },
            &y,
            &m,
            Some(&s),
        )
        .unwrap();
        let read: SplitConformal =
            serde_json::from_str(&serde_json::to_string(&fitted).unwrap()).unwrap();
        let at = alpha("0.137");
        assert_eq!(
            read.intervals(&m, Some(&s), at).unwrap(),
            fitted.intervals(&m, Some(&s), at).unwrap()
        );
    }

    #[test]
    fn bad_inputs_are_named() {
        let fit =
            |score, m: &[f64], s: Option<&[f64]>| SplitConformal::fit(score, &[1.0, 2.0], m, s);
        assert!(matches!(
            fit(Score::normalized(), &[1.0, 1.0], None),
            Err(StatsError::Missing { .. })
        ));
        let zero = fit(Score::normalized(), &[1.0, 1.0], Some(&[1.0, 0.0]));
        assert!(matches!(zero, Err(StatsError::Scale { row: 1, .. })));
        assert!(
            fit(
                Score::Normalized {
                    epsilon: 0.1,
                    power: 1.0
                },
                &[1.0, 1.0],
                Some(&[1.0, 0.0])
            )
            .is_ok()
        );
        assert!(
            fit(
                Score::Normalized {
                    epsilon: 0.1,
                    power: 1.0
                },
                &[1.0, 1.0],
                Some(&[1.0, -0.01])
            )
            .is_err()
        );
        assert!(matches!(
            fit(Score::Relative, &[1.0, 0.0], None),
            Err(StatsError::Scale { name: "mean", .. })
        ));
        assert!(matches!(
            fit(Score::Absolute, &[1.0, f64::NAN], None),
            Err(StatsError::NotFinite { .. })
        ));
        assert!(SplitConformal::fit(Score::Absolute, &[], &[], None).is_err());
    }

    #[test]
    fn constant_predictions_without_error_give_intervals_of_width_zero() {
        let fitted = SplitConformal::fit(Score::Absolute, &[2.0; 20], &[2.0; 20], None).unwrap();
        assert_eq!(
            fitted
                .intervals(&[5.0], None, alpha("0.1"))
                .unwrap()
                .rows()
                .next(),
            Some((5.0, 5.0))
        );
    }

    #[test]
    fn relative_intervals_scale_with_the_prediction() {
        let y: Vec<f64> = (1..=19).map(|i| 1.0 + f64::from(i) / 20.0).collect();
        let fitted = SplitConformal::fit(Score::Relative, &y, &[1.0; 19], None).unwrap();
        let at = fitted.intervals(&[2.0], None, alpha("0.5")).unwrap();
        assert!((at.lower[0] - 1.0).abs() < 1e-12 && (at.upper[0] - 3.0).abs() < 1e-12);
    }
}
