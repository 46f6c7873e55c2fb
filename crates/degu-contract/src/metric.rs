//! M1 to M5: metrics.

use degu_core::{Metric, Plugin, Resolved, Result, Seed, TaskForecast, metric::resampled_rows};
use degu_stats::bootstrap::{Bootstrap, Units};
use rand::RngExt as _;

use super::{Checked, Checks, Verdict, ensure, probe::root};

/// Rows.
const ROWS: usize = 400;

pub(super) fn checks(
    _plugin: &Plugin<dyn Metric>,
    resolved: &Resolved<dyn Metric>,
    checks: &mut Checks,
) {
    let metric = match resolved.build() {
        Ok(metric) => metric,
        Err(error) => return checks.run("M1", "builds", || Err(error.into())),
    };
    let metric = metric.as_ref();
    checks.run(
        "M1",
        "a value is finite or absent, with and without spreads",
        || {
            let sample = Sample::new(0.5);
            for spreads in [true, false] {
                let value = sample.value(metric, spreads)?;
                ensure(value.is_none_or(f64::is_finite), || {
                    format!("found {value:?}")
                })?;
            }
            let any = sample.value(metric, true)?.is_some();
            ensure(any, || {
                "no value for 400 rows with means and both spreads".to_owned()
            })
        },
    );
    checks.run("M2", "the order of the rows does not matter", || {
        let sample = Sample::new(0.5);
        let (a, b) = (
            sample.value(metric, true)?,
            sample.reversed().value(metric, true)?,
        );
        let close = match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * (1.0 + a.abs()),
            (a, b) => a == b,
        };
        ensure(close, || format!("{a:?} and {b:?}"))
    });
    checks.run("M3", "the direction agrees with a better predictor", || {
        direction(metric)
    });
    checks.run(
        "M4",
        "no rows, one row and constant values are not an error",
        || {
            let one = [1.0];
            let constant = [2.0; 5];
            for rows in [&[] as &[f64], &one, &constant] {
                let forecast = TaskForecast {
                    y: rows,
                    mean: rows,
                    epistemic: Some(rows),
                    aleatoric: Some(rows),
                };
                let value = metric.compute(&forecast)?;
                ensure(value.is_none_or(|v| !v.is_nan()), || {
                    format!("NaN for {} rows", rows.len())
                })?;
            }
            Ok(())
        },
    );
    checks.run(
        "M5",
        "values of resamples are those of the rows that were drawn",
        || resamples(metric),
    );
}

fn resamples(metric: &dyn Metric) -> Checked {
    let sample = Sample::new(0.5);
    let forecasts = [sample.forecast(true)];
    let bootstrap = Bootstrap {
        resamples: 20,
        ..Bootstrap::from_u64(1)
    };
    let units = Units::rows(ROWS);
    let found = metric.resampled(&bootstrap, &units, &forecasts)?;
    let plain = resampled_rows(|f| metric.compute(f), &bootstrap, &units, &forecasts)?;
    let near = |(a, b): (&f64, &f64)| {
        a.to_bits() == b.to_bits() || (a - b).abs() <= 1e-9 * (1.0 + a.abs())
    };
    let alike = found.len() == plain.len()
        && found
            .iter()
            .zip(&plain)
            .all(|(a, b)| a.len() == b.len() && a.iter().zip(b).all(near));
    ensure(alike, || {
        format!("{:?} and {:?}", found.first(), plain.first())
    })
}

/// Measurements and a prediction with errors of a known spread.
struct Sample {
    y: Vec<f64>,
    mean: Vec<f64>,
    spread: Vec<f64>,
}

impl Sample {
    fn new(error: f64) -> Self {
        let mut rng = Seed::rng(&root().child("metric"));
        let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let mut sample = Self {
            y: Vec::new(),
            mean: Vec::new(),
            spread: Vec::new(),
        };
        for i in 0..ROWS {
            let y = normal();
            let spread = error * (0.5 + (i % 5) as f64 / 4.0);
            sample.y.push(y);
            sample.mean.push(y + spread * normal());
            sample.spread.push(spread / std::f64::consts::SQRT_2);
        }
        sample
    }

    fn reversed(mut self) -> Self {
        for column in [&mut self.y, &mut self.mean, &mut self.spread] {
            column.reverse();
        }
        self
    }

    fn value(&self, metric: &dyn Metric, spreads: bool) -> Result<Option<f64>> {
        metric.compute(&self.forecast(spreads))
    }

    fn forecast(&self, spreads: bool) -> TaskForecast<'_> {
        let spread = spreads.then_some(self.spread.as_slice());
        TaskForecast {
            y: &self.y,
            mean: &self.mean,
            epistemic: spread,
            aleatoric: spread,
        }
    }
}

fn direction(metric: &dyn Metric) -> Checked {
    let Some(higher) = metric.higher_is_better() else {
        return Err(Verdict::Skip("neither direction is better".to_owned()));
    };
    let (good, bad) = (Sample::new(0.1), Sample::new(2.0));
    let (Some(good), Some(bad)) = (good.value(metric, true)?, bad.value(metric, true)?) else {
        return Err(Verdict::Skip("no value".to_owned()));
    };
    // Scores of calibration alone do not see the size of the errors: equal is allowed, worse is
    // not.
    let tolerance = 0.05 * (good.abs() + bad.abs());
    let worse = if higher {
        good < bad - tolerance
    } else {
        good > bad + tolerance
    };
    ensure(!worse, || {
        format!(
            "errors of 0.1 give {good:.4}, errors of 2 give {bad:.4}, and higher is better: {higher}"
        )
    })
}
