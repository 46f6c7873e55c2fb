//! Axis ranges and ticks.

use crate::text::number;

/// A range of numbers, its ticks and its title.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    pub(crate) label: String,
    low: f64,
    high: f64,
    log: bool,
    ticks: Vec<(f64, String)>,
}

/// Smallest and largest finite value.
pub(crate) fn range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .into_iter()
        .filter(|v| v.is_finite())
        .fold(None, |range, v| match range {
            None => Some((v, v)),
            Some((low, high)) => Some((v.min(low), v.max(high))),
        })
}

impl Axis {
    /// Fits the finite values with a margin; constant or absent values get a range around them.
    pub(crate) fn fit(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = range(values).unwrap_or((0.0, 1.0));
        let spread = high - low;
        // Values that agree to rounding have no range of their own.
        let margin = if spread > 1e-12 * low.abs().max(high.abs()).max(1e-300) && spread.is_finite()
        {
            0.05 * spread
        } else if low == 0.0 {
            0.5
        } else {
            0.1 * low.abs()
        };
        Self::fixed(label, low - margin, high + margin)
    }

    /// As [`Axis::fit`], but 0 is in the range, and is its border if all values lie on one side.
    pub(crate) fn fit_zero(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = range(values.into_iter().chain([0.0])).unwrap_or((0.0, 1.0));
        let spread = if high > low { high - low } else { 1.0 };
        let low = if low < 0.0 { low - 0.06 * spread } else { 0.0 };
        let high = if high > 0.0 || low >= 0.0 {
            high.max(low) + 0.06 * spread
        } else {
            0.0
        };
        Self::fixed(label, low, high)
    }

    /// Exactly this range; an empty one is widened.
    pub(crate) fn fixed(label: &str, low: f64, high: f64) -> Self {
        let bound = 1e300;
        let low = if low.is_finite() {
            low.clamp(-bound, bound)
        } else {
            0.0
        };
        let high = if high.is_finite() {
            high.clamp(-bound, bound)
        } else {
            1.0
        };
        let high = if high > low {
            high
        } else {
            low + low.abs().max(1.0) * 1e-3
        };
        Self {
            label: label.to_owned(),
            low,
            high,
            log: false,
            ticks: linear_ticks(low, high, 5),
        }
    }

    /// A logarithmic range of the positive values; linear if there are none.
    pub(crate) fn log(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        // Powers of ten of anything beyond would overflow.
        let positive = values
            .into_iter()
            .filter(|v| *v > 0.0 && v.is_finite())
            .map(|v| v.clamp(1e-290, 1e290));
        let Some((low, high)) = range(positive) else {
            return Self::fixed(label, 0.0, 1.0);
        };
        let (low, high) = if high > low * 1.000_001 {
            let margin = 0.04 * (high / low).log10();
            (low * 10f64.powf(-margin), high * 10f64.powf(margin))
        } else {
            (low / 2.0, high * 2.0)
        };
        Self {
            label: label.to_owned(),
            low,
            high,
            log: true,
            ticks: log_ticks(low, high),
        }
    }

    /// Replaces the ticks, e.g. by the values that were swept.
    pub(crate) fn with_ticks(mut self, values: impl IntoIterator<Item = f64>) -> Self {
        self.ticks = values.into_iter().map(|v| (v, plain(v))).collect();
        self
    }

    /// Rewrites the tick labels.
    pub(crate) fn map_labels(mut self, label: impl Fn(f64) -> String) -> Self {
        for (value, text) in &mut self.ticks {
            *text = label(*value);
        }
        self
    }

    pub(crate) fn ticks(&self) -> &[(f64, String)] {
        &self.ticks
    }

