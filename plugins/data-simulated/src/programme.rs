use degu_core::Seed;
use rayon::prelude::*;

use crate::config::{ProgrammeChoice, Simulated};
use crate::motif::Motif;
use crate::random::{draws, normal};
use crate::sequence::Generator;

/// Weights of the reference motifs.
pub const REFERENCE_WEIGHTS: [f64; 12] = [
    0.6012301533574825,
    0.8987455375084699,
    0.3258621446377824,
    -0.29059183875727423,
    0.14532921482827743,
    -0.3916465549964624,
    0.6601436025974384,
    1.9402152455545334,
    0.10779348144867035,
    -0.02047489981994044,
    1.0898420501851982,
    0.9568870081600607,
];
/// Weights of the pairs of reference motifs.
pub const REFERENCE_PAIR_WEIGHTS: [f64; 3] =
    [1.5527071244989492, 1.0347659776458977, 1.4853740887683633];
/// Weights of the compact motifs.
pub const COMPACT_WEIGHTS: [f64; 3] = [2.0, 1.0, -1.5];
/// Weight of the pair of compact motifs.
pub const COMPACT_PAIR_WEIGHTS: [f64; 1] = [1.0];
/// Motifs that act together.
const PAIRS: [(usize, usize); 3] = [(0, 1), (3, 4), (7, 8)];
/// Sequences on which programmes are standardised.
const REFERENCE_SEQUENCES: usize = 3000;

/// Standard deviation of the mean over replicates at activity `mean`, before the options of noise.
pub fn noise(mean: f64) -> f64 {
    0.45 * libm::exp(0.35 * libm::tanh(mean))
}

/// One task: activity as an affine function of saturations and their pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct Programme {
    /// Weights of motifs, then of pairs.
    weights: Vec<f64>,
    intercept: f64,
}

impl Programme {
    /// `(sum of weighted features - shift) / scale`.
    pub fn new(motifs: &[f64], pairs: &[f64], shift: f64, scale: f64) -> Self {
        Self {
            weights: motifs.iter().chain(pairs).map(|w| w / scale).collect(),
            intercept: -shift / scale,
        }
    }

    fn value(&self, features: &[f64]) -> f64 {
        let sum: f64 = self.weights.iter().zip(features).map(|(w, f)| w * f).sum();
        sum + self.intercept
    }

    /// `a self + b other + c`
    fn mix(&self, a: f64, other: &Self, b: f64, c: f64) -> Self {
        Self {
            weights: self
                .weights
                .iter()
                .zip(&other.weights)
                .map(|(x, y)| a * x + b * y)
                .collect(),
            intercept: a * self.intercept + b * other.intercept + c,
        }
    }
}

/// The motifs and the programme of every task.
#[derive(Debug, Clone)]
pub struct Programmes {
    motifs: Vec<Motif>,
    tasks: Vec<Programme>,
}

impl Programmes {
    /// Motifs with given programmes.
    pub fn new(motifs: Vec<Motif>, tasks: Vec<Programme>) -> Self {
        Self { motifs, tasks }
    }

    /// The programmes of a configuration, standardised on its reference sequences.
    pub fn of(config: &Simulated) -> Self {
        let motifs: Vec<Motif> = config
            .consensus()
            .iter()
            .map(|consensus| Motif::of_consensus(consensus))
            .collect();
        // Stored programmes are the same function for every seed, their further tasks included.
        let seed = match config.programme {
            ProgrammeChoice::Compact | ProgrammeChoice::Reference => Seed::root(0),
            ProgrammeChoice::Random => Seed::root(config.seed),
        };
        let reference = reference_features(config.length, &motifs);
        let first = match config.programme {
            ProgrammeChoice::Compact => {
                Programme::new(&COMPACT_WEIGHTS, &COMPACT_PAIR_WEIGHTS, 0.0, 1.0)
            }
            ProgrammeChoice::Reference => {
                Programme::new(&REFERENCE_WEIGHTS, &REFERENCE_PAIR_WEIGHTS, 0.0, 1.0)
            }
            ProgrammeChoice::Random => drawn(motifs.len(), &seed.child("programme/0")),
        };
        let first = standardised(&first, &reference);
        let mut tasks = vec![first.clone()];
        for task in 1..config.tasks {
            let other = drawn(motifs.len(), &seed.child(format!("programme/{task}")));
            tasks.push(rewired(&first, &other, config.task_correlation, &reference));
        }
        Self { motifs, tasks }
    }

