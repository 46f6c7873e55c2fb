//! Seqlets as TF-MoDISco calls them: windows whose sum stands out against a two-sided Laplace null.
//!
//! The steps of tfmodisco-lite's `extract_seqlets`: sums over windows; a null with its mode at the
//! peak of their histogram and, on each side, the steepest exponential that any percentile
//! suggests; isotonic regression of "is real" on the value of real and null sums gives the smallest
//! sum with the wanted false discovery rate; greedy maxima, each with its flanks suppressed. The
//! reference draws its null from NumPy's Mersenne twister and this one from [`Draws`], so calls
//! agree in number and place but for windows at the threshold.

mod null;

use crate::draws::Draws;
use crate::error::{GenomeError, Result};
use crate::seqlet::Seqlet;

pub use null::LaplaceNull;
use null::{increasing, percentile};

/// Settings of the calls.
///
/// | field | default | range | purpose |
/// |---|---|---|---|
/// | `window` | 21 | 1 .. | bp of the core whose sum is tested |
/// | `flank` | 10 | | bp added on both sides; windows nearer to an end are left out |
/// | `fdr` | 0.2 | 0 to 1 | share of calls that may be null |
/// | `least`, `most` | 0.03, 0.2 | 0 to 1 | share of all windows that passes |
/// | `samples` | 10,000 | 100 .. | draws from the null |
/// | `seed` | zeros | | stream of the draws |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LaplaceCaller {
    /// bp of the core.
    pub window: usize,
    /// bp on both sides.
    pub flank: usize,
    /// False discovery rate.
    pub fdr: f64,
    /// Smallest share of windows that passes.
    pub least: f64,
    /// Largest share of windows that passes.
    pub most: f64,
    /// Draws from the null.
    pub samples: usize,
    /// Stream of the draws.
    pub seed: [u8; 32],
}

impl Default for LaplaceCaller {
    fn default() -> Self {
        Self {
            window: 21,
            flank: 10,
            fdr: 0.2,
            least: 0.03,
            most: 0.2,
            samples: 10_000,
            seed: [0; 32],
        }
    }
}

/// Smallest share of null windows that a threshold may assume.
const LEAST_NULL: f64 = 0.95;

/// Seqlets with the thresholds that called them.
#[derive(Debug, Clone, PartialEq)]
pub struct LaplaceCalls {
    /// Seqlets of both signs, by example and start; `p_value` is the tail of the null,
    /// `attribution` the sum with the flanks.
    pub seqlets: Vec<Seqlet>,
    /// Sums at and above this are called.
    pub positive: f64,
    /// Sums at and below this are called.
    pub negative: f64,
    /// The null.
    pub null: LaplaceNull,
}

impl LaplaceCaller {
    /// Calls seqlets of both signs.
    ///
    /// # Shapes
    ///
    /// * `track` - observed attributions, N rows of any lengths
    ///
    /// # Errors
    ///
    /// [`GenomeError::Argument`] for settings out of range, values that are not finite, rows of
    /// which none holds a window, or window sums that are all equal.
    ///
    /// # Determinism
    ///
    /// Stream 0 of `seed`.
    pub fn call<S: AsRef<[f64]>>(&self, track: &[S]) -> Result<LaplaceCalls> {
        self.check(track)?;
        let sums: Vec<Vec<f64>> = track.iter().map(|row| self.sums(row.as_ref())).collect();
        let all: Vec<f64> = sums.iter().flatten().copied().collect();
        let null = LaplaceNull::fit(&all).ok_or_else(|| {
            GenomeError::argument(
                "track",
                "window sums that differ on both sides of their mode",
                format_args!("{} sums", all.len()),
            )
        })?;
        let mut draws = Draws::new(self.seed);
        let sampled: Vec<f64> = (0..self.samples).map(|_| null.draw(&mut draws)).collect();
        let side = |keep: fn(f64) -> bool, values: &[f64]| -> Vec<f64> {
            values
                .iter()
                .copied()
                .filter(|v| keep(*v))
                .map(f64::abs)
                .collect()
        };
        let (up, down): (fn(f64) -> bool, fn(f64) -> bool) = (|v| v >= 0.0, |v| v < 0.0);
        let mut positive = self.threshold(&side(up, &all), &side(up, &sampled));
        let mut negative = -self.threshold(&side(down, &all), &side(down, &sampled));
        let passing = all
            .iter()
            .filter(|v| **v >= positive || **v <= negative)
            .count() as f64
            / all.len() as f64;
        if passing < self.least || passing > self.most {
            let share = passing.clamp(self.least, self.most);
            let mut sizes: Vec<f64> = all.iter().map(|v| v.abs()).collect();
            sizes.sort_by(f64::total_cmp);
            positive = percentile(&sizes, 100.0 * (1.0 - share));
            negative = -positive;
        }
        let mut seqlets = Vec::new();
        for (example, (row, sums)) in track.iter().zip(&sums).enumerate() {
            self.maxima(
                example,
                row.as_ref(),
                sums,
                (positive, negative),
                &null,
                &mut seqlets,
            );
        }
        seqlets.sort_by_key(|seqlet| (seqlet.example, seqlet.start));
        Ok(LaplaceCalls {
            seqlets,
            positive,
            negative,
            null,
        })
    }

