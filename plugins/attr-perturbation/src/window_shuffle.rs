//! Shuffled windows.

use candle_core::Tensor;
use degu_core::{
    Attribution, Attributor, Form, Invalid, PluginConfig, Predictor, Result, Seed, Target, explain,
};
use degu_genome::{Draws, Shuffle};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Shuffled sequences that are predicted at once.
const TOGETHER: usize = 1024;

/// What a window keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowShuffleKind {
    /// Its bases.
    #[default]
    Mononucleotide,
    /// Its dinucleotides and ends; short windows have few orders or one.
    Dinucleotide,
}

/// Loss of a predicted number when a window is shuffled, per base pair.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WindowShuffle {
    /// Width of the windows in bp; at most the length of the sequences.
    #[schemars(range(min = 2))]
    pub width: usize,
    /// From one window to the next in bp; the last one ends with the sequence.
    #[schemars(range(min = 1))]
    pub stride: usize,
    /// Shuffles of each window.
    #[schemars(range(min = 1))]
    pub shuffles: usize,
    /// What a window keeps.
    pub shuffle: WindowShuffleKind,
}

impl Default for WindowShuffle {
    fn default() -> Self {
        Self {
            width: 10,
            stride: 2,
            shuffles: 10,
            shuffle: WindowShuffleKind::default(),
        }
    }
}

impl PluginConfig for WindowShuffle {
    fn check(&self) -> Result<(), Invalid> {
        if self.stride > self.width {
            return Err(Invalid {
                field: "stride",
                message: format!(
                    "must be at most `width` ({}), or positions lie in no window; found {}",
                    self.width, self.stride
                ),
            });
        }
        Ok(())
    }
}

impl Attributor for WindowShuffle {
    fn attribute(
        &self,
        model: &dyn Predictor,
        codes: &Tensor,
        targets: &[Target],
        seeds: &[Seed],
    ) -> Result<Vec<Attribution>> {
        let (n, length) = explain::check_codes(model, codes)?;
        explain::check_seeds(seeds, n)?;
        let own = model.values(codes, targets)?;
        let mut maps = vec![Vec::with_capacity(n * length * 4); targets.len()];
        for (i, (row, seed)) in codes.to_vec2::<u8>()?.iter().zip(seeds).enumerate() {
            let starts = self.starts(length);
            let shuffled = self.shuffled(row, &starts, seed);
            let mut values = vec![Vec::new(); targets.len()];
            for some in shuffled.chunks(TOGETHER * length) {
                let shape = (some.len() / length, length);
                let some = Tensor::from_slice(some, shape, codes.device())?;
                for (all, found) in values.iter_mut().zip(model.values(&some, targets)?) {
                    all.extend(found);
                }
            }
            for ((map, values), own) in maps.iter_mut().zip(values).zip(&own) {
                map.extend(self.spread(row, &starts, &values, own[i]));
            }
        }
        let finish = |values: Vec<f64>| -> Result<Attribution> {
            let values = Tensor::from_vec(values, (n, length, 4), codes.device())?;
            let values = values.to_dtype(model.dtype())?;
            Ok(Attribution::new(Form::Observed, values))
        };
        maps.into_iter().map(finish).collect()
    }
}

impl WindowShuffle {
    /// First positions of the windows.
    fn starts(&self, length: usize) -> Vec<usize> {
        let last = length.saturating_sub(self.width);
        let mut starts: Vec<usize> = (0..=last).step_by(self.stride).collect();
        if starts.last() != Some(&last) {
            starts.push(last);
        }
        starts
    }

    /// Every window shuffled in turn, `[windows, shuffles, L]`.
    fn shuffled(&self, codes: &[u8], starts: &[usize], seed: &Seed) -> Vec<u8> {
        let kind = match self.shuffle {
            WindowShuffleKind::Mononucleotide => Shuffle::Mononucleotide,
            WindowShuffleKind::Dinucleotide => Shuffle::Dinucleotide,
        };
        let mut all = Vec::with_capacity(starts.len() * self.shuffles * codes.len());
        for start in starts {
            let window = *start..(start + self.width).min(codes.len());
            let stream = seed.child("window").child(start.to_string()).bytes();
            for k in 0..self.shuffles as u64 {
                let at = all.len();
                all.extend_from_slice(codes);
                let shuffled = kind.apply(&codes[window.clone()], &mut Draws::stream(stream, k));
                all[at + window.start..at + window.end].copy_from_slice(&shuffled);
            }
        }
        all
    }

    /// Losses per base pair at the bases of the sequence, `[L, 4]`, each position the mean of its
    /// windows.
    fn spread(&self, codes: &[u8], starts: &[usize], values: &[f64], own: f64) -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); codes.len()];
        for (start, values) in starts.iter().zip(values.chunks(self.shuffles)) {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let end = (start + self.width).min(codes.len());
            let loss = (own - mean) / (end - start) as f64;
            for (sum, count) in &mut sums[*start..end] {
                *sum += loss;
                *count += 1.0;
            }
        }
        let mut map = vec![0.0; codes.len() * 4];
        for (l, (code, (sum, count))) in codes.iter().zip(sums).enumerate() {
            if *code < 4 && count > 0.0 {
                map[l * 4 + usize::from(*code)] = sum / count;
            }
        }
        map
    }
}

degu_core::register!(Attributor "window-shuffle", WindowShuffle, revision = 1,
    "loss of a prediction when a window is shuffled");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_every_position_and_shuffle_themselves_alone() {
        let method = WindowShuffle {
            width: 4,
            stride: 3,
            shuffles: 2,
            shuffle: WindowShuffleKind::Mononucleotide,
        };
        assert_eq!(method.starts(9), [0, 3, 5]);
        assert_eq!(method.starts(3), [0]);
        let codes = [0, 1, 2, 3, 0, 1, 2, 3, 0];
        let all = method.shuffled(&codes, &[3], &Seed::root(1));
        for row in all.chunks(9) {
            assert_eq!((&row[..3], &row[7..]), (&codes[..3], &codes[7..]));
            let mut window = row[3..7].to_vec();
            window.sort_unstable();
            assert_eq!(window, [0, 1, 2, 3]);
        }
    }

    #[test]
    fn losses_of_windows_side_by_side_add_up() {
        let method = WindowShuffle {
            width: 2,
            stride: 2,
            shuffles: 1,
            shuffle: WindowShuffleKind::Mononucleotide,
        };
        let map = method.spread(&[0, 1, 4, 3], &[0, 2], &[1.0, 4.0], 5.0);
        assert_eq!(map[0..8], [2.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0]);
        assert_eq!(map[8..], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5]);
    }
}
