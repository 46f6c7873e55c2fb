//! K1 to K7: calibrators.

use degu_core::{Calibration, CalibrationSet, Calibrator, Forecast, Plugin, Resolved, Result};
use degu_stats::{Alpha, Guarantee};
use rand::RngExt as _;

use super::{Checked, Checks, Verdict, ensure, probe::root};

/// Rows of a calibration set.
const ROWS: usize = 199;
/// Simulated sets.
const SETS: usize = 100;

pub(super) fn checks(
    _plugin: &Plugin<dyn Calibrator>,
    resolved: &Resolved<dyn Calibrator>,
    checks: &mut Checks,
) {
    let method = match resolved.build() {
        Ok(method) => method,
        Err(error) => return checks.run("K1", "builds", || Err(error.into())),
    };
    let method = method.as_ref();
    checks.run("K7", "its variant in tables is a few words", || {
        let variant = method.variant();
        let sound = variant
            .as_ref()
            .is_none_or(|v| !v.trim().is_empty() && v.len() <= 40 && !v.contains('\n'));
        ensure(sound, || format!("found {variant:?}"))
    });
    checks.run(
        "K1",
        "intervals are ordered, and widen as alpha falls",
        || widen(method),
    );
    checks.run(
        "K2",
        "coverage on exchangeable rows is what is promised",
        || covers(method),
    );
    checks.run(
        "K3",
        "the order of the calibration rows does not matter",
        || {
            let simulation = Simulation::new("k3", 4 * ROWS);
            let target = simulation.rows(ROWS..2 * ROWS);
            let plain = fit(method, &simulation.rows(0..ROWS), &target)?;
            let reversed = fit(method, &simulation.rows(0..ROWS).reversed(), &target)?;
            let alpha = Alpha::new(1, 10)?;
            let (a, b) = (
                target.intervals(plain.as_ref(), alpha)?,
                target.intervals(reversed.as_ref(), alpha)?,
            );
            let close = a
                .lower
                .iter()
                .zip(&b.lower)
                .chain(a.upper.iter().zip(&b.upper))
                .all(|(a, b)| a.total_cmp(b).is_eq() || (a - b).abs() < 1e-9);
            ensure(close, || {
                "intervals differ when the rows are reversed".to_owned()
            })
        },
    );
    checks.run(
        "K4",
        "too few rows give infinite bounds or an error, never a guess",
        || {
            let simulation = Simulation::new("k4", 16);
            let target = simulation.rows(8..16);
            let few = simulation.rows(0..3);
            let Ok(fitted) = fit(method, &few, &target) else {
                return Ok(());
            };
            let alpha = Alpha::new(1, 100)?;
            if matches!(fitted.guarantee(alpha), Guarantee::None) {
                return Err(Verdict::Skip("promises nothing".to_owned()));
            }
            let Ok(found) = target.intervals(fitted.as_ref(), alpha) else {
                return Ok(());
            };
            let infinite = found
                .lower
                .iter()
                .zip(&found.upper)
                .all(|(l, u)| l.is_infinite() || u.is_infinite());
            ensure(infinite, || {
                format!("finite bounds for alpha = 0.01 from 3 rows: {found:?}")
            })
        },
    );
    checks.run("K5", "the saved state gives the same intervals", || {
        let simulation = Simulation::new("k5", 2 * ROWS);
        let target = simulation.rows(ROWS..2 * ROWS);
        let fitted = fit(method, &simulation.rows(0..ROWS), &target)?;
        // Through text, as in a model card.
        let text = fitted.state().to_string();
        let restored = method.restore(&serde_json::from_str(&text)?)?;
        for (num, den) in [(1, 10), (1, 3)] {
            let alpha = Alpha::new(num, den)?;
            let same = target.intervals(fitted.as_ref(), alpha)?
                == target.intervals(restored.as_ref(), alpha)?;
            ensure(same, || {
                "intervals differ after saving and restoring".to_owned()
            })?;
        }
        ensure(fitted.units() == restored.units(), || {
            "the number of calibration units is lost".to_owned()
        })
    });
    checks.run(
        "K6",
        "the guarantee is stated in words, and a state that is none is refused",
        || {
            let simulation = Simulation::new("k6", 2 * ROWS);
            let fitted = fit(
                method,
                &simulation.rows(0..ROWS),
                &simulation.rows(ROWS..2 * ROWS),
            )?;
            let words = fitted.guarantee(Alpha::new(1, 10)?).to_string();
            ensure(!words.trim().is_empty(), || "no words".to_owned())?;
            let refused = method
                .restore(&serde_json::json!({ "surely": "not a state" }))
                .is_err();
            ensure(refused, || "a state of another method is taken".to_owned())
        },
    );
}

