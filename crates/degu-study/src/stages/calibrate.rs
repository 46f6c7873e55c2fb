//! Fits a calibrator on rows that neither trained nor stopped a model, and observes its intervals on the test rows.

use std::collections::BTreeMap;

use degu_core::{Calibration, CalibrationSet, Calibrator, Forecast, Seed, Split};
use degu_report::{CalibrationRow, ConditionalRow, ModelKind};
use degu_stats::{
    Alpha, Binning,
    conformal::{Intervals, beta_binomial_band},
    scoring::interval_summary,
};
use degu_train::{HostForecast, model_file::CalibrationCard};
use serde::{Deserialize, Serialize};

use super::{
    PreparedData, Result, StageError,
    models::{self, ModelForecast},
    network,
    plan::Assigned,
};
use crate::execute::{TaskContext, TaskError};

/// File of the artifact.
pub(crate) const FILE: &str = "calibration.json";

/// Level of the beta-binomial band.
const BAND: f64 = 0.9;

/// Random cuts of calibration and test rows that check the coverage.
const RESPLITS: usize = 200;

/// Bins of activity and of GC content.
const BINS: usize = 5;

/// Fewest test rows of a category that is listed.
const SMALLEST_CATEGORY: usize = 20;

/// What `calibrate` writes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CalibrationResult {
    /// Coverage and width on the test rows.
    pub rows: Vec<CalibrationRow>,
    /// The same within bins, for the first student (the ensemble without students).
    pub conditional: Vec<ConditionalRow>,
    /// Coverage over random cuts.
    pub resplits: Vec<Resplit>,
    /// The fitted calibrator of each model.
    pub fitted: BTreeMap<String, CalibrationCard>,
}

/// Coverage over random cuts of the calibration and test rows, by group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resplit {
    /// Model.
    pub model: String,
    /// Task.
    pub task: String,
    /// Miscoverage.
    pub alpha: f64,
    /// Cuts.
    pub cuts: usize,
    /// Mean coverage over the cuts.
    pub mean_coverage: f64,
    /// Share of the cuts whose coverage lies in the beta-binomial 90 % band; 0.9 is expected.
    pub within_band: f64,
    /// Expected mean coverage, k / (n + 1).
    pub expected: f64,
}

/// Runs the stage.
pub(crate) fn calibrate(
    assigned: &Assigned,
    name: &str,
    context: &TaskContext<'_>,
) -> Result<(), TaskError> {
    let data = PreparedData::of(context)?;
    let models = models::of(context)?;
    let result = compute(assigned, name, &data, &models).map_err(StageError::into_task)?;
    context.output().write_json(FILE, &result)?;
    Ok(())
}

