//! Numbers of spreads that are right, wrong, or no numbers.

use super::*;

fn normal(i: usize, n: usize) -> f64 {
    normal_quantile((((i * 7919) % n) as f64 + 0.5) / n as f64)
}

fn value(all: &Uncertainty, metric: &str) -> f64 {
    let row = all.rows.iter().find(|r| r.metric == metric);
    row.unwrap_or_else(|| panic!("no {metric}")).value
}

#[test]
fn a_spread_that_is_right_has_the_numbers_of_one() {
    let n = 2003;
    let sd: Vec<f64> = (0..n).map(|i| 0.5 + (i % 5) as f64 / 4.0).collect();
    let y: Vec<f64> = (0..n).map(|i| sd[i] * normal(i, n)).collect();
    let zero = vec![0.0; n];
    let rows = Rows {
        y: &y,
        mean: &zero,
        unit: "log2",
    };
    let source = UncertaintySource::default();
    let right = of_spread(&source, rows, &sd, 1).unwrap();
    assert!((value(&right, "interval_coverage@0.1") - 0.9).abs() < 0.01);
    assert!((value(&right, "variance_ratio") - 1.0).abs() < 0.05);
    assert!(value(&right, "miscalibration_area") < 0.01);
    assert!(value(&right, "gain50") > 0.2);
    let half: Vec<f64> = sd.iter().map(|s| s / 2.0).collect();
    let narrow = of_spread(&source, rows, &half, 1).unwrap();
    for metric in [
        "nll",
        "crps",
        "ence",
        "ence_equal_width",
        "miscalibration_area",
        "wis",
    ] {
        assert!(value(&narrow, metric) > value(&right, metric), "{metric}");
    }
    // The order of rows by spread is the same.
    assert_eq!(
        value(&narrow, "aurc").to_bits(),
        value(&right, "aurc").to_bits()
    );
    assert_eq!(right.reliability[0].nominal.len(), CURVE.len());
    assert_eq!(right.risk[0].kept.len(), RISK_POINTS);
}

#[test]
fn what_cannot_be_computed_is_said() {
    let (y, mean) = ([1.0, 2.0, 3.0], [0.0; 3]);
    let rows = Rows {
        y: &y,
        mean: &mean,
        unit: "",
    };
    let source = UncertaintySource::default();
    let zero = of_spread(&source, rows, &[0.0; 3], 1).unwrap();
    assert!(zero.rows[0].value.is_nan() && zero.rows[0].note.contains("0 in half"));
    let nan = of_spread(&source, rows, &[1.0, f64::NAN, 1.0], 1).unwrap();
    assert!(nan.rows[0].note.contains("row 1"), "{:?}", nan.rows);
    let cut = of_spread(&source, rows, &[1.0, -1.0, 1.0], 1).unwrap();
    assert!((value(&cut, "floored_fraction") - 1.0 / 3.0).abs() < 1e-12);
    let lost = of_detection(&source, &[1.0], &[f64::NAN]).unwrap();
    assert!(lost[0].value.is_nan() && !lost[0].note.is_empty());
}

#[test]
fn infinite_intervals_have_an_infinite_score_that_is_explained() {
    let (y, mean) = ([1.0, 2.0], [0.0; 2]);
    let rows = Rows {
        y: &y,
        mean: &mean,
        unit: "",
    };
    let alpha = Alpha::new(1, 10).unwrap();
    let wide = Intervals::around(&mean, &[f64::INFINITY; 2]).unwrap();
    let all = of_intervals(&UncertaintySource::default(), rows, &[(alpha, wide)]).unwrap();
    assert!(value(&all, "wis").is_infinite());
    assert!(all.rows[0].note.contains("infinite"));
    assert!((value(&all, "miscalibration_area") - 0.05).abs() < 1e-9);
}
