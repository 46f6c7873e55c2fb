//! The two-sided Laplace null of window sums, and the regression that compares them with it.

use crate::draws::Draws;

/// The null distribution of window sums.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LaplaceNull {
    /// Peak.
    pub mode: f64,
    /// Rate of the exponential above the mode.
    pub above: f64,
    /// Rate of the exponential below the mode.
    pub below: f64,
    /// Share of values above the mode.
    pub share_above: f64,
}

impl LaplaceNull {
    /// Fits the null to window sums; `None` if they do not differ on both sides of their mode.
    pub(super) fn fit(values: &[f64]) -> Option<Self> {
        let (low, high) = bounds(values)?;
        // Twice a histogram of 1000 bins: the fullest bin, and the fullest part of it.
        let (low, high) = fullest(values.iter().copied(), low, high);
        let within = values.iter().copied().filter(|v| *v >= low && *v <= high);
        let (inner_low, inner_high) =
            bounds(&within.clone().collect::<Vec<f64>>()).unwrap_or((low, high));
        let (low, high) = fullest(within, inner_low, inner_high);
        let mode = f64::midpoint(low, high);
        let mut above: Vec<f64> = values
            .iter()
            .filter(|v| **v >= mode)
            .map(|v| v - mode)
            .collect();
        let mut below: Vec<f64> = values
            .iter()
            .filter(|v| **v <= mode)
            .map(|v| mode - v)
            .collect();
        let share_above = above.len() as f64 / (above.len() + below.len()) as f64;
        let rate = |distances: &mut Vec<f64>| {
            distances.sort_by(f64::total_cmp);
            let rates = (1..=19).map(|step| {
                let percent = 5.0 * f64::from(step);
                -(1.0 - percent / 100.0f64).ln() / percentile(distances, percent)
            });
            rates.filter(|rate| rate.is_finite()).fold(0.0, f64::max)
        };
        let null = Self {
            mode,
            above: rate(&mut above),
            below: rate(&mut below),
            share_above,
        };
        (null.above > 0.0 && null.below > 0.0).then_some(null)
    }

    pub(super) fn draw(&self, draws: &mut Draws) -> f64 {
        let side = draws.unit();
        let distance = -(1.0 - draws.unit()).ln();
        if side < self.share_above {
            self.mode + distance / self.above
        } else {
            self.mode - distance / self.below
        }
    }

    /// Probability of a value at least as far from the mode, on its side.
    pub fn tail(&self, value: f64) -> f64 {
        let distance = value - self.mode;
        if distance >= 0.0 {
            (-distance * self.above).exp()
        } else {
            (distance * self.below).exp()
        }
    }
}

fn bounds(values: &[f64]) -> Option<(f64, f64)> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (low < high).then_some((low, high))
}

/// Edges of the fullest of 1000 bins; the first of equals.
fn fullest(values: impl Iterator<Item = f64>, low: f64, high: f64) -> (f64, f64) {
    const BINS: usize = 1000;
    let width = (high - low) / BINS as f64;
    let mut counts = vec![0usize; BINS];
    for value in values {
        let bin = ((value - low) / width) as usize;
        counts[bin.min(BINS - 1)] += 1;
    }
    let mut best = 0;
    for (bin, count) in counts.iter().enumerate() {
        if *count > counts[best] {
            best = bin;
        }
    }
    (low + best as f64 * width, low + (best + 1) as f64 * width)
}

/// Percentile of sorted values by linear interpolation, as NumPy's default.
pub(super) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let at = percent / 100.0 * last as f64;
    let below = (at.floor() as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (at - below as f64) * (sorted[above] - sorted[below])
}

/// Weighted isotonic regression, increasing, of `(x, y, weight)` sorted by x; equal x are pooled
/// first.
pub(super) fn increasing(points: &[(f64, f64, f64)]) -> Vec<f64> {
    // (mean, weight, points)
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    let merge = |a: (f64, f64, usize), b: (f64, f64, usize)| {
        let weight = a.1 + b.1;
        ((a.0 * a.1 + b.0 * b.1) / weight, weight, a.2 + b.2)
    };
    for equal in points.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let start = (equal[0].1, equal[0].2, 1);
        let mut block = equal[1..]
            .iter()
            .fold(start, |block, p| merge(block, (p.1, p.2, 1)));
        while let Some(before) = blocks.last().copied()
            && before.0 >= block.0
        {
            block = merge(before, block);
            blocks.pop();
        }
        blocks.push(block);
    }
    blocks
        .into_iter()
        .flat_map(|(mean, _, count)| std::iter::repeat_n(mean, count))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isotonic_regression_pools_what_falls() {
        let points = [
            (0.0, 1.0, 1.0),
            (1.0, 0.0, 1.0),
            (1.0, 1.0, 2.0),
            (2.0, 0.5, 1.0),
            (3.0, 4.0, 1.0),
        ];
        // By hand: {0: 1} and {1: 2/3} pool to 3/4 over weight 4, then with .5 to .7 over weight 5.
        let fit = increasing(&points);
        for (found, expected) in fit.iter().zip([0.7, 0.7, 0.7, 0.7, 4.0]) {
            assert!((found - expected).abs() < 1e-12, "{fit:?}");
        }
    }

    #[test]
    fn the_null_finds_mode_and_rates() {
        let mut draws = Draws::new([3; 32]);
        let truth = LaplaceNull {
            mode: 0.5,
            above: 2.0,
            below: 4.0,
            share_above: 0.5,
        };
        let values: Vec<f64> = (0..200_000).map(|_| truth.draw(&mut draws)).collect();
        let fit = LaplaceNull::fit(&values).unwrap();
        assert!((fit.mode - 0.5).abs() < 0.03, "{fit:?}");
        // The steepest of 19 percentiles lies above the rate; a mode a little too low shortens the
        // smallest distances.
        assert!(
            (1.8..4.5).contains(&fit.above) && (3.5..5.5).contains(&fit.below),
            "{fit:?}"
        );
        assert!((percentile(&[1.0, 2.0, 4.0], 75.0) - 3.0).abs() < 1e-12);
    }
}
