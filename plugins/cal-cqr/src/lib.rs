//! Conformalized quantile regression: the band between two predicted quantiles, made valid.
//!
//! Use it with the head `quantile`: it keeps what the quantiles say about skew and repairs their
//! level. With heads that predict a standard deviation `split-conformal` does the same with less.
//!
//! # Model
//!
//! A head that predicts quantiles gives a band [lo, hi] that need not cover what its levels say.
//! The score of a calibration row is its distance to the band, `max(lo - y, y - hi)`; its conformal
//! quantile q moves both ends outwards, or inwards if q is negative. Variants: both ends by their
//! own quantile (`asymmetric`), the distance relative to the width of the band (`relative`, CQR-r)
//! or to the halves on both sides of the median (`median`, CQR-m). Quantiles that the network
//! crossed are sorted first, and counted; ends that cross after shrinking meet in their middle.
//!
//! With `band = "normal"` the two quantiles are those of a normal distribution with the predicted
//! mean and spread, so that heads without quantiles can be compared on equal terms.
//!
//! # Parameters
//!
//! See [`CqrConfig`].
//!
//! # Citation
//!
//! Romano, Patterson, Candes, NeurIPS (2019), arXiv:1905.03222; the variants: Sesia, Candes, Stat
//! 9:e261 (2020), doi:10.1002/sta4.261.
//!
//! # Differs from the original in
//!
//! - one band serves every alpha, so that intervals nest; the levels of its ends need not be
//!   alpha/2 and 1 - alpha/2.
//! - `band = "normal"` is no quantile regression: the guarantee is the same, the band only as good
//!   as the spread.
//!
//! # Source of golden numbers
//!
//! MAPIE and puncc, through the fixtures of `degu-stats`.

use degu_core::{
    Calibration, CalibrationSet, Calibrator, Error, Forecast, Intervals, Invalid, PluginConfig,
    Result,
    calibration::{CalibratorNeeds, OutputRows, SpreadSource, TooFew, column, gather},
};
use degu_stats::{
    Alpha, Guarantee,
    conformal::cqr::{Cqr, CqrScore, QuantileBand, sort_crossed_quantiles},
    order::median,
    special::normal_quantile,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Intervals from predicted quantiles.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CqrConfig {
    /// What the band is made of.
    pub band: BandKind,
    /// Which distance to the band is calibrated.
    pub score: BandScore,
    /// Level of the lower end; the smallest that the head predicts if left out, 0.05 of a normal
    /// distribution.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub lower: Option<f64>,
    /// Level of the upper end; the largest that the head predicts if left out, 0.95 of a normal
    /// distribution.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub upper: Option<f64>,
    /// What to do when alpha needs more calibration rows than there are.
    pub too_few: TooFew,
}

/// What the band is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BandKind {
    /// Quantiles that the head predicts.
    #[default]
    Predicted,
    /// Quantiles of a normal distribution with the predicted mean and spread (the root of the sum
    /// of both squares; the part that there is, if a model predicts one).
    Normal,
}

/// Distance to the band.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BandScore {
    /// In units of the target, the larger of both sides.
    #[default]
    Symmetric,
    /// Each side by itself, at alpha/2.
    Asymmetric,
    /// Relative to the width of the band.
    Relative,
    /// Relative to the half on its own side of the median.
    Median,
}

impl PluginConfig for CqrConfig {
    fn check(&self) -> Result<(), Invalid> {
        let (lower, upper) = match self.band {
            BandKind::Predicted => (self.lower.unwrap_or(0.0), self.upper.unwrap_or(1.0)),
            BandKind::Normal => {
                for (field, level) in [("lower", self.lower), ("upper", self.upper)] {
                    if level.is_some_and(|l| l <= 0.0 || l >= 1.0) {
                        return Err(Invalid {
                            field,
                            message: "must be between 0 and 1: a normal distribution has no ends"
                                .to_owned(),
                        });
                    }
                }
                (
                    self.lower.unwrap_or(NORMAL.lower),
                    self.upper.unwrap_or(NORMAL.upper),
                )
            }
        };
        if lower >= upper {
            return Err(Invalid {
                field: "lower",
                message: format!("must be below `upper` ({upper}), found {lower}"),
            });
        }
        Ok(())
    }
}

