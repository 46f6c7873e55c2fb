//! Numbers and curves of a predicted spread, raw or recalibrated, and of intervals over levels.

use degu_report::{
    ReliabilityCurve, RiskCurve, TransformCounts, Uncertainty, UncertaintyRow, UncertaintySource,
};
use degu_stats::{
    Alpha, Binning,
    calibration::{
        gaussian_curve_errors, gaussian_transform_histogram, null_spread_error, sharpness,
        spread_error, variance_ratio,
    },
    conformal::Intervals,
    detection::detect,
    metrics,
    order::median,
    scoring::{gaussian_crps, gaussian_nll, interval_summary, weighted_interval_score},
    selective::RiskCoverage,
    special::normal_quantile,
};

use crate::error::Result;

/// Error rates of curves over levels, as tenths and twentieths.
pub(crate) const CURVE: [(u64, u64); 11] = [
    (19, 20),
    (9, 10),
    (8, 10),
    (7, 10),
    (6, 10),
    (5, 10),
    (4, 10),
    (3, 10),
    (2, 10),
    (1, 10),
    (1, 20),
];

/// Error rates that every spread is reported at.
const REPORTED: [(u64, u64); 3] = [(1, 20), (1, 10), (1, 5)];

/// Bins of spread–error calibration.
const SPREAD_BINS: usize = 10;

/// Bins of the histogram of transforms.
const TRANSFORM_BINS: usize = 20;

/// Simulated data sets in which every spread is right.
const NULL_DRAWS: usize = 20;

/// Points of a risk curve.
const RISK_POINTS: usize = 40;

/// Band of the histogram.
const BAND: f64 = 0.9;

/// Measurements and predictions of one task, without missing values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) y: &'a [f64],
    pub(crate) mean: &'a [f64],
    /// Unit of the target.
    pub(crate) unit: &'a str,
}

/// Collects the numbers of one source.
struct Sheet<'a> {
    source: &'a UncertaintySource,
    all: Uncertainty,
}

impl Sheet<'_> {
    fn add(&mut self, metric: &str, value: f64, unit: &str) {
        self.all.rows.push(UncertaintyRow {
            source: self.source.clone(),
            metric: metric.to_owned(),
            value,
            unit: unit.to_owned(),
            note: String::new(),
        });
    }

    fn note(&mut self, metric: &str, value: f64, note: String) {
        self.all.rows.push(UncertaintyRow {
            source: self.source.clone(),
            metric: metric.to_owned(),
            value,
            unit: String::new(),
            note,
        });
    }
}

