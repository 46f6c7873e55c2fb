//! Recursive seqlet calls: spans of an attribution track whose every part stands out.
//!
//! The algorithm of tangermeme's `recursive_seqlets` (1.6): values are binned, the histogram of all
//! of them is the null distribution of one position, sums of spans get tail probabilities by
//! repeated convolution, and a span is called if it and every span inside it down to the shortest
//! length are below the threshold. Positive seqlets only; run on the negated track for negative
//! ones. The p-values rank spans, they are no error rates, since neighbours correlate; for a rate
//! use [`SeqletCaller::call_at_fdr`].

use crate::error::{GenomeError, Result};

/// A called span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seqlet {
    /// Row of the track.
    pub example: usize,
    /// First position.
    pub start: usize,
    /// End, exclusive.
    pub end: usize,
    /// Sum of the track over the span, in units of the track.
    pub attribution: f64,
    /// Tail probability of the span's own sum, before widening.
    pub p_value: f64,
}

/// False discovery rate at one threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FdrPoint {
    /// Threshold on p.
    pub threshold: f64,
    /// Calls in the track.
    pub calls: usize,
    /// Calls in the control.
    pub control_calls: usize,
    /// `(control_calls + 1) * (positions of the track / positions of the control) / calls`.
    pub fdr: f64,
}

/// Settings of the calls.
///
/// | field | default | range | purpose |
/// |---|---|---|---|
/// | `threshold` | 0.01 | above 0 | largest p of a seqlet and its parts |
/// | `min_length` | 4 | 1 ..= `max_length` | shortest seqlet, bp |
/// | `max_length` | 25 | | longest seqlet, bp |
/// | `bins` | 1000 | at least 2 | resolution of the values |
/// | `flanks` | 0 | | bp added on both sides of a call |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeqletCaller {
    /// Largest p of a seqlet and all its parts.
    pub threshold: f64,
    /// Shortest seqlet, bp.
    pub min_length: usize,
    /// Longest seqlet, bp.
    pub max_length: usize,
    /// Bins of the values.
    pub bins: usize,
    /// bp added on both sides, cut at the ends.
    pub flanks: usize,
}

impl Default for SeqletCaller {
    fn default() -> Self {
        Self {
            threshold: 0.01,
            min_length: 4,
            max_length: 25,
            bins: 1000,
            flanks: 0,
        }
    }
}

impl SeqletCaller {
    /// Calls seqlets at the threshold, sorted by p (ties by example and start).
    ///
    /// A track whose values are all equal has none.
    ///
    /// # Shapes
    ///
    /// * `track` - observed attributions, N rows of any lengths
    ///
    /// # Errors
    ///
    /// [`GenomeError::Argument`] for values that are not finite or settings out of range.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut row = vec![0.01; 200];
    /// for (i, value) in row.iter_mut().enumerate() {
    ///     *value *= ((i * 7919) % 13) as f64 - 6.0;
    /// }
    /// row[90..98].fill(1.0);
    /// let seqlets = degu_genome::SeqletCaller::default().call(&[row])?;
    /// assert_eq!(seqlets.len(), 1);
    /// assert!(seqlets[0].start >= 86 && seqlets[0].end <= 102);
    /// # Ok::<(), degu_genome::GenomeError>(())
    /// ```
    pub fn call<S: AsRef<[f64]>>(&self, track: &[S]) -> Result<Vec<Seqlet>> {
        self.check(track)?;
        let Some(null) = Null::of(self, track) else {
            return Ok(Vec::new());
        };
        Ok(self.called(track, &null.score(self, track), self.threshold))
    }

