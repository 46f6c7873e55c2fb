//! Pairwise sums, so that a mean of millions of rows keeps its digits and never depends on threads.

/// Terms below which a plain loop is used.
const BLOCK: usize = 128;

/// Σ f(i) for i in 0..n, summed pairwise.
pub(crate) fn sum_by(n: usize, f: impl Fn(usize) -> f64 + Copy) -> f64 {
    fn part(from: usize, to: usize, f: impl Fn(usize) -> f64 + Copy) -> f64 {
        if to - from <= BLOCK {
            return (from..to).map(f).sum();
        }
        let middle = from + (to - from) / 2;
        part(from, middle, f) + part(middle, to, f)
    }
    part(0, n, f)
}

/// Pairwise sum of a slice.
pub(crate) fn sum(values: &[f64]) -> f64 {
    sum_by(values.len(), |i| values[i])
}

/// Mean of a slice; NaN when empty, so callers check first.
pub(crate) fn mean(values: &[f64]) -> f64 {
    sum(values) / values.len() as f64
}

/// Mean of f(i) for i in 0..n; NaN when `n` is 0, so callers check first.
pub(crate) fn mean_by(n: usize, f: impl Fn(usize) -> f64 + Copy) -> f64 {
    sum_by(n, f) / n as f64
}