    pub(crate) fn bounds(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Position of a value, 0 at the low end and 1 at the high end; infinities are far outside, NaN
    /// stays NaN.
    pub(crate) fn at(&self, value: f64) -> f64 {
        if value.is_nan() {
            return f64::NAN;
        }
        let t = if self.log {
            if value <= 0.0 {
                -2.0
            } else {
                (value / self.low).log10() / (self.high / self.low).log10()
            }
        } else {
            // Halves avoid an overflow at the ends of f64.
            (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0)
        };
        t.clamp(-2.0, 3.0)
    }
}

/// A swept value as short as possible.
pub(crate) fn plain(value: f64) -> String {
    let text = format!("{value}");
    if text.len() <= 7 {
        text.replace('-', "−")
    } else {
        number(value)
    }
}

fn linear_ticks(low: f64, high: f64, about: usize) -> Vec<(f64, String)> {
    let raw = (high / about as f64) - (low / about as f64);
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|step| *step >= raw * 0.999)
        .unwrap_or(10.0 * power);
    let first = (low / step).ceil();
    let mut ticks = Vec::new();
    // A step below the spacing of f64 at this size would never advance: at most 20 ticks.
    for i in 0..20 {
        let value = (first + f64::from(i)) * step;
        if !(value.is_finite() && value <= high + step * 1e-9) {
            break;
        }
        ticks.push((value, tick_label(value, step)));
    }
    ticks.dedup_by(|a, b| a.1 == b.1);
    ticks
}

fn tick_label(value: f64, step: f64) -> String {
    if value.abs() < step * 1e-9 {
        return "0".into();
    }
    if value.abs() >= 1e5 || step < 1e-5 {
        return number(value);
    }
    let mut decimals = (-step.log10().floor()).max(0.0) as usize;
    // A step of 2.5 needs one digit more than its power of ten says.
    let scaled = step * 10f64.powi(decimals as i32);
    if (scaled - scaled.round()).abs() > 1e-6 {
        decimals += 1;
    }
    format!("{value:.decimals$}").replace('-', "−")
}

fn log_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let decades = (high / low).log10();
    let multiples: &[f64] = if decades <= 1.2 {
        &[1.0, 2.0, 3.0, 5.0, 7.0]
    } else if decades <= 3.0 {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    let first = low.log10().floor() as i32;
    let last = high.log10().ceil() as i32;
    let stride = ((last - first) / 6).max(1) as usize;
    (first..=last)
        .step_by(stride)
        .flat_map(|power| multiples.iter().map(move |m| m * 10f64.powi(power)))
        .filter(|v| *v >= low * 0.999_999 && *v <= high * 1.000_001)
        .map(|v| {
            let label = if (1e-4..1e5).contains(&v) {
                format!("{}", (v * 1e6).round() / 1e6)
            } else {
                number(v).replace("1.00 × ", "")
            };
            (v, label)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks().iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(
            labels(&Axis::fixed("", 0.0, 1.0)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"].map(|t| if t == "0.0" { "0" } else { t })
        );
        assert_eq!(
            labels(&Axis::fixed("", -3.2, 7.9)),
            ["−2.5", "0", "2.5", "5.0", "7.5"]
        );
        assert_eq!(
            labels(&Axis::log("", [0.01, 100.0])),
            ["0.01", "0.1", "1", "10", "100"]
        );
    }

    #[test]
    fn odd_ranges_stay_usable() {
        for values in [
            vec![],
            vec![f64::NAN],
            vec![3.0, 3.0],
            vec![0.0],
            vec![-1e-320, 1e-320],
            vec![1e308, -1e308],
            vec![f64::MAX],
            vec![f64::INFINITY, 2.0],
            vec![1e16, 1e16 + 2.0],
        ] {
            for axis in [
                Axis::fit("", values.clone()),
                Axis::fit_zero("", values.clone()),
                Axis::log("", values.clone()),
            ] {
                let (low, high) = axis.bounds();
                assert!(
                    low.is_finite() && high.is_finite() && low < high,
                    "{values:?} {axis:?}"
                );
                assert!(axis.ticks().len() <= 20, "{values:?}");
                for v in values
                    .iter()
                    .filter(|v| v.is_finite() && (!axis.log || **v > 0.0))
                {
                    let t = axis.at(*v);
                    assert!(
                        (-0.01..=1.01).contains(&t) || v.abs() > 1e290 || v.abs() < 1e-290,
                        "{values:?} at {v} is {t}"
                    );
                }
            }
        }
    }
}