/// Heteroscedastic normal measurements of one task, with a prediction that knows their spread,
/// quantiles, bins and features.
struct Simulation {
    y: Vec<f64>,
    mean: Vec<f64>,
    spread: Vec<f64>,
    /// Columns of features.
    width: usize,
}

/// Features of each row: the prediction and its powers, as many columns as are wanted.
fn features(mean: &[f64], width: usize) -> (Vec<f64>, usize) {
    let row = |m: &f64| {
        (1..=width as i32)
            .map(|p| (0.4 * m).powi(p))
            .collect::<Vec<f64>>()
    };
    (mean.iter().flat_map(row).collect(), width)
}

/// Rows of a simulation.
struct Rows {
    y: Vec<f64>,
    mean: Vec<f64>,
    spread: Vec<f64>,
    quantiles: Vec<f64>,
    members: Vec<f64>,
    drawn: Vec<bool>,
    category: Vec<String>,
    features: (Vec<f64>, usize),
    unit: Vec<u64>,
}

/// Members of the simulated ensemble; member k left out every k-th row of this many.
const MEMBERS: usize = 4;

/// Levels of the predicted quantiles.
const LEVELS: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];
/// Their normal deviates.
const DEVIATES: [f64; 5] = [-1.6449, -0.6745, 0.0, 0.6745, 1.6449];

impl Simulation {
    fn new(label: &str, rows: usize) -> Self {
        let mut rng = root().child(label).rng();
        let mut all = Self {
            y: Vec::new(),
            mean: Vec::new(),
            spread: Vec::new(),
            width: 1,
        };
        for _ in 0..rows {
            let mean = 4.0 * rng.random::<f64>() - 2.0;
            let spread = 0.3 + rng.random::<f64>();
            // Box-Muller: exact normal tails, which matter at small alpha.
            let (u, v): (f64, f64) = (rng.random(), rng.random());
            let normal = (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos();
            all.mean.push(mean);
            all.spread.push(spread);
            all.y.push(mean + spread * normal);
        }
        all
    }

    fn rows(&self, range: std::ops::Range<usize>) -> Rows {
        let width = self.width;
        let mean = self.mean[range.clone()].to_vec();
        let spread = self.spread[range.clone()].to_vec();
        Rows {
            quantiles: mean
                .iter()
                .zip(&spread)
                .flat_map(|(m, s)| DEVIATES.map(|d| m + s * d))
                .collect(),
            // Members err a little, each in its own way, and know none of the rows.
            members: (0..MEMBERS)
                .flat_map(|k| mean.iter().map(move |m| m + 0.02 * (k as f64 - 1.5)))
                .collect(),
            drawn: (0..MEMBERS)
                .flat_map(|k| range.clone().map(move |i| i % MEMBERS != k))
                .collect(),
            category: mean
                .iter()
                .map(|m| if *m > 0.0 { "high" } else { "low" }.to_owned())
                .collect(),
            features: features(&mean, width),
            unit: range.clone().map(|i| i as u64).collect(),
            y: self.y[range].to_vec(),
            mean,
            spread,
        }
    }
}

impl Rows {
    fn forecast(&self) -> Forecast<'_> {
        Forecast {
            rows: self.mean.len(),
            outputs: 1,
            mean: &self.mean,
            epistemic: Some(&self.spread),
            aleatoric: Some(&self.spread),
            quantiles: Some((&self.quantiles, &LEVELS)),
            members: Some((&self.members, MEMBERS)),
            category: Some(&self.category),
            features: Some((&self.features.0, self.features.1)),
        }
    }

    fn set(&self) -> CalibrationSet<'_> {
        CalibrationSet {
            forecast: self.forecast(),
            y: &self.y,
            unit: &self.unit,
            drawn: Some(&self.drawn),
        }
    }

    fn reversed(mut self) -> Self {
        self.y.reverse();
        self.mean.reverse();
        self.spread.reverse();
        self.category.reverse();
        self.unit.reverse();
        for part in self.members.chunks_mut(self.mean.len()) {
            part.reverse();
        }
        for part in self.drawn.chunks_mut(self.mean.len()) {
            part.reverse();
        }
        self.features = features(&self.mean, self.features.1);
        self.quantiles = self
            .quantiles
            .chunks(LEVELS.len())
            .rev()
            .flatten()
            .copied()
            .collect();
        self
    }

    fn intervals(&self, fitted: &dyn Calibration, alpha: Alpha) -> Result<degu_core::Intervals> {
        fitted.intervals(&self.forecast(), alpha)
    }
}