/// The levels of a normal band where none are given.
const NORMAL: Ends = Ends {
    lower: 0.05,
    upper: 0.95,
};

/// Where the band stands among the predicted levels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ends {
    lower: f64,
    upper: f64,
}

impl Ends {
    fn of(config: &CqrConfig, levels: &[f64]) -> Self {
        if config.band == BandKind::Normal {
            return Self {
                lower: config.lower.unwrap_or(NORMAL.lower),
                upper: config.upper.unwrap_or(NORMAL.upper),
            };
        }
        let least = levels.iter().copied().fold(f64::INFINITY, f64::min);
        let most = levels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self {
            lower: config.lower.unwrap_or(least),
            upper: config.upper.unwrap_or(most),
        }
    }
}

/// The column of a level; predictions are f32, so are their levels.
fn level(levels: &[f64], wanted: f64, what: &'static str) -> Result<usize> {
    levels
        .iter()
        .position(|l| (l - wanted).abs() < 1e-6)
        .ok_or(Error::Missing {
            what,
            by: "cqr",
            help: "add it to the levels of the head, or set `lower` and `upper` to levels that it predicts",
        })
}

/// A band of one output: lower ends, upper ends, medians; and rows whose quantiles had crossed.
struct Band {
    lower: Vec<f64>,
    upper: Vec<f64>,
    median: Option<Vec<f64>>,
    crossed: usize,
}

impl Band {
    fn of(
        kind: BandKind,
        forecast: &Forecast<'_>,
        output: usize,
        rows: impl Iterator<Item = usize>,
        ends: Ends,
        median: bool,
    ) -> Result<Self> {
        match kind {
            BandKind::Predicted => Self::predicted(forecast, output, rows, ends, median),
            BandKind::Normal => Self::normal(forecast, output, rows, ends, median),
        }
    }

    fn normal(
        forecast: &Forecast<'_>,
        output: usize,
        rows: impl Iterator<Item = usize>,
        ends: Ends,
        median: bool,
    ) -> Result<Self> {
        let sd = SpreadSource::Total.of_output(forecast, output)?;
        let mean = column(forecast.mean, output, forecast.outputs);
        let rows: Vec<usize> = rows.collect();
        let at = |p: f64| -> Vec<f64> {
            let z = normal_quantile(p);
            rows.iter().map(|r| mean[*r] + z * sd[*r]).collect()
        };
        Ok(Self {
            lower: at(ends.lower),
            upper: at(ends.upper),
            median: median.then(|| rows.iter().map(|r| mean[*r]).collect()),
            crossed: 0,
        })
    }

    fn predicted(
        forecast: &Forecast<'_>,
        output: usize,
        rows: impl Iterator<Item = usize>,
        ends: Ends,
        median: bool,
    ) -> Result<Self> {
        let (values, levels) = forecast.quantiles.ok_or(Error::Missing {
            what: "predicted quantiles",
            by: "cqr",
            help: "use a head that predicts them, as in head = { plugin = \"quantile\" }",
        })?;
        let width = levels.len();
        // Sorting by level first, then by value: level j is then the j-th smallest value.
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|a, b| levels[*a].total_cmp(&levels[*b]));
        let sorted: Vec<f64> = order.iter().map(|l| levels[*l]).collect();
        let mut picked: Vec<f64> = rows
            .flat_map(|row| {
                let start = (row * forecast.outputs + output) * width;
                order.iter().map(move |l| values[start + l])
            })
            .collect();
        let crossed = sort_crossed_quantiles(&mut picked, width)?;
        let column =
            |at: usize| -> Vec<f64> { picked.iter().skip(at).step_by(width).copied().collect() };
        Ok(Self {
            lower: column(level(&sorted, ends.lower, "the level of the lower end")?),
            upper: column(level(&sorted, ends.upper, "the level of the upper end")?),
            median: median
                .then(|| level(&sorted, 0.5, "the level 0.5 (`score = \"median\"`)").map(column))
                .transpose()?,
            crossed,
        })
    }

    fn view(&self) -> QuantileBand<'_> {
        QuantileBand {
            lower: &self.lower,
            upper: &self.upper,
            median: self.median.as_deref(),
        }
    }
}

impl Calibrator for CqrConfig {
    fn needs(&self) -> CalibratorNeeds {
        CalibratorNeeds {
            quantiles: self.band == BandKind::Predicted,
            ..CalibratorNeeds::default()
        }
    }

