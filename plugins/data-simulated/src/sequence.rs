use degu_core::Seed;
use degu_genome::{Draws, reverse_complement};

use crate::motif::Motif;
use crate::random::{draws, poisson};

/// Most instances in one sequence.
const MOST_INSTANCES: usize = 8;

/// A motif site written into a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instance {
    /// Index of the motif.
    pub motif: usize,
    /// First position, 0-based.
    pub start: usize,
    /// Whether the site is on the strand that is read.
    pub forward: bool,
}

/// Draws sequences; each from a stream of its own.
#[derive(Debug, Clone)]
pub struct Generator {
    /// Length `L` in bp.
    pub length: usize,
    /// Share of G and C in the background.
    pub gc: f64,
    /// Mean number of motif instances.
    pub density: f64,
}

impl Generator {
    /// Codes of one sequence, `[L]`, and its instances in the order of writing.
    pub fn draw(&self, motifs: &[Motif], seed: &Seed) -> (Vec<u8>, Vec<Instance>) {
        let mut draws = draws(seed);
        let half = (1.0 - self.gc) / 2.0;
        let background = [half, self.gc / 2.0, self.gc / 2.0, half];
        let mut codes: Vec<u8> = (0..self.length)
            .map(|_| base(&background, &mut draws))
            .collect();
        let count = poisson(self.density, &mut draws).min(MOST_INSTANCES);
        let instances = (0..count)
            .map(|_| {
                let motif = draws.below(motifs.len());
                let width = motifs[motif].width();
                let start = draws.below(self.length - width + 1);
                let mut site: Vec<u8> = motifs[motif]
                    .probabilities()
                    .iter()
                    .map(|row| base(row, &mut draws))
                    .collect();
                let forward = draws.unit() >= 0.5;
                if !forward {
                    site = reverse_complement(&site);
                }
                codes[start..start + width].copy_from_slice(&site);
                Instance {
                    motif,
                    start,
                    forward,
                }
            })
            .collect();
        (codes, instances)
    }
}

/// A base by inversion of the distribution function in the order A, C, G, T.
fn base(probabilities: &[f64; 4], draws: &mut Draws) -> u8 {
    let u = draws.unit();
    let mut sum = 0.0;
    for (code, p) in probabilities[..3].iter().enumerate() {
        sum += p;
        if u < sum {
            return code as u8;
        }
    }
    3
}