    fn check<S: AsRef<[f64]>>(&self, track: &[S]) -> Result<()> {
        let shares = [self.fdr, self.least, self.most];
        if self.window == 0
            || self.samples < 100
            || self.least > self.most
            || shares.iter().any(|s| !(0.0..=1.0).contains(s))
        {
            return Err(GenomeError::argument(
                "seqlet settings",
                "a window of 1 bp or more, 100 samples or more, shares from 0 to 1 with least <= most",
                format_args!("{self:?}"),
            ));
        }
        for (row, values) in track.iter().enumerate() {
            if let Some(at) = values.as_ref().iter().position(|value| !value.is_finite()) {
                return Err(GenomeError::argument(
                    "track",
                    "finite attributions",
                    format_args!("{} at row {row}, position {at}", values.as_ref()[at]),
                ));
            }
        }
        Ok(())
    }

    fn sums(&self, row: &[f64]) -> Vec<f64> {
        row.windows(self.window).map(|w| w.iter().sum()).collect()
    }

    /// Smallest size of a sum with a false discovery rate within the target; unreachable if there
    /// is none.
    fn threshold(&self, real: &[f64], null: &[f64]) -> f64 {
        if real.is_empty() || null.is_empty() {
            return f64::INFINITY;
        }
        let weight = real.len() as f64 / null.len() as f64;
        let mut points: Vec<(f64, f64, f64)> = real.iter().map(|v| (*v, 1.0, 1.0)).collect();
        points.extend(null.iter().map(|v| (*v, 0.0, weight)));
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let share = increasing(&points);
        let lowest = share.first().copied().unwrap_or(0.0).max(1e-7);
        // What share of real windows the null must make up, so that the smallest ones are all null.
        let implied = -1.0 / (1.0 - 1.0 / lowest);
        let null_share = if (LEAST_NULL..=1.0).contains(&implied) {
            implied
        } else {
            implied.clamp(LEAST_NULL, 1.0)
        };
        let null_share = if null_share.is_nan() { 1.0 } else { null_share };
        let reached = points.iter().zip(&share).find(|(_, share)| {
            let precision = 1.0 + null_share * (1.0 - 1.0 / share.max(1e-7));
            precision.clamp(0.0, 1.0) >= 1.0 - self.fdr
        });
        match (reached, points.last()) {
            (Some((point, _)), _) => point.0,
            (None, Some(last)) => last.0,
            (None, None) => f64::INFINITY,
        }
    }

