//! Cholesky factors of small dense matrices, row-major.

use crate::error::{Result, StatsError};

/// Lower Cholesky factor L of a symmetric matrix with L Lᵀ = A.
pub(crate) struct Cholesky {
    size: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factors `matrix`; `name` is what the matrix describes, for the error that names the first
    /// dependent column.
    pub(crate) fn new(name: &'static str, matrix: &[f64], size: usize) -> Result<Self> {
        let mut lower = vec![0.0; size * size];
        for row in 0..size {
            for column in 0..=row {
                let known: f64 = (0..column)
                    .map(|k| lower[row * size + k] * lower[column * size + k])
                    .sum();
                let rest = matrix[row * size + column] - known;
                if row == column {
                    // A pivot that is rounding noise beside its diagonal is a dependent column.
                    if !(rest > 1e-13 * matrix[row * size + row].abs() && rest.is_finite()) {
                        return Err(StatsError::Singular { name, column });
                    }
                    lower[row * size + row] = rest.sqrt();
                } else {
                    lower[row * size + column] = rest / lower[column * size + column];
                }
            }
        }
        Ok(Self { size, lower })
    }

    /// L⁻¹ b.
    pub(crate) fn forward(&self, b: &[f64]) -> Vec<f64> {
        let mut x = b.to_vec();
        for row in 0..self.size {
            let known: f64 = (0..row)
                .map(|k| self.lower[row * self.size + k] * x[k])
                .sum();
            x[row] = (x[row] - known) / self.lower[row * self.size + row];
        }
        x
    }

    /// A⁻¹ b.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = self.forward(b);
        for row in (0..self.size).rev() {
            let known: f64 = (row + 1..self.size)
                .map(|k| self.lower[k * self.size + row] * x[k])
                .sum();
            x[row] = (x[row] - known) / self.lower[row * self.size + row];
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_and_names_dependent_columns() {
        let factor = Cholesky::new("test", &[4.0, 2.0, 2.0, 3.0], 2).unwrap();
        let x = factor.solve(&[8.0, 7.0]);
        assert!((x[0] - 1.25).abs() < 1e-14 && (x[1] - 1.5).abs() < 1e-14);
        let dependent = Cholesky::new("test", &[1.0, 2.0, 2.0, 4.0], 2);
        assert!(matches!(
            dependent,
            Err(StatsError::Singular { column: 1, .. })
        ));
    }
}
