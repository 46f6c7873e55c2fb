//! Boxes that hold all tasks of a row at once: Bonferroni, max-score and copula.
//!
//! Scores are `[rows, tasks]` row-major, |y − m|/σ with each task's own scale, and a radius is in
//! units of that σ.

use serde::{Deserialize, Serialize};

use super::scores::SortedScores;
use crate::alpha::Alpha;
use crate::check;
use crate::error::Result;

fn columns(scores: &[f64], tasks: usize) -> Result<Vec<SortedScores>> {
    check::matrix("scores", scores, tasks)?;
    let column = |t: usize| {
        scores
            .iter()
            .skip(t)
            .step_by(tasks)
            .copied()
            .collect::<Vec<f64>>()
    };
    (0..tasks).map(|t| SortedScores::new(&column(t))).collect()
}

/// Each task at alpha/T: the simplest box, the widest, and the one that needs the most rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bonferroni {
    tasks: Vec<SortedScores>,
}

impl Bonferroni {
    /// Sorts the scores of each task.
    ///
    /// # Errors
    ///
    /// [`StatsError`](crate::StatsError) for a ragged matrix, no rows, or a score that is not
    /// finite.
    pub fn fit(scores: &[f64], tasks: usize) -> Result<Self> {
        Ok(Self {
            tasks: columns(scores, tasks)?,
        })
    }

    /// Radius of each task; +∞ with fewer than ceil(T/alpha) − 1 rows.
    ///
    /// # Errors
    ///
    /// [`StatsError::Parameter`](crate::StatsError::Parameter) if alpha/T cannot be represented.
    pub fn radii(&self, alpha: Alpha) -> Result<Vec<f64>> {
        let each = alpha.divided_by(self.tasks.len() as u64)?;
        Ok(self
            .tasks
            .iter()
            .map(|scores| scores.quantile(each))
            .collect())
    }
}

/// One quantile of the largest score over tasks; needs scales that are comparable across tasks.
///
/// Joint interval coverage lies in [1 − α, 1 − α + 1/(n + 1)].
///
/// # Examples
///
/// ```
/// use degu_stats::conformal::joint::MaxScore;
///
/// let scores: Vec<f64> = (0..18).map(f64::from).collect(); // nine rows, two tasks
/// assert_eq!(MaxScore::fit(&scores, 2)?.radius("0.1".parse()?), 17.0);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MaxScore(SortedScores);

impl MaxScore {
    /// Takes the largest score of each row.
    ///
    /// # Errors
    ///
    /// As [`Bonferroni::fit`].
    pub fn fit(scores: &[f64], tasks: usize) -> Result<Self> {
        check::matrix("scores", scores, tasks)?;
        let largest = scores
            .chunks_exact(tasks)
            .map(|row| row.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        Ok(Self(SortedScores::new(&largest.collect::<Vec<f64>>())?))
    }

    /// The common radius.
    pub fn radius(&self, alpha: Alpha) -> f64 {
        self.0.quantile(alpha)
    }
}

/// A box whose shape follows each task's own tail (rank copula), in two stages.
///
/// Part A orders the scores of each task. A row of part B counts, for each task, the scores of A
/// below its own; the largest count is one exchangeable score a row, so the joint guarantee is the
/// ordinary one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CopulaBox {
    shape: Vec<SortedScores>,
    levels: SortedScores,
}

impl CopulaBox {
    /// Shape from `part_a`, level from `part_b`; no row may be in both.
    ///
    /// # Errors
    ///
    /// As [`Bonferroni::fit`].
    pub fn fit(part_a: &[f64], part_b: &[f64], tasks: usize) -> Result<Self> {
        let shape = columns(part_a, tasks)?;
        check::matrix("scores of part B", part_b, tasks)?;
        let levels: Vec<f64> = part_b
            .chunks_exact(tasks)
            .map(|row| count_below(&shape, row) as f64)
            .collect();
        Ok(Self {
            shape,
            levels: SortedScores::new(&levels)?,
        })
    }

    /// The count at `alpha`; +∞ with too few rows in part B.
    pub fn level(&self, alpha: Alpha) -> f64 {
        self.levels.quantile(alpha)
    }

    /// Radius of each task; +∞ where the count reaches the number of rows of part A.
    pub fn radii(&self, alpha: Alpha) -> Vec<f64> {
        let level = self.level(alpha);
        let radius = |scores: &SortedScores| {
            if level < scores.len() as f64 {
                scores.as_slice()[level as usize]
            } else {
                f64::INFINITY
            }
        };
        self.shape.iter().map(radius).collect()
    }

    /// Whether a row of scores lies in the region, by counting; the same as lying in the box of
    /// [`radii`](Self::radii).
    pub fn contains(&self, row: &[f64], alpha: Alpha) -> bool {
        count_below(&self.shape, row) as f64 <= self.level(alpha)
    }
}

/// Largest count over tasks of scores in `shape` below the row's own.
fn count_below(shape: &[SortedScores], row: &[f64]) -> usize {
    let counts = shape
        .iter()
        .zip(row)
        .map(|(scores, s)| scores.as_slice().partition_point(|a| a < s));
    counts.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformal::conformal_quantile;

    fn scores(rows: usize, tasks: usize, step: usize) -> Vec<f64> {
        (0..rows * tasks)
            .map(|i| ((i * step) % 1009) as f64 / 100.0)
            .collect()
    }

    #[test]
    fn one_task_is_the_plain_quantile() {
        let one = scores(83, 1, 97);
        let alpha = "0.1".parse().unwrap();
        let plain = conformal_quantile(&one, alpha).unwrap();
        assert_eq!(
            Bonferroni::fit(&one, 1).unwrap().radii(alpha).unwrap(),
            [plain]
        );
        assert_eq!(MaxScore::fit(&one, 1).unwrap().radius(alpha), plain);
    }

    #[test]
    fn membership_by_counting_is_membership_in_the_box() {
        let (a, b, probes) = (scores(40, 3, 389), scores(50, 3, 211), scores(400, 3, 577));
        let fitted = CopulaBox::fit(&a, &b, 3).unwrap();
        for text in ["0.1", "0.3", "0.6"] {
            let alpha = text.parse().unwrap();
            let radii = fitted.radii(alpha);
            for row in probes.chunks_exact(3) {
                let inside = row.iter().zip(&radii).all(|(s, r)| s <= r);
                assert_eq!(fitted.contains(row, alpha), inside);
            }
        }
    }

    #[test]
    fn ragged_scores_are_an_error() {
        assert!(MaxScore::fit(&[1.0, 2.0, 3.0], 2).is_err() && Bonferroni::fit(&[], 2).is_err());
        assert!(MaxScore::fit(&[1.0], 0).is_err());
    }
}
