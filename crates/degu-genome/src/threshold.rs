//! Score thresholds of many motifs at once: the distribution of scores on a grid.

use crate::error::{GenomeError, Result};
use crate::motif::{Background, LogOdds};

/// Steps between the lowest and the highest score of a motif.
const STEPS: f64 = 20_000.0;

impl LogOdds {
    /// A score that random bases of this composition reach with probability `tail`, from scores
    /// rounded down to a grid.
    ///
    /// As [`threshold`](Self::threshold), but in a millisecond or two a motif whatever its width:
    /// for whole collections. The score returned is at most `width / 20000` of the motif's range
    /// below the exact one, never above it.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Argument`] unless `0 < tail <= 1`.
    ///
    /// # Examples
    ///
    /// ```
    /// use degu_genome::{Motif, UNIFORM};
    /// let scores = Motif::from_consensus("TGACTCA", 0.9)?.log_odds(UNIFORM, 0.0);
    /// let exact = scores.threshold(1e-3, UNIFORM)?;
    /// let grid = scores.grid_threshold(1e-3, UNIFORM)?;
    /// assert!(grid <= exact && exact - grid < 0.01);
    /// # Ok::<(), degu_genome::GenomeError>(())
    /// ```
    pub fn grid_threshold(&self, tail: f64, background: Background) -> Result<f64> {
        if !(tail > 0.0 && tail <= 1.0) {
            return Err(GenomeError::argument(
                "tail",
                "a probability above 0 and at most 1",
                tail,
            ));
        }
        let lowest = |row: &[f64; 4]| row.iter().copied().fold(f64::INFINITY, f64::min);
        let base: f64 = self.rows.iter().map(lowest).sum();
        let step = (self.max_score() - base) / STEPS;
        if !(step.is_finite() && step > 0.0) {
            return Ok(base);
        }
        let mut shares = vec![1.0f64];
        for row in &self.rows {
            let low = lowest(row);
            let cells: [usize; 4] =
                std::array::from_fn(|code| ((row[code] - low) / step).floor() as usize);
            let most = cells.iter().copied().max().unwrap_or(0);
            let mut next = vec![0.0; shares.len() + most];
            for (cell, share) in cells.into_iter().zip(background) {
                for (to, from) in next[cell..].iter_mut().zip(&shares) {
                    *to += share * from;
                }
            }
            shares = next;
        }
        let mut sum = 0.0;
        for (cell, share) in shares.iter().enumerate().rev() {
            sum += share;
            // The sum of many probabilities may miss an exact tail by rounding.
            if sum >= tail * (1.0 - 1e-12) {
                // A millionth of a step lower, so that rounding never lifts it above a score that
                // is as high.
                return Ok(base + (cell as f64 - 1e-6) * step);
            }
        }
        Ok(base)
    }
}

#[cfg(test)]
mod tests {
    use crate::draws::Draws;
    use crate::motif::{Motif, UNIFORM};

    #[test]
    fn grid_and_exact_thresholds_agree() {
        let mut draws = Draws::new([6; 32]);
        for width in [1, 4, 9] {
            let rows: Vec<[f64; 4]> = (0..width)
                .map(|_| {
                    let values: [f64; 4] = std::array::from_fn(|_| draws.unit() + 0.01);
                    values.map(|value| value / values.iter().sum::<f64>())
                })
                .collect();
            let scores = Motif::new("m", rows).unwrap().log_odds(UNIFORM, 0.01);
            for tail in [0.5, 1e-2, 1e-4] {
                let exact = scores.threshold(tail, UNIFORM).unwrap();
                let grid = scores.grid_threshold(tail, UNIFORM).unwrap();
                // Ranges are below 5 a position.
                assert!(
                    grid <= exact + 1e-9 && exact - grid < 0.03,
                    "{width} {tail}: {exact} {grid}"
                );
            }
        }
        let flat = Motif::new("m", vec![UNIFORM; 3])
            .unwrap()
            .log_odds(UNIFORM, 0.0);
        assert!(flat.grid_threshold(1e-3, UNIFORM).unwrap().abs() < 1e-12);
        assert!(flat.grid_threshold(0.0, UNIFORM).is_err());
    }
}