    /// The motifs.
    pub fn motifs(&self) -> &[Motif] {
        &self.motifs
    }

    /// Noise-free activity of one sequence, `[T]`.
    pub fn mean(&self, codes: &[u8]) -> Vec<f64> {
        let features = features(codes, &self.motifs);
        self.tasks.iter().map(|t| t.value(&features)).collect()
    }
}

/// Saturations of the motifs, then products of the pairs.
fn features(codes: &[u8], motifs: &[Motif]) -> Vec<f64> {
    let mut features: Vec<f64> = motifs
        .iter()
        .map(|motif| {
            let occupancy = motif.occupancy(codes);
            occupancy / (1.0 + occupancy)
        })
        .collect();
    for (a, b) in pairs(motifs.len()) {
        features.push(features[a] * features[b]);
    }
    features
}

fn pairs(motifs: usize) -> impl Iterator<Item = (usize, usize)> {
    PAIRS
        .into_iter()
        .filter(move |(a, b)| *a < motifs && *b < motifs)
}

fn drawn(motifs: usize, seed: &Seed) -> Programme {
    let mut draws = draws(seed);
    let weights: Vec<f64> = (0..motifs).map(|_| 0.6 + normal(&mut draws)).collect();
    let pair_weights: Vec<f64> = pairs(motifs)
        .map(|_| 1.5 + 0.5 * normal(&mut draws))
        .collect();
    Programme::new(&weights, &pair_weights, 0.0, 1.0)
}

/// Features of the reference sequences, which depend on the length and the motifs alone.
fn reference_features(length: usize, motifs: &[Motif]) -> Vec<Vec<f64>> {
    let generator = Generator {
        length,
        gc: 0.5,
        density: 3.0,
    };
    let seed = Seed::root(0).child("reference");
    (0..REFERENCE_SEQUENCES)
        .into_par_iter()
        .map(|i| {
            let (codes, _) = generator.draw(motifs, &seed.child(format!("sequence/{i}")));
            features(&codes, motifs)
        })
        .collect()
}

fn moments(programme: &Programme, reference: &[Vec<f64>]) -> (Vec<f64>, f64, f64) {
    let values: Vec<f64> = reference.iter().map(|f| programme.value(f)).collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let var = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    // Weights that are all alike in effect (no motif ever occurs) leave nothing to scale.
    let std = if var > 0.0 { libm::sqrt(var) } else { 1.0 };
    (values, mean, std)
}

fn standardised(programme: &Programme, reference: &[Vec<f64>]) -> Programme {
    let (_, mean, std) = moments(programme, reference);
    programme.mix(1.0 / std, programme, 0.0, -mean / std)
}

/// `r first + sqrt(1 - r^2) g`, g being the standardised part of `other` that is uncorrelated with
/// `first`: correlation r exactly, mean 0 and variance 1 on the reference sequences.
fn rewired(first: &Programme, other: &Programme, r: f64, reference: &[Vec<f64>]) -> Programme {
    let other = standardised(other, reference);
    let (f, ..) = moments(first, reference);
    let (g, ..) = moments(&other, reference);
    let c = f.iter().zip(&g).map(|(a, b)| a * b).sum::<f64>() / f.len() as f64;
    let rest = standardised(&other.mix(1.0, first, -c, 0.0), reference);
    first.mix(r, &rest, libm::sqrt(1.0 - r * r), 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_tasks_have_the_correlation_asked_for() {
        let config = Simulated {
            tasks: 3,
            task_correlation: 0.6,
            length: 100,
            ..Simulated::default()
        };
        let programmes = Programmes::of(&config);
        let reference = reference_features(100, &programmes.motifs);
        let values: Vec<Vec<f64>> = programmes
            .tasks
            .iter()
            .map(|task| {
                let (values, mean, std) = moments(task, &reference);
                assert!(
                    mean.abs() < 1e-9 && (std - 1.0).abs() < 1e-9,
                    "{mean} {std}"
                );
                values
            })
            .collect();
        for other in &values[1..] {
            let r = values[0].iter().zip(other).map(|(a, b)| a * b).sum::<f64>()
                / REFERENCE_SEQUENCES as f64;
            assert!((r - 0.6).abs() < 1e-9, "{r}");
        }
    }
}