fn compute(
    assigned: &Assigned,
    name: &str,
    data: &PreparedData,
    models: &[ModelForecast],
) -> Result<CalibrationResult> {
    let block = assigned
        .study
        .calibration
        .get(name)
        .ok_or_else(|| StageError::Study {
            what: format!("no block `[calibration.{name}]`"),
            help: "this is a defect of the planner",
        })?;
    let calibrator = block.plugin.build()?;
    let alphas = block
        .keys
        .alpha
        .iter()
        .map(|a| Alpha::from_f64(*a))
        .collect::<degu_stats::Result<Vec<_>>>()?;
    let calibration = data.rows(Split::Calibration);
    let test = data.rows(Split::Test);
    if calibration.is_empty() {
        return Err(StageError::Study {
            what: "no rows are held out for calibration".to_owned(),
            help: "set `split.calibration` above 0: rows that stopped the training early cannot calibrate",
        });
    }
    let seed = network::replicate(&assigned.study, assigned.replicate)
        .child("calibrate")
        .child(name);
    let mut result = CalibrationResult::default();
    let needs = calibrator.needs();
    let fits = |f: &HostForecast| {
        (!needs.epistemic || f.epistemic.is_some()) && (!needs.aleatoric || f.aleatoric.is_some())
    };
    // Students first: the first model that fits is the one whose bins are shown.
    let mut able: Vec<&ModelForecast> = models
        .iter()
        .filter(|m| m.kind == ModelKind::Student && fits(&m.forecast))
        .collect();
    able.extend(
        models
            .iter()
            .filter(|m| m.kind == ModelKind::Ensemble && fits(&m.forecast)),
    );
    if able.is_empty() {
        return Err(StageError::Core(degu_core::Error::Missing {
            what: "a model that predicts the spread which the calibrator scales by",
            by: "`[calibration]`",
            help: "distil with `targets = [\"mean\", \"epistemic\"]`, use at least 2 members, or set `score = \"absolute\"`",
        }));
    }
    for (number, model) in able.iter().enumerate() {
        let (tune, fit) = tuned(calibrator.as_ref(), &calibration, &data.group, &seed);
        let tune_part = Part::new(data, &model.forecast, &tune);
        let fit_part = Part::new(data, &model.forecast, &fit);
        let test_part = Part::new(data, &model.forecast, &test);
        let tune_set = (!tune.is_empty()).then(|| tune_part.set());
        let fitted = calibrator.fit(
            tune_set.as_ref(),
            &fit_part.set(),
            Some(&test_part.forecast()),
        )?;
        let label = format!("{name} ({})", score_name(&block.plugin.params));
        for &alpha in &alphas {
            let rows = coverage(data, &label, model, fitted.as_ref(), &test_part, alpha)?;
            result.rows.extend(rows);
            if number == 0 {
                result.conditional.extend(conditional(
                    data,
                    &label,
                    model,
                    fitted.as_ref(),
                    &test_part,
                    &test,
                    alpha,
                )?);
            }
        }
        let pool: Vec<usize> = calibration.iter().chain(&test).copied().collect();
        let cut = Cut {
            calibrator: calibrator.as_ref(),
            data,
            model,
            pool: &pool,
            share: calibration.len(),
            seed: &seed,
        };
        result.resplits.extend(cut.all(&alphas)?);
        result.fitted.insert(
            model.name.clone(),
            CalibrationCard {
                calibrator: network::plugin_card(&block.plugin),
                state: fitted.state(),
                units: fitted.units(),
                guarantee: alphas
                    .first()
                    .map(|a| fitted.guarantee(*a).to_string())
                    .unwrap_or_default(),
                alpha: alphas.iter().map(ToString::to_string).collect(),
            },
        );
    }
    Ok(result)
}

/// How a block is called in tables.
fn score_name(params: &serde_json::Value) -> String {
    params
        .get("score")
        .and_then(serde_json::Value::as_str)
        .unwrap_or("default")
        .to_owned()
}

/// Cuts off the rows that a calibrator tunes itself on, by group.
fn tuned(
    calibrator: &dyn Calibrator,
    rows: &[usize],
    group: &[u64],
    seed: &Seed,
) -> (Vec<usize>, Vec<usize>) {
    let fraction = calibrator.tuning_fraction();
    if fraction <= 0.0 {
        return (Vec::new(), rows.to_vec());
    }
    let groups: Vec<u64> = rows.iter().map(|r| group[*r]).collect();
    match degu_genome::split_groups(
        &groups,
        &[1.0 - fraction, fraction],
        seed.child("tune").bytes(),
    ) {
        Ok(parts) => {
            let pick = |part| {
                rows.iter()
                    .zip(&parts)
                    .filter(|(_, p)| **p == part)
                    .map(|(r, _)| *r)
                    .collect()
            };
            (pick(1), pick(0))
        }
        Err(_) => (Vec::new(), rows.to_vec()),
    }
}

/// Some rows of a model's forecast in f64, as calibrators take them.
struct Part {
    rows: usize,
    outputs: usize,
    mean: Vec<f64>,
    epistemic: Option<Vec<f64>>,
    aleatoric: Option<Vec<f64>>,
    quantiles: Option<(Vec<f64>, Vec<f64>)>,
    y: Vec<f64>,
    unit: Vec<u64>,
}

impl Part {
    fn new(data: &PreparedData, forecast: &HostForecast, index: &[usize]) -> Self {
        let own = forecast.select(index);
        let wide = |v: &Vec<f32>| -> Vec<f64> { v.iter().map(|v| f64::from(*v)).collect() };
        let width = own.width;
        Self {
            rows: own.rows,
            outputs: width,
            mean: wide(&own.mean),
            epistemic: own.epistemic.as_ref().map(wide),
            aleatoric: own.aleatoric.as_ref().map(wide),
            quantiles: own
                .quantiles
                .as_ref()
                .map(|(levels, values)| (wide(values), wide(levels))),
            y: index
                .iter()
                .flat_map(|r| {
                    data.measured.mean[r * width..(r + 1) * width]
                        .iter()
                        .map(|v| f64::from(*v))
                })
                .collect(),
            unit: index.iter().map(|r| data.group[*r]).collect(),
        }
    }

