use super::*;
use candle_core::Device;

fn info(spread: Spread) -> LabelInfo {
    LabelInfo {
        tasks: vec!["a".into(), "b".into()],
        mean: vec![1.0, -1.0],
        std: vec![2.0, 0.5],
        epistemic: true,
        aleatoric: false,
        spread,
    }
}

fn tensor(values: &[f64], columns: usize) -> Tensor {
    Tensor::from_slice(values, (values.len() / columns, columns), &Device::Cpu).unwrap()
}

fn targets(mean: &[f64], epistemic: &[f64]) -> Targets {
    let masked = |v: &[f64]| Masked {
        value: tensor(v, 2),
        mask: tensor(&vec![1.0; v.len()], 2),
    };
    Targets {
        mean: masked(mean),
        epistemic: Some(masked(epistemic)),
        aleatoric: None,
    }
}

fn scalar(t: &Tensor) -> f64 {
    t.to_scalar::<f64>().unwrap()
}

#[test]
fn the_loss_is_the_mean_over_all_columns() {
    let head = Distilled::default().bind(&info(Spread::Std)).unwrap();
    let raw = tensor(&[1.0, 2.0, 0.5, 0.25], 4);
    let loss = head
        .loss(&raw, &targets(&[0.0, 2.0], &[0.5, 0.75]))
        .unwrap();
    assert!((scalar(&loss) - (1.0 + 0.25) / 4.0).abs() < 1e-12);
}

#[test]
fn predictions_are_in_units_of_the_target_whatever_the_scale() {
    for (spread, scale) in [
        (Spread::Std, TargetScale::None),
        (Spread::Std, TargetScale::Standardise),
        (Spread::LogVar, TargetScale::None),
        (Spread::LogVar, TargetScale::Standardise),
    ] {
        let config = Distilled {
            target_scale: scale,
            ..Distilled::default()
        };
        let bound = Bound {
            config,
            info: info(spread),
        };
        let targets = targets(&[3.0, -2.0], &[0.8, 0.1]);
        let epistemic = targets.epistemic.as_ref().unwrap();
        let raw = Tensor::cat(
            &[
                bound.target(Column::Mean, &targets.mean).unwrap(),
                bound.target(Column::Epistemic, epistemic).unwrap(),
            ],
            1,
        )
        .unwrap();
        assert!(scalar(&bound.loss(&raw, &targets).unwrap()) < 1e-20);
        let prediction = bound.predict(&raw, &mut Ctx::eval()).unwrap();
        let close = |a: &Tensor, b: &[f64]| {
            let a = a.flatten_all().unwrap().to_vec1::<f64>().unwrap();
            a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4)
        };
        assert!(close(&prediction.mean, &[3.0, -2.0]));
        assert!(close(&prediction.epistemic.unwrap(), &[0.8, 0.1]));
    }
}

/// Means and both spreads, as standard deviations and as logarithms, with weights and masks that
/// are not all alike.
#[test]
fn every_target_has_its_gradient() {
    use candle_core::Var;
    use degu_nn::gradcheck::{gradient_errors, irregular};
    for (spread, positivity, scale) in [
        (Spread::Std, Positivity::Linear, TargetScale::None),
        (Spread::Std, Positivity::Softplus, TargetScale::Standardise),
        (Spread::LogVar, Positivity::Linear, TargetScale::Standardise),
    ] {
        let config = Distilled {
            target_scale: scale,
            positivity,
            weights: Weights {
                mean: 1.0,
                aleatoric: 0.3,
                epistemic: 2.0,
            },
        };
        let labels = LabelInfo {
            aleatoric: true,
            ..info(spread)
        };
        let head = config.bind(&labels).unwrap();
        let part = |name: &str| Masked {
            value: irregular(name, &[4, 2]).unwrap().abs().unwrap(),
            mask: (irregular(&format!("{name} mask"), &[4, 2]).unwrap() + 0.3)
                .unwrap()
                .maximum(0.0)
                .unwrap(),
        };
        let targets = Targets {
            mean: part("mean"),
            epistemic: Some(part("epistemic")),
            aleatoric: Some(part("aleatoric")),
        };
        let raw = irregular("raw", &[4, 6]).unwrap();
        let loss = |v: &[Var]| Ok(head.loss(v[0].as_tensor(), &targets)?.reshape(1)?);
        assert!(gradient_errors(&loss, &[raw]).unwrap()[0] < 1e-8);
    }
}

#[test]
fn a_part_of_weight_zero_is_refused() {
    let config = Distilled {
        weights: Weights {
            epistemic: 0.0,
            ..Weights::default()
        },
        ..Distilled::default()
    };
    let error = config.bind(&info(Spread::Std)).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("distill.targets"), "{error}");
    let mean_only = LabelInfo {
        epistemic: false,
        ..info(Spread::Std)
    };
    assert!(config.bind(&mean_only).is_ok());
}

#[test]
fn members_that_agree_give_a_finite_log_variance() {
    let bound = Bound {
        config: Distilled::default(),
        info: info(Spread::LogVar),
    };
    let zero = Masked {
        value: tensor(&[0.0, 0.0], 2),
        mask: tensor(&[1.0, 1.0], 2),
    };
    let target = bound
        .target(Column::Epistemic, &zero)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1::<f64>()
        .unwrap();
    assert!(target.iter().all(|v| v.is_finite()));
    assert!((target[0] - (2e-3f64).powi(2).ln()).abs() < 1e-9);
}

#[test]
fn a_negative_linear_spread_is_predicted_as_zero() {
    let head = Distilled::default().bind(&info(Spread::Std)).unwrap();
    let prediction = head
        .predict(&tensor(&[0.0, 0.0, -0.3, 0.2], 4), &mut Ctx::eval())
        .unwrap();
    assert_eq!(
        prediction.epistemic.unwrap().to_vec2::<f64>().unwrap(),
        [[0.0, 0.2]]
    );
}
