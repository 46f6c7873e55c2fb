//! Draws with documented algorithms, so that the values of a seed never change with a library
//! version.

use degu_core::Seed;
use degu_genome::Draws;

/// The stream of a seed.
pub(crate) fn draws(seed: &Seed) -> Draws {
    Draws::new(seed.bytes())
}

/// A standard normal number: Box-Muller, the cosine branch.
pub(crate) fn normal(draws: &mut Draws) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - draws.unit()));
    radius * libm::cos(std::f64::consts::TAU * draws.unit())
}

/// A Poisson number, by inversion of the distribution function; for means of at most 50.
pub(crate) fn poisson(mean: f64, draws: &mut Draws) -> usize {
    let u = draws.unit();
    let mut probability = libm::exp(-mean);
    let mut sum = probability;
    let mut k = 0;
    // 1,000 is far beyond any quantile of a mean of 50, and ends the loop when rounding keeps the
    // sum below u.
    while u >= sum && k < 1000 {
        k += 1;
        probability *= mean / k as f64;
        sum += probability;
    }
    k
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_both_distributions() {
        let mut stream = draws(&Seed::root(1));
        let n = 100_000;
        let z: Vec<f64> = (0..n).map(|_| normal(&mut stream)).collect();
        let mean = z.iter().sum::<f64>() / f64::from(n);
        let var = z.iter().map(|v| v * v).sum::<f64>() / f64::from(n);
        let fourth = z.iter().map(|v| v.powi(4)).sum::<f64>() / f64::from(n);
        // Standard errors: 0.0032, 0.0045 and 0.031.
        assert!(
            mean.abs() < 0.013 && (var - 1.0).abs() < 0.018 && (fourth - 3.0).abs() < 0.13,
            "{mean} {var} {fourth}"
        );
        let k: Vec<f64> = (0..n).map(|_| poisson(3.0, &mut stream) as f64).collect();
        let mean = k.iter().sum::<f64>() / f64::from(n);
        let var = k.iter().map(|v| (v - 3.0).powi(2)).sum::<f64>() / f64::from(n);
        assert!(
            (mean - 3.0).abs() < 0.022 && (var - 3.0).abs() < 0.07,
            "{mean} {var}"
        );
        assert_eq!(poisson(0.0, &mut stream), 0);
    }
}
