//! Statistics of several batches as one.

use std::ops::Range;

/// Mean and variance of each channel over several batches: the law of total variance, batches
/// weighted by their sequences.
#[derive(Clone, Debug, Default)]
pub struct PooledStatistics {
    weight: f64,
    mean: Vec<f64>,
    /// Weighted sum of the variances within batches and of the squares between them.
    squares: Vec<f64>,
}

impl PooledStatistics {
    /// Adds a batch.
    ///
    /// # Shapes
    ///
    /// * `mean`, `variance` - `[C]`, of one batch
    ///
    /// # Panics
    ///
    /// If the number of channels changes.
    pub fn add(&mut self, weight: f64, mean: &[f64], variance: &[f64]) {
        if self.mean.is_empty() {
            self.mean = vec![0.0; mean.len()];
            self.squares = vec![0.0; mean.len()];
        }
        assert!(
            self.mean.len() == mean.len() && mean.len() == variance.len(),
            "batches of {} and {} channels",
            self.mean.len(),
            mean.len()
        );
        let before = self.weight;
        self.weight += weight;
        for c in 0..mean.len() {
            let step = mean[c] - self.mean[c];
            self.mean[c] += step * weight / self.weight;
            self.squares[c] += weight * variance[c] + step * step * before * weight / self.weight;
        }
    }

    /// Mean per channel, `[C]`.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Variance per channel, `[C]`.
    pub fn variance(&self) -> Vec<f64> {
        self.squares.iter().map(|s| s / self.weight).collect()
    }

    /// Writes both into places of a flat vector.
    pub(crate) fn write(&self, flat: &mut [f32], mean: Range<usize>, variance: Range<usize>) {
        for (to, value) in flat[mean].iter_mut().zip(&self.mean) {
            *to = *value as f32;
        }
        for (to, value) in flat[variance].iter_mut().zip(self.variance()) {
            *to = value as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooled_batches_are_the_population() {
        let rows: Vec<f64> = (0..23).map(|i| f64::from((i * 7) % 11) - 3.5).collect();
        let moments = |x: &[f64]| {
            let n = x.len() as f64;
            let mean = x.iter().sum::<f64>() / n;
            (mean, x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n)
        };
        let mut pooled = PooledStatistics::default();
        for piece in [&rows[..5], &rows[5..6], &rows[6..]] {
            let (mean, variance) = moments(piece);
            pooled.add(piece.len() as f64, &[mean], &[variance]);
        }
        let (mean, variance) = moments(&rows);
        assert!((pooled.mean()[0] - mean).abs() < 1e-12);
        assert!((pooled.variance()[0] - variance).abs() < 1e-12);
    }
}