    fn forecast(&self) -> Forecast<'_> {
        Forecast {
            rows: self.rows,
            outputs: self.outputs,
            mean: &self.mean,
            epistemic: self.epistemic.as_deref(),
            aleatoric: self.aleatoric.as_deref(),
            quantiles: self
                .quantiles
                .as_ref()
                .map(|(v, l)| (v.as_slice(), l.as_slice())),
            bin: None,
            features: None,
        }
    }

    fn set(&self) -> CalibrationSet<'_> {
        CalibrationSet {
            forecast: self.forecast(),
            y: &self.y,
            unit: &self.unit,
        }
    }
}

/// Intervals and measurements of one task on the rows where it was measured.
struct Observed {
    positions: Vec<usize>,
    intervals: Intervals,
    y: Vec<f64>,
}

fn observed(all: &degu_core::Intervals, part: &Part, task: usize, tasks: usize) -> Observed {
    let mut positions = Vec::new();
    let mut ends = Vec::new();
    let mut y = Vec::new();
    for row in 0..part.rows {
        for j in (task..part.outputs).step_by(tasks) {
            let at = row * part.outputs + j;
            if part.y[at].is_finite() {
                positions.push(row);
                ends.push((all.lower[at], all.upper[at]));
                y.push(part.y[at]);
            }
        }
    }
    Observed {
        positions,
        intervals: Intervals::from_ends(ends),
        y,
    }
}

fn coverage(
    data: &PreparedData,
    label: &str,
    model: &ModelForecast,
    fitted: &dyn Calibration,
    test: &Part,
    alpha: Alpha,
) -> Result<Vec<CalibrationRow>> {
    let all = fitted.intervals(&test.forecast(), alpha)?;
    let units = fitted.units();
    let mut rows = Vec::new();
    for (task, name) in data.info.tasks.iter().enumerate() {
        let seen = observed(&all, test, task, data.tasks());
        if seen.y.is_empty() {
            continue;
        }
        let summary = interval_summary(&seen.intervals, &seen.y, alpha)?;
        let n = units.get(task).copied().unwrap_or(0);
        let k = alpha.rank(n);
        let band = beta_binomial_band(n, k.min(n + 1), summary.rows, BAND).ok();
        rows.push(CalibrationRow {
            calibrator: label.to_owned(),
            model: model.name.clone(),
            split: Split::Test.name().to_owned(),
            task: name.clone(),
            alpha: alpha.value(),
            n,
            k,
            coverage: summary.interval_coverage,
            band_low: band.map(|b| b.low),
            band_high: band.map(|b| b.high),
            mean_width: summary.mean_width.unwrap_or(f64::INFINITY),
            infinite_fraction: summary.fraction_infinite,
            winkler: summary.winkler,
            coverage_gap: None,
            guarantee: fitted.guarantee(alpha).to_string(),
        });
    }
    Ok(rows)
}

fn conditional(
    data: &PreparedData,
    label: &str,
    model: &ModelForecast,
    fitted: &dyn Calibration,
    part: &Part,
    test: &[usize],
    alpha: Alpha,
) -> Result<Vec<ConditionalRow>> {
    let all = fitted.intervals(&part.forecast(), alpha)?;
    let units = fitted.units();
    let mut rows = Vec::new();
    for (task, name) in data.info.tasks.iter().enumerate() {
        let seen = observed(&all, part, task, data.tasks());
        if seen.y.len() < BINS {
            continue;
        }
        let n = units.get(task).copied().unwrap_or(0);
        let inside = seen.intervals.contains(&seen.y)?;
        let widths = seen.intervals.widths();
        let mut add = |by: &str, bin: String, members: &[usize]| -> Result<()> {
            let covered = members.iter().filter(|i| inside[**i]).count();
            let band = beta_binomial_band(n, alpha.rank(n).min(n + 1), members.len(), BAND).ok();
            let finite: Vec<f64> = members
                .iter()
                .map(|i| widths[*i])
                .filter(|w| w.is_finite())
                .collect();
            rows.push(ConditionalRow {
                calibrator: format!("{label}, {}", model.name),
                split: Split::Test.name().to_owned(),
                task: name.clone(),
                alpha: alpha.value(),
                by: by.to_owned(),
                bin,
                n: members.len(),
                coverage: covered as f64 / members.len() as f64,
                band_low: band.map(|b| b.low),
                band_high: band.map(|b| b.high),
                mean_width: (!finite.is_empty())
                    .then(|| finite.iter().sum::<f64>() / finite.len() as f64),
            });
            Ok(())
        };
        let predicted: Vec<f64> = seen
            .positions
            .iter()
            .map(|p| part.mean[p * part.outputs + task])
            .collect();
        let gc: Vec<f64> = seen.positions.iter().map(|p| data.gc(test[*p])).collect();
        for (by, values) in [("predicted activity", &predicted), ("GC content", &gc)] {
            if values.iter().any(|v| !v.is_finite()) {
                continue;
            }
            for members in Binning::EqualCount.rows(values, BINS)? {
                let low = members
                    .iter()
                    .map(|i| values[*i])
                    .fold(f64::INFINITY, f64::min);
                let high = members
                    .iter()
                    .map(|i| values[*i])
                    .fold(f64::NEG_INFINITY, f64::max);
                add(by, format!("{low:.2} to {high:.2}"), &members)?;
            }
        }
        if let Some(category) = &data.category {
            let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for (i, p) in seen.positions.iter().enumerate() {
                groups.entry(&category[test[*p]]).or_default().push(i);
            }
            for (bin, members) in groups.iter().filter(|(_, m)| m.len() >= SMALLEST_CATEGORY) {
                add("category", (*bin).to_owned(), members)?;
            }
        }
    }
    Ok(rows)
}