fn fit(method: &dyn Calibrator, set: &Rows, target: &Rows) -> Result<Box<dyn Calibration>> {
    let fraction = method.tuning_fraction();
    if fraction <= 0.0 {
        return method.fit(None, &set.set(), Some(&target.forecast()));
    }
    // Rows for tuning come from a stream of their own: the calibration rows stay as they are.
    let tune = Simulation::new("tuning", ROWS).rows(0..ROWS);
    method.fit(Some(&tune.set()), &set.set(), Some(&target.forecast()))
}

fn widen(method: &dyn Calibrator) -> Checked {
    let simulation = Simulation::new("k1", 2 * ROWS);
    let target = simulation.rows(ROWS..2 * ROWS);
    let fitted = fit(method, &simulation.rows(0..ROWS), &target)?;
    let mut wider: Option<degu_core::Intervals> = None;
    for (num, den) in [(1, 20), (1, 10), (1, 5), (1, 2)] {
        let found = target.intervals(fitted.as_ref(), Alpha::new(num, den)?)?;
        let expected = target.mean.len();
        ensure(
            found.lower.len() == expected && found.upper.len() == expected,
            || format!("{} lower bounds for {expected} rows", found.lower.len()),
        )?;
        let nan = found.lower.iter().chain(&found.upper).any(|v| v.is_nan());
        ensure(!nan, || "a bound is NaN".to_owned())?;
        let ordered = found.lower.iter().zip(&found.upper).all(|(l, u)| l <= u);
        ensure(ordered || den == 2, || {
            "a lower bound above its upper bound".to_owned()
        })?;
        if let Some(wider) = &wider {
            let nested = (0..expected).all(|i| {
                wider.lower[i] <= found.lower[i] + 1e-9 && wider.upper[i] >= found.upper[i] - 1e-9
            });
            ensure(nested, || {
                format!(
                    "intervals at alpha = {num}/{den} are not inside of those at the alpha before"
                )
            })?;
        }
        wider = Some(found);
    }
    Ok(())
}

/// The share of covered rows over many calibration sets, against the beta-binomial law of
/// exchangeable rows.
fn covers(method: &dyn Calibrator) -> Checked {
    let alpha = Alpha::new(1, 10)?;
    let mut covered = 0usize;
    let mut promise = Guarantee::None;
    for set in 0..SETS {
        let simulation = Simulation::new(&format!("k2/{set}"), 2 * ROWS);
        let target = simulation.rows(ROWS..2 * ROWS);
        let fitted = fit(method, &simulation.rows(0..ROWS), &target)?;
        promise = fitted.guarantee(alpha);
        let found = target.intervals(fitted.as_ref(), alpha)?;
        covered += (0..ROWS)
            .filter(|i| found.lower[*i] <= target.y[*i] && target.y[*i] <= found.upper[*i])
            .count();
    }
    if matches!(promise, Guarantee::None) {
        return Err(Verdict::Skip("promises nothing".to_owned()));
    }
    let coverage = covered as f64 / (SETS * ROWS) as f64;
    // One set's coverage has the variance of a beta law (calibration) plus a binomial one
    // (target); 3.3 sd are 99.9 %.
    let level = 0.9;
    let variance = level * (1.0 - level) * (1.0 / (ROWS as f64 + 2.0) + 1.0 / ROWS as f64);
    let slack = 3.3 * (variance / SETS as f64).sqrt();
    let floor = match promise {
        Guarantee::Cross { .. } => 1.0 - 2.0 * alpha.value(),
        _ => level,
    };
    ensure(coverage >= floor - slack, || {
        format!("{coverage:.4} of the rows are covered, promised {floor} ({promise})")
    })?;
    let exact = matches!(promise, Guarantee::Marginal);
    ensure(
        !exact || coverage <= level + 1.0 / (ROWS as f64 + 1.0) + slack,
        || format!("{coverage:.4} of the rows are covered, far more than {level}"),
    )
}
