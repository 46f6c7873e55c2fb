//! Mean, standard deviation and sign agreement of the maps of several models, model by model.

/// Moments of maps that arrive one model at a time (Welford, f64).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MapMoments {
    models: usize,
    mean: Vec<f64>,
    squares: Vec<f64>,
    positive: Vec<u16>,
    negative: Vec<u16>,
}

impl MapMoments {
    /// Moments of `values` numbers each.
    pub fn new(values: usize) -> Self {
        Self {
            models: 0,
            mean: vec![0.0; values],
            squares: vec![0.0; values],
            positive: vec![0; values],
            negative: vec![0; values],
        }
    }

    /// Adds the maps of a model; what is longer than the moments is passed over.
    pub fn push(&mut self, map: &[f32]) {
        self.models += 1;
        let n = self.models as f64;
        for (i, value) in map.iter().enumerate().take(self.mean.len()) {
            let value = f64::from(*value);
            let before = value - self.mean[i];
            self.mean[i] += before / n;
            self.squares[i] += before * (value - self.mean[i]);
            self.positive[i] += u16::from(value > 0.0);
            self.negative[i] += u16::from(value < 0.0);
        }
    }

    /// Mean over models.
    pub fn mean(&self) -> Vec<f32> {
        self.mean.iter().map(|v| *v as f32).collect()
    }

    /// Standard deviation between models (ddof 1); `None` of fewer than two.
    pub fn sd(&self) -> Option<Vec<f32>> {
        let divisor = self.models.checked_sub(1).filter(|n| *n > 0)? as f64;
        let roots = self.squares.iter().map(|s| (s / divisor).sqrt() as f32);
        Some(roots.collect())
    }

    /// Share of the models with the sign of the mean (of those with 0, where the mean is 0); `None`
    /// of fewer than two.
    pub fn agreement(&self) -> Option<Vec<f32>> {
        if self.models < 2 {
            return None;
        }
        let share = |i: usize| {
            let (up, down) = (usize::from(self.positive[i]), usize::from(self.negative[i]));
            let same = if self.mean[i] > 0.0 {
                up
            } else if self.mean[i] < 0.0 {
                down
            } else {
                self.models - up - down
            };
            same as f32 / self.models as f32
        };
        Some((0..self.mean.len()).map(share).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_equal_those_of_all_models_at_once() {
        let maps = [
            [1.0f32, -2.0, 0.0, 0.5],
            [2.0, 1.0, 0.0, -0.5],
            [6.0, -5.0, 0.0, 0.0],
        ];
        let mut moments = MapMoments::new(4);
        for map in &maps {
            moments.push(map);
        }
        assert_eq!(moments.mean(), [3.0, -2.0, 0.0, 0.0]);
        let sd = moments.sd().unwrap();
        // sqrt((4 + 1 + 9) / 2), sqrt((0 + 9 + 9) / 2)
        assert!((sd[0] - 7f32.sqrt()).abs() < 1e-6 && (sd[1] - 3.0).abs() < 1e-6);
        let third = 1.0 / 3.0;
        assert_eq!(moments.agreement().unwrap(), [1.0, 2.0 * third, 1.0, third]);
        let mut one = MapMoments::new(1);
        one.push(&[2.0]);
        assert!(one.sd().is_none() && one.agreement().is_none());
    }
}
