//! Initial values of one tensor, drawn on the host in double precision.

use degu_core::{Seed, graph::Init};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// The values of a tensor as a function of its seed, shape and rule alone.
pub fn initial_values(seed: Seed, shape: &[usize], init: Init) -> Vec<f64> {
    let mut rng = seed.rng();
    let n = shape.iter().product();
    match init {
        Init::Constant(value) => vec![value; n],
        Init::Uniform { bound } => (0..n)
            .map(|_| bound * (2.0 * rng.random::<f64>() - 1.0))
            .collect(),
        Init::Normal { std } => (0..n).map(|_| std * normal(&mut rng)).collect(),
        Init::TruncatedNormal { std } => (0..n)
            .map(|_| {
                loop {
                    let z = normal(&mut rng);
                    if z.abs() <= 2.0 {
                        break std * z;
                    }
                }
            })
            .collect(),
        Init::Orthogonal => orthogonal(shape, &mut rng),
        Init::ForgetGate => {
            let hidden = n / 4;
            (0..n)
                .map(|i| if i / hidden.max(1) == 1 { 1.0 } else { 0.0 })
                .collect()
        }
    }
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// Orthonormal vectors along the longer side, by Gram-Schmidt (twice, against rounding) of normal
/// draws: uniform on the orthogonal matrices, since the diagonal of R is positive.
fn orthogonal(shape: &[usize], rng: &mut ChaCha8Rng) -> Vec<f64> {
    let columns = shape.last().copied().unwrap_or(0);
    let rows = shape.iter().product::<usize>() / columns.max(1);
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    while basis.len() < count {
        let mut v: Vec<f64> = (0..length).map(|_| normal(rng)).collect();
        for _ in 0..2 {
            for b in &basis {
                let along = dot(&v, b);
                v.iter_mut().zip(b).for_each(|(v, b)| *v -= along * b);
            }
        }
        let size = dot(&v, &v).sqrt();
        if size > 1e-6 {
            for v in &mut v {
                *v /= size;
            }
            basis.push(v);
        }
    }
    let mut values = vec![0.0; rows * columns];
    for (i, vector) in basis.iter().enumerate() {
        for (j, v) in vector.iter().enumerate() {
            let at = if rows <= columns {
                i * columns + j
            } else {
                j * columns + i
            };
            values[at] = *v;
        }
    }
    values
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