/// Random cuts of the pooled calibration and test rows.
struct Cut<'a> {
    calibrator: &'a dyn Calibrator,
    data: &'a PreparedData,
    model: &'a ModelForecast,
    pool: &'a [usize],
    share: usize,
    seed: &'a Seed,
}

impl Cut<'_> {
    fn all(&self, alphas: &[Alpha]) -> Result<Vec<Resplit>> {
        let (data, tasks) = (self.data, self.data.tasks());
        let groups: Vec<u64> = self.pool.iter().map(|r| data.group[*r]).collect();
        let share = self.share as f64 / self.pool.len() as f64;
        // Sums over cuts: coverage, cuts within the band, expected coverage.
        let mut sums = vec![(0.0, 0usize, 0.0); tasks * alphas.len()];
        for cut in 0..RESPLITS {
            let seed = self.seed.child("resplit").child(cut.to_string());
            let parts = degu_genome::split_groups(&groups, &[share, 1.0 - share], seed.bytes())?;
            let pick = |p| -> Vec<usize> {
                self.pool
                    .iter()
                    .zip(&parts)
                    .filter(|(_, q)| **q == p)
                    .map(|(r, _)| *r)
                    .collect()
            };
            let (tune, fit) = tuned(self.calibrator, &pick(0), &data.group, &seed);
            let tune_part = Part::new(data, &self.model.forecast, &tune);
            let fit_part = Part::new(data, &self.model.forecast, &fit);
            let test_part = Part::new(data, &self.model.forecast, &pick(1));
            let tune_set = (!tune.is_empty()).then(|| tune_part.set());
            let fitted = self.calibrator.fit(
                tune_set.as_ref(),
                &fit_part.set(),
                Some(&test_part.forecast()),
            )?;
            let units = fitted.units();
            for (a, alpha) in alphas.iter().enumerate() {
                let all = fitted.intervals(&test_part.forecast(), *alpha)?;
                for task in 0..tasks {
                    let seen = observed(&all, &test_part, task, tasks);
                    if seen.y.is_empty() {
                        continue;
                    }
                    let covered = seen
                        .intervals
                        .contains(&seen.y)?
                        .into_iter()
                        .filter(|c| *c)
                        .count();
                    let n = units.get(task).copied().unwrap_or(0);
                    let band = beta_binomial_band(n, alpha.rank(n).min(n + 1), seen.y.len(), BAND)?;
                    let sum = &mut sums[a * tasks + task];
                    sum.0 += covered as f64 / seen.y.len() as f64;
                    sum.1 += usize::from(band.contains(covered));
                    sum.2 += band.mean;
                }
            }
        }
        let cuts = RESPLITS as f64;
        let mut rows = Vec::new();
        for (a, alpha) in alphas.iter().enumerate() {
            for (task, name) in data.info.tasks.iter().enumerate() {
                let (coverage, within, expected) = sums[a * tasks + task];
                rows.push(Resplit {
                    model: self.model.name.clone(),
                    task: name.clone(),
                    alpha: alpha.value(),
                    cuts: RESPLITS,
                    mean_coverage: coverage / cuts,
                    within_band: within as f64 / cuts,
                    expected: expected / cuts,
                });
            }
        }
        Ok(rows)
    }
}