    /// Calls at the largest threshold whose false discovery rate is within `target`, and the whole
    /// curve.
    ///
    /// `control` is a track of shuffled sequences under the same model; its rows are scored with
    /// the bins and the null of `track`. Thresholds are 10^-1, 10^-1.25, ..., 10^-30; points
    /// without a call are left out of the curve. No threshold within the target: no seqlets.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn call_at_fdr<S: AsRef<[f64]>>(
        &self,
        track: &[S],
        control: &[S],
        target: f64,
    ) -> Result<(Vec<Seqlet>, Vec<FdrPoint>)> {
        self.check(track)?;
        self.check(control)?;
        let positions = |rows: &[S]| rows.iter().map(|row| row.as_ref().len()).sum::<usize>();
        let (size, control_size) = (positions(track), positions(control));
        let Some(null) = Null::of(self, track) else {
            return Ok((Vec::new(), Vec::new()));
        };
        let scores = null.score(self, track);
        let control_scores = null.score(self, control);
        let mut curve = Vec::new();
        let mut best = None;
        for step in 0..117 {
            let threshold = 10f64.powf(-1.0 - 0.25 * f64::from(step));
            let seqlets = self.called(track, &scores, threshold);
            if seqlets.is_empty() {
                continue;
            }
            let control_calls = self.called(control, &control_scores, threshold).len();
            let fdr = (control_calls + 1) as f64 * (size as f64 / control_size as f64)
                / seqlets.len() as f64;
            curve.push(FdrPoint {
                threshold,
                calls: seqlets.len(),
                control_calls,
                fdr,
            });
            if best.is_none() && fdr <= target {
                best = Some(seqlets);
            }
        }
        Ok((best.unwrap_or_default(), curve))
    }

    fn check<S: AsRef<[f64]>>(&self, track: &[S]) -> Result<()> {
        if self.min_length == 0 || self.min_length > self.max_length || self.bins < 2 {
            return Err(GenomeError::argument(
                "seqlet settings",
                "1 <= min_length <= max_length and at least 2 bins",
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

    /// Calls from scores: longest first, within a length by p, then by start.
    fn called<S: AsRef<[f64]>>(
        &self,
        track: &[S],
        scores: &[RowScores],
        threshold: f64,
    ) -> Vec<Seqlet> {
        let mut seqlets = Vec::new();
        for (example, (row, scores)) in track.iter().zip(scores).enumerate() {
            let values = row.as_ref();
            let mut taken = vec![false; values.len()];
            for length in (self.min_length..=self.max_length.min(values.len())).rev() {
                let spans = &scores.lengths[length - self.min_length];
                let mut order: Vec<usize> = (0..spans.inner.len())
                    .filter(|start| spans.inner[*start] < threshold)
                    .collect();
                order.sort_by(|a, b| spans.prefix[*a].total_cmp(&spans.prefix[*b]).then(a.cmp(b)));
                for start in order {
                    if taken[start..start + length].iter().any(|taken| *taken) {
                        continue;
                    }
                    let from = start.saturating_sub(self.flanks);
                    let to = (start + length + self.flanks).min(values.len());
                    taken[from..to].fill(true);
                    seqlets.push(Seqlet {
                        example,
                        start: from,
                        end: to,
                        attribution: values[from..to].iter().sum(),
                        p_value: spans.scores[start],
                    });
                }
            }
        }
        seqlets.sort_by(|a, b| {
            a.p_value
                .total_cmp(&b.p_value)
                .then((a.example, a.start).cmp(&(b.example, b.start)))
        });
        seqlets
    }
}

/// Scores of all spans of one length, by start.
struct Spans {
    /// Tail of the span itself.
    scores: Vec<f64>,
    /// Largest tail over the prefixes from the shortest length on.
    prefix: Vec<f64>,
    /// Largest prefix score over the spans inside, down to the shortest length.
    inner: Vec<f64>,
}

/// One entry for each length from the shortest.
struct RowScores {
    lengths: Vec<Spans>,
}

struct Null {
    lowest: f64,
    width: f64,
    bins: usize,
    /// Tail probability of the bin sums, for each length from 1.
    tails: Vec<Vec<f64>>,
}

impl Null {
    fn of<S: AsRef<[f64]>>(caller: &SeqletCaller, track: &[S]) -> Option<Self> {
        let values = || track.iter().flat_map(AsRef::as_ref).copied();
        let lowest = values().fold(f64::INFINITY, f64::min);
        let highest = values().fold(f64::NEG_INFINITY, f64::max);
        if lowest.partial_cmp(&highest) != Some(std::cmp::Ordering::Less) {
            return None;
        }
        let mut null = Self {
            lowest,
            width: (highest - lowest) / (caller.bins - 1) as f64,
            bins: caller.bins,
            tails: Vec::with_capacity(caller.max_length),
        };
        let mut one = vec![0.0; caller.bins];
        let mut total = 0.0;
        for value in values() {
            one[null.bin(value)] += 1.0;
            total += 1.0;
        }
        for share in &mut one {
            *share /= total;
        }
        let present: Vec<(usize, f64)> = one
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, share)| *share > 0.0)
            .collect();
        let mut sum = vec![1.0];
        for _ in 0..caller.max_length {
            let mut next = vec![0.0; sum.len() + caller.bins - 1];
            for (shift, share) in &present {
                for (to, from) in next[*shift..].iter_mut().zip(&sum) {
                    *to += share * from;
                }
            }
            // From the top: one minus the cumulative sum would lose small tails.
            let mut tail = next.clone();
            for at in (0..tail.len() - 1).rev() {
                tail[at] += tail[at + 1];
            }
            null.tails.push(tail);
            sum = next;
        }
        Some(null)
    }

    fn bin(&self, value: f64) -> usize {
        let bin = ((value - self.lowest) / self.width).floor();
        bin.clamp(0.0, (self.bins - 1) as f64) as usize
    }

    fn score<S: AsRef<[f64]>>(&self, caller: &SeqletCaller, track: &[S]) -> Vec<RowScores> {
        track
            .iter()
            .map(|row| {
                let mut sums = vec![0usize];
                for value in row.as_ref() {
                    sums.push(sums[sums.len() - 1] + self.bin(*value));
                }
                let positions = row.as_ref().len();
                let mut lengths: Vec<Spans> = Vec::new();
                for length in caller.min_length..=caller.max_length.min(positions) {
                    let tail = &self.tails[length - 1];
                    let scores: Vec<f64> = (0..=positions - length)
                        .map(|start| tail[sums[start + length] - sums[start]])
                        .collect();
                    let (prefix, inner) = match lengths.last() {
                        None => (scores.clone(), scores.clone()),
                        Some(shorter) => {
                            let prefix: Vec<f64> = scores
                                .iter()
                                .zip(&shorter.prefix)
                                .map(|(score, before)| score.max(*before))
                                .collect();
                            let inner = prefix
                                .iter()
                                .zip(&shorter.inner[1..])
                                .map(|(prefix, inside)| prefix.max(*inside))
                                .collect();
                            (prefix, inner)
                        }
                    };
                    lengths.push(Spans {
                        scores,
                        prefix,
                        inner,
                    });
                }
                RowScores { lengths }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_and_short_tracks_have_no_seqlets() {
        let caller = SeqletCaller::default();
        assert!(caller.call(&[vec![0.5; 50]]).unwrap().is_empty());
        assert!(caller.call(&[vec![0.1, 0.2, 0.3]]).unwrap().is_empty());
        assert!(caller.call::<Vec<f64>>(&[]).unwrap().is_empty());
        assert!(caller.call(&[vec![0.1, f64::NAN]]).is_err());
        let wrong = SeqletCaller {
            min_length: 9,
            max_length: 8,
            ..caller
        };
        assert!(wrong.call(&[vec![0.1, 0.2]]).is_err());
    }

    #[test]
    fn flanks_widen_and_stop_at_the_ends() {
        let mut row: Vec<f64> = (0..300)
            .map(|i| f64::from((i * 7919) % 17) * 0.001)
            .collect();
        row[0..8].fill(2.0);
        let plain = SeqletCaller::default()
            .call(std::slice::from_ref(&row))
            .unwrap();
        let wide = SeqletCaller {
            flanks: 3,
            ..SeqletCaller::default()
        }
        .call(std::slice::from_ref(&row))
        .unwrap();
        assert_eq!((plain.len(), wide.len()), (1, 1));
        assert_eq!(wide[0].start, 0);
        assert_eq!(wide[0].end, plain[0].end + 3);
        assert!((wide[0].p_value - plain[0].p_value).abs() < 1e-300);
    }
}
