//! Bands that are too narrow, crossed, or not there.

use super::*;

const LEVELS: [f64; 3] = [0.1, 0.5, 0.9];

/// Bands of half the width they should have.
fn data(n: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let wave = |i: usize, step: usize| ((i * step) % 1009) as f64 / 504.5 - 1.0;
    let mean: Vec<f64> = (0..n).map(|i| wave(i, 29)).collect();
    let sd: Vec<f64> = (0..n).map(|i| 0.5 + (i % 5) as f64 / 4.0).collect();
    let y = (0..n).map(|i| mean[i] + sd[i] * wave(i, 7919)).collect();
    let quantiles = (0..n)
        .flat_map(|i| [mean[i] - 0.4 * sd[i], mean[i], mean[i] + 0.4 * sd[i]])
        .collect();
    (y, mean, quantiles)
}

#[test]
fn a_band_that_is_too_narrow_is_widened_until_it_holds() {
    let n = 800;
    let (y, mean, quantiles) = data(n);
    let unit: Vec<u64> = (0..n as u64).collect();
    let forecast = Forecast {
        quantiles: Some((&quantiles, &LEVELS)),
        ..Forecast::new(n, 1, &mean)
    };
    let half = Forecast {
        rows: n / 2,
        ..forecast
    };
    let set = CalibrationSet::new(half, &y, &unit);
    let alpha: Alpha = "0.1".parse().unwrap();
    for score in [
        BandScore::Symmetric,
        BandScore::Asymmetric,
        BandScore::Relative,
        BandScore::Median,
    ] {
        let config = CqrConfig {
            score,
            ..CqrConfig::default()
        };
        let fitted = config.fit(None, &set, None).unwrap();
        let at = fitted.intervals(&forecast, alpha).unwrap();
        let inside = (n / 2..n).filter(|i| at.lower[*i] <= y[*i] && y[*i] <= at.upper[*i]);
        let share = inside.count() as f64 / (n / 2) as f64;
        assert!((0.86..0.94).contains(&share), "{score:?}: {share}");
        let again = config.restore(&fitted.state()).unwrap();
        assert_eq!(again.intervals(&forecast, alpha).unwrap(), at);
    }
}

#[test]
fn crossed_quantiles_are_sorted_and_told() {
    let n = 40;
    let (y, mean, mut quantiles) = data(n);
    quantiles.swap(0, 2);
    let unit: Vec<u64> = (0..n as u64).collect();
    let forecast = Forecast {
        quantiles: Some((&quantiles, &LEVELS)),
        ..Forecast::new(n, 1, &mean)
    };
    let set = CalibrationSet::new(forecast, &y, &unit);
    let fitted = CqrConfig::default().fit(None, &set, None).unwrap();
    assert!(fitted.notes()[1].contains("2.5 %"), "{:?}", fitted.notes());
}

#[test]
fn missing_quantiles_and_levels_are_named() {
    let mean = [0.0, 0.0];
    let forecast = Forecast::new(2, 1, &mean);
    let fit = |config: &CqrConfig, forecast| {
        let set = CalibrationSet::new(forecast, &[0.5, 1.0], &[1, 2]);
        config.fit(None, &set, None).err().unwrap().to_string()
    };
    assert!(fit(&CqrConfig::default(), forecast).contains("quantile"));
    let quantiles = [0.0, 0.1, 0.0, 0.1];
    let levels = [0.1, 0.9];
    let forecast = Forecast {
        quantiles: Some((&quantiles, &levels)),
        ..forecast
    };
    let median = CqrConfig {
        score: BandScore::Median,
        ..CqrConfig::default()
    };
    assert!(fit(&median, forecast).contains("0.5"));
}

#[test]
fn a_normal_band_needs_a_spread_only_and_holds() {
    let n = 800;
    let (y, mean, _) = data(n);
    // A tenth of the spread: the band must be widened a lot.
    let sd: Vec<f64> = (0..n).map(|i| 0.05 + (i % 5) as f64 / 40.0).collect();
    let unit: Vec<u64> = (0..n as u64).collect();
    let forecast = Forecast {
        aleatoric: Some(&sd),
        ..Forecast::new(n, 1, &mean)
    };
    let half = Forecast {
        rows: n / 2,
        ..forecast
    };
    let set = CalibrationSet::new(half, &y, &unit);
    let alpha: Alpha = "0.1".parse().unwrap();
    for score in [BandScore::Symmetric, BandScore::Relative, BandScore::Median] {
        let config = CqrConfig {
            band: BandKind::Normal,
            score,
            ..CqrConfig::default()
        };
        assert!(!config.needs().quantiles);
        let fitted = config.fit(None, &set, None).unwrap();
        let at = fitted.intervals(&forecast, alpha).unwrap();
        let inside = (n / 2..n).filter(|i| at.lower[*i] <= y[*i] && y[*i] <= at.upper[*i]);
        let share = inside.count() as f64 / (n / 2) as f64;
        assert!((0.86..0.94).contains(&share), "{score:?}: {share}");
        let again = config.restore(&fitted.state()).unwrap();
        assert_eq!(again.intervals(&forecast, alpha).unwrap(), at);
    }
    let none = Forecast::new(n, 1, &mean);
    let set = CalibrationSet::new(none, &y, &unit);
    let config = CqrConfig {
        band: BandKind::Normal,
        ..CqrConfig::default()
    };
    let error = config.fit(None, &set, None).err().unwrap().to_string();
    assert!(error.contains("a predicted spread"), "{error}");
    assert!(
        CqrConfig {
            lower: Some(0.0),
            ..config
        }
        .check()
        .is_err()
    );
}