    /// Windows that pass, largest first, each suppressing its neighbourhood.
    fn maxima(
        &self,
        example: usize,
        row: &[f64],
        sums: &[f64],
        (positive, negative): (f64, f64),
        null: &LaplaceNull,
        seqlets: &mut Vec<Seqlet>,
    ) {
        let suppressed = self.window / 2 + self.flank;
        let last = (row.len() + 1).saturating_sub(self.window + self.flank);
        let mut order: Vec<usize> = (self.flank..last.max(self.flank))
            .filter(|start| sums[*start] >= positive || sums[*start] <= negative)
            .collect();
        order.sort_by(|a, b| sums[*b].abs().total_cmp(&sums[*a].abs()).then(a.cmp(b)));
        let mut taken = vec![false; sums.len()];
        for start in order {
            if taken[start] {
                continue;
            }
            let from = start.saturating_sub(suppressed);
            let to = (start + suppressed + 1).min(taken.len());
            taken[from..to].fill(true);
            let (from, to) = (start - self.flank, start + self.window + self.flank);
            seqlets.push(Seqlet {
                example,
                start: from,
                end: to,
                attribution: row[from..to].iter().sum(),
                p_value: null.tail(sums[start]),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Laplace noise of scale 1 with windows of 21 bp raised by 3 at known places.
    fn track(rows: usize, planted: &[(usize, usize, f64)]) -> Vec<Vec<f64>> {
        let mut draws = Draws::new([7; 32]);
        let mut track: Vec<Vec<f64>> = (0..rows)
            .map(|_| {
                (0..200)
                    .map(|_| {
                        let u = draws.unit() - 0.5;
                        -u.signum() * (1.0 - 2.0 * u.abs()).ln() * 0.3
                    })
                    .collect()
            })
            .collect();
        for (row, start, height) in planted {
            for value in &mut track[*row][*start..start + 21] {
                *value += height;
            }
        }
        track
    }

    #[test]
    fn planted_windows_of_both_signs_are_called_first() {
        let planted = [(0, 60, 3.0), (3, 100, -3.0), (7, 15, 3.0)];
        let calls = LaplaceCaller::default().call(&track(20, &planted)).unwrap();
        assert!(calls.positive > 0.0 && calls.negative < 0.0);
        let mut strongest = calls.seqlets.clone();
        strongest.sort_by(|a, b| a.p_value.total_cmp(&b.p_value));
        for seqlet in &strongest[..3] {
            let found = planted.iter().any(|(row, start, height)| {
                seqlet.example == *row
                    && (seqlet.start + 10).abs_diff(*start) <= 2
                    && seqlet.attribution.signum() == height.signum()
            });
            assert!(found, "{seqlet:?}");
            assert_eq!(seqlet.end - seqlet.start, 41);
        }
        // Windows of one row are further apart than what each suppresses.
        for pair in calls.seqlets.windows(2) {
            assert!(pair[0].example < pair[1].example || pair[1].start - pair[0].start > 20);
        }
    }

    #[test]
    fn the_passing_share_is_clamped() {
        let noise = track(40, &[]);
        let share = |calls: &LaplaceCalls| {
            let sums: Vec<f64> = noise
                .iter()
                .flat_map(|row| LaplaceCaller::default().sums(row))
                .collect();
            let passing = sums
                .iter()
                .filter(|v| **v >= calls.positive || **v <= calls.negative);
            passing.count() as f64 / sums.len() as f64
        };
        let calls = LaplaceCaller::default().call(&noise).unwrap();
        assert!(
            (0.029..=0.201).contains(&share(&calls)),
            "{}",
            share(&calls)
        );
        let caller = LaplaceCaller {
            least: 0.1,
            most: 0.1,
            ..LaplaceCaller::default()
        };
        let exact = share(&caller.call(&noise).unwrap());
        assert!((exact - 0.1).abs() < 1e-3, "{exact}");
    }

    #[test]
    fn tracks_without_windows_or_spread_are_refused() {
        let caller = LaplaceCaller::default();
        assert!(caller.call(&[vec![0.0; 100]]).is_err());
        assert!(caller.call(&[vec![0.1; 10]]).is_err());
        assert!(caller.call(&[vec![f64::NAN; 100]]).is_err());
    }
}