/// Everything on one predicted spread, read as the standard deviation of a normal distribution.
///
/// Spreads that are zero or negative count as a thousandth of the median, and are counted; a spread
/// that is zero in half of the rows or not finite has no numbers, and the result says why.
pub(crate) fn of_spread(
    source: &UncertaintySource,
    rows: Rows<'_>,
    spread: &[f64],
    seed: u64,
) -> Result<Uncertainty> {
    let mut sheet = Sheet {
        source,
        all: Uncertainty::default(),
    };
    if rows.y.is_empty() {
        return Ok(sheet.all);
    }
    if let Some(row) = spread.iter().chain(rows.mean).position(|v| !v.is_finite()) {
        let row = row % spread.len();
        sheet.note(
            "nll",
            f64::NAN,
            format!("the prediction of row {row} is not a finite number: nothing was computed"),
        );
        return Ok(sheet.all);
    }
    let typical = median(spread)?;
    if typical <= 0.0 {
        sheet.note(
            "nll",
            f64::NAN,
            "the predicted spread is 0 in half of the rows or more: nothing was computed"
                .to_owned(),
        );
        return Ok(sheet.all);
    }
    let floor = 1e-3 * typical;
    let sd: Vec<f64> = spread.iter().map(|s| s.max(floor)).collect();
    let floored = spread.iter().filter(|s| **s < floor).count();
    if floored > 0 {
        let share = floored as f64 / spread.len() as f64;
        sheet.note(
            "floored_fraction",
            share,
            "zero or negative spreads count as a thousandth of the median".to_owned(),
        );
    }
    scores(&mut sheet, rows, &sd, seed)?;
    levels(&mut sheet, rows, &sd)?;
    selective(&mut sheet, rows, spread)?;
    Ok(sheet.all)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Proper scores and calibration.
fn scores(sheet: &mut Sheet<'_>, rows: Rows<'_>, sd: &[f64], seed: u64) -> Result<()> {
    let Rows { y, mean: m, unit } = rows;
    sheet.add("nll", mean(&gaussian_nll(y, m, sd)?), "nats");
    sheet.add("crps", mean(&gaussian_crps(y, m, sd)?), unit);
    let bins = SPREAD_BINS.min(y.len());
    let equal = spread_error(y, m, sd, Binning::EqualCount, bins)?;
    sheet.add("ence", equal.ence, "");
    sheet.add("uce", equal.uce, &format!("{unit}^2"));
    let width = spread_error(y, m, sd, Binning::EqualWidth, bins)?;
    sheet.add("ence_equal_width", width.ence, "");
    let null = null_spread_error(sd, Binning::EqualCount, bins, NULL_DRAWS, seed)?;
    sheet.note(
        "ence_expected",
        median(&null)?,
        "of a model whose spreads are all right, with as many rows".to_owned(),
    );
    let curve = gaussian_curve_errors(y, m, sd)?;
    sheet.add("miscalibration_area", curve.miscalibration_area, "");
    sheet.add("rmsce", curve.rmsce, "");
    sheet.add("sharpness", sharpness(sd)?, unit);
    sheet.add("variance_ratio", variance_ratio(y, m, sd)?, "");
    let histogram = gaussian_transform_histogram(y, m, sd, TRANSFORM_BINS, BAND)?;
    sheet.add("pit_bins_outside", histogram.outside() as f64, "");
    sheet.all.transforms.push(TransformCounts {
        source: sheet.source.clone(),
        counts: histogram.counts,
        low: histogram.low,
        high: histogram.high,
    });
    Ok(())
}

/// Central normal intervals over levels.
fn levels(sheet: &mut Sheet<'_>, rows: Rows<'_>, sd: &[f64]) -> Result<()> {
    let at = |alpha: Alpha| -> Result<Intervals> {
        let z = normal_quantile(1.0 - alpha.value() / 2.0);
        let radius: Vec<f64> = sd.iter().map(|s| z * s).collect();
        Ok(Intervals::around(rows.mean, &radius)?)
    };
    for (num, den) in REPORTED {
        let alpha = Alpha::new(num, den)?;
        let summary = interval_summary(&at(alpha)?, rows.y, alpha)?;
        let a = alpha.value();
        sheet.add(
            &format!("interval_coverage@{a}"),
            summary.interval_coverage,
            "",
        );
        sheet.add(
            &format!("interval_width@{a}"),
            summary.mean_width.unwrap_or(f64::INFINITY),
            rows.unit,
        );
        sheet.add(
            &format!("winkler@{a}"),
            summary.winkler.unwrap_or(f64::INFINITY),
            rows.unit,
        );
    }
    let mut of = Vec::new();
    for (num, den) in CURVE {
        let alpha = Alpha::new(num, den)?;
        of.push((alpha, at(alpha)?));
    }
    over_levels(sheet, rows, &of)
}

/// The curve of coverage and width over levels, and the weighted interval score, where all
/// intervals are finite.
fn over_levels(sheet: &mut Sheet<'_>, rows: Rows<'_>, of: &[(Alpha, Intervals)]) -> Result<()> {
    let mut curve = ReliabilityCurve {
        source: sheet.source.clone(),
        ..ReliabilityCurve::default()
    };
    for (alpha, intervals) in of {
        let summary = interval_summary(intervals, rows.y, *alpha)?;
        curve.nominal.push(alpha.level());
        curve.observed.push(summary.interval_coverage);
        curve
            .width
            .push(summary.mean_width.unwrap_or(f64::INFINITY));
    }
    sheet.all.reliability.push(curve);
    let pairs: Vec<(Alpha, &Intervals)> = of.iter().map(|(a, i)| (*a, i)).collect();
    let score = mean(&weighted_interval_score(rows.y, rows.mean, &pairs)?);
    if score.is_finite() {
        sheet.add("wis", score, rows.unit);
    } else {
        sheet.note(
            "wis",
            f64::INFINITY,
            "some intervals are infinite: too few calibration rows for the level, or an open side"
                .to_owned(),
        );
    }
    Ok(())
}

/// Error of the most certain rows.
fn selective(sheet: &mut Sheet<'_>, rows: Rows<'_>, spread: &[f64]) -> Result<()> {
    let squared: Vec<f64> = rows
        .y
        .iter()
        .zip(rows.mean)
        .map(|(y, m)| (y - m).powi(2))
        .collect();
    let curve = RiskCoverage::new(spread, &squared)?;
    let unit = format!("{}^2", rows.unit);
    sheet.add("aurc", curve.aurc(), &unit);
    sheet.add("excess_aurc", curve.excess_aurc(), &unit);
    sheet.add("ause", curve.ause(), &unit);
    if let Some(gain) = curve.gain50()? {
        sheet.add("gain50", gain, "");
    }
    let absolute: Vec<f64> = squared.iter().map(|e| e.sqrt()).collect();
    match metrics::spearman(spread, &absolute)? {
        Some(rank) => sheet.add("spread_error_spearman", rank, ""),
        None => sheet.note(
            "spread_error_spearman",
            f64::NAN,
            "not defined: all spreads or all errors are equal".to_owned(),
        ),
    }
    let n = curve.risk.len();
    let mut points = RiskCurve {
        source: sheet.source.clone(),
        ..RiskCurve::default()
    };
    for point in 1..=RISK_POINTS.min(n) {
        let kept = (n * point).div_ceil(RISK_POINTS.min(n));
        points.kept.push(kept as f64 / n as f64);
        points.rmse.push(curve.risk[kept - 1].sqrt());
        points.oracle.push(curve.oracle[kept - 1].sqrt());
    }
    sheet.all.risk.push(points);
    Ok(())
}

/// Coverage and width over levels of intervals that a calibrator gives.
pub(crate) fn of_intervals(
    source: &UncertaintySource,
    rows: Rows<'_>,
    of: &[(Alpha, Intervals)],
) -> Result<Uncertainty> {
    let mut sheet = Sheet {
        source,
        all: Uncertainty::default(),
    };
    if !rows.y.is_empty() {
        over_levels(&mut sheet, rows, of)?;
        let curve = sheet.all.reliability.last();
        let area = curve.map_or(f64::NAN, area);
        sheet.add("miscalibration_area", area, "");
    }
    Ok(sheet.all)
}

/// Area between a curve over levels and the diagonal, from (0, 0) to (1, 1); trapezoids
/// of |observed − nominal|.
fn area(curve: &ReliabilityCurve) -> f64 {
    let mut x = vec![0.0];
    let mut gap = vec![0.0];
    for (nominal, observed) in curve.nominal.iter().zip(&curve.observed) {
        x.push(*nominal);
        gap.push((observed - nominal).abs());
    }
    x.push(1.0);
    gap.push(0.0);
    (1..x.len())
        .map(|i| 0.5 * (x[i] - x[i - 1]) * (gap[i] + gap[i - 1]))
        .sum()
}

/// Spreads of rows in distribution against those of shifted rows: does the model notice?
pub(crate) fn of_detection(
    source: &UncertaintySource,
    inside: &[f64],
    shifted: &[f64],
) -> Result<Vec<UncertaintyRow>> {
    let mut sheet = Sheet {
        source,
        all: Uncertainty::default(),
    };
    if inside.is_empty() || shifted.is_empty() {
        return Ok(Vec::new());
    }
    if inside.iter().chain(shifted).any(|v| !v.is_finite()) {
        sheet.note(
            "ood_auroc",
            f64::NAN,
            "a predicted spread is not a finite number: nothing was computed".to_owned(),
        );
        return Ok(sheet.all.rows);
    }
    let found = detect(inside, shifted)?;
    sheet.add("ood_auroc", found.auroc, "");
    sheet.add("ood_average_precision", found.average_precision, "");
    sheet.add("ood_fpr95", found.fpr_at_95_tpr, "");
    Ok(sheet.all.rows)
}

/// The spreads that a model predicts, by name; `total` where it predicts both.
pub(crate) fn parts(
    epistemic: Option<&[f64]>,
    aleatoric: Option<&[f64]>,
) -> Vec<(&'static str, Vec<f64>)> {
    let mut all = Vec::new();
    if let Some(e) = epistemic {
        all.push(("epistemic", e.to_vec()));
    }
    if let Some(a) = aleatoric {
        all.push(("aleatoric", a.to_vec()));
    }
    if let (Some(e), Some(a)) = (epistemic, aleatoric) {
        let total = e.iter().zip(a).map(|(e, a)| e.hypot(*a)).collect();
        all.push(("total", total));
    }
    all
}

#[cfg(test)]
mod tests;