    fn fit(
        &self,
        _tune: Option<&CalibrationSet<'_>>,
        set: &CalibrationSet<'_>,
        _target: Option<&Forecast<'_>>,
    ) -> Result<Box<dyn Calibration>> {
        let levels = set.forecast.quantiles.map_or(&[][..], |q| q.1);
        let ends = Ends::of(self, levels);
        let score = match self.score {
            BandScore::Symmetric => CqrScore::Symmetric,
            BandScore::Asymmetric => CqrScore::Asymmetric,
            BandScore::Relative => CqrScore::Relative,
            BandScore::Median => CqrScore::Median,
        };
        let by_median = self.score == BandScore::Median;
        let (mut outputs, mut crossed, mut total) = (Vec::new(), 0, 0);
        for output in 0..set.forecast.outputs {
            let rows = OutputRows::of(set, output)?;
            let band = Band::of(
                self.band,
                &set.forecast,
                output,
                rows.rows.iter().copied(),
                ends,
                by_median,
            )?;
            crossed += band.crossed;
            total += rows.rows.len();
            let widths: Vec<f64> = band
                .upper
                .iter()
                .zip(&band.lower)
                .map(|(u, l)| u - l)
                .collect();
            // A band of width 0 divides by nothing: a thousandth of the usual width keeps it
            // finite.
            let epsilon = match self.score {
                BandScore::Relative | BandScore::Median => match 1e-3 * median(&widths)? {
                    e if e > 0.0 => e,
                    _ => 1e-9,
                },
                _ => 0.0,
            };
            outputs.push(Output {
                rows: rows.rows.len(),
                cqr: Cqr::fit(score, epsilon, &rows.y, band.view())?,
            });
        }
        Ok(Box::new(Fitted {
            too_few: self.too_few,
            band: self.band,
            ends,
            score: self.score,
            crossed: crossed as f64 / total.max(1) as f64,
            outputs,
        }))
    }

    fn restore(&self, state: &serde_json::Value) -> Result<Box<dyn Calibration>> {
        let fitted = Fitted::deserialize(state).map_err(|e| Error::State {
            of: "cqr",
            problem: e.to_string(),
        })?;
        Ok(Box::new(fitted))
    }
}

/// Calibrated bands.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fitted {
    too_few: TooFew,
    #[serde(default)]
    band: BandKind,
    ends: Ends,
    score: BandScore,
    /// Share of calibration rows whose quantiles had crossed.
    crossed: f64,
    outputs: Vec<Output>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    rows: usize,
    cqr: Cqr,
}

impl Calibration for Fitted {
    fn intervals(&self, forecast: &Forecast<'_>, alpha: Alpha) -> Result<Intervals> {
        let sides = match self.score {
            BandScore::Asymmetric => alpha.divided_by(2)?,
            _ => alpha,
        };
        gather(forecast, self.outputs.len(), |output| {
            let fitted = &self.outputs[output];
            self.too_few.accept(sides, fitted.rows, "cqr")?;
            let by_median = self.score == BandScore::Median;
            let band = Band::of(
                self.band,
                forecast,
                output,
                0..forecast.rows,
                self.ends,
                by_median,
            )?;
            Ok(fitted.cqr.intervals(band.view(), alpha)?)
        })
    }

    fn guarantee(&self, _alpha: Alpha) -> Guarantee {
        Guarantee::Marginal
    }

    fn units(&self) -> Vec<usize> {
        self.outputs.iter().map(|o| o.rows).collect()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!(
            "the band lies between the {} quantiles {} and {}",
            match self.band {
                BandKind::Predicted => "predicted",
                BandKind::Normal => "normal",
            },
            self.ends.lower as f32,
            self.ends.upper as f32
        )];
        if self.crossed > 0.0 {
            notes.push(format!(
                "in {:.1} % of the calibration rows the predicted quantiles had crossed and were sorted",
                100.0 * self.crossed
            ));
        }
        notes
    }

    fn state(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or(serde_json::Value::Null)
    }
}

degu_core::register!(Calibrator "cqr", CqrConfig, revision = 1,
    "the band between two predicted quantiles, moved until it holds",
    cite = "arXiv:1905.03222");

degu_core::document!("lib.rs");

#[cfg(test)]
mod tests;
