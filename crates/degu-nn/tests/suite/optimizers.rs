//! Optimizers against scalar loops.

use candle_core::{DType, Tensor, Var, backprop::GradStore};
use degu_nn::{
    Error,
    clip::clip_global_norm,
    optim::{
        Adam, AdamW, DeviceOptimizer, NamedGradients, Optimizer, OptimizerConfig, OptimizerState,
        Sgd, gradients,
    },
    schedule::Rates,
};

use crate::common::{device, difference, values};

const STEPS: usize = 7;

fn parameters(dtype: DType) -> Vec<(String, Var)> {
    [("a.bias", &[3][..]), ("a.weight", &[2, 3])]
        .into_iter()
        .map(|(n, s)| {
            (
                n.to_owned(),
                Var::from_tensor(&values(n, s).to_dtype(dtype).unwrap()).unwrap(),
            )
        })
        .collect()
}

fn gradient(step: usize) -> NamedGradients {
    parameters(DType::F32)
        .into_iter()
        .map(|(n, v)| {
            let g = values(&format!("{n} {step}"), v.dims())
                .flatten_all()
                .unwrap();
            (n, g.to_dtype(DType::F32).unwrap().to_vec1().unwrap())
        })
        .collect()
}

fn rates(lr: f64) -> Rates {
    Rates { lr, momentum: None }
}

fn run(config: &OptimizerConfig, dtype: DType) -> Vec<(String, Var)> {
    let parameters = parameters(dtype);
    let mut optimizer = Optimizer::new(*config);
    for step in 0..STEPS {
        optimizer
            .step(&parameters, &gradient(step), rates(config.lr()))
            .unwrap();
    }
    parameters
}

/// One number through all steps, in f64.
fn compare(
    config: &OptimizerConfig,
    mut update: impl FnMut(usize, usize, f64, f64, &mut [f64; 2]) -> f64,
) {
    for ((name, start), (_, end)) in parameters(DType::F64)
        .into_iter()
        .zip(run(config, DType::F64))
    {
        let start_values = start.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let end = end.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        for (i, w) in start_values.iter().enumerate() {
            let (mut w, mut state) = (*w, [0.0; 2]);
            for step in 0..STEPS {
                w = update(
                    step + 1,
                    start.rank(),
                    w,
                    f64::from(gradient(step)[&name][i]),
                    &mut state,
                );
            }
            // Moments are rounded to f32.
            assert!(
                (w - end[i]).abs() < 2e-8,
                "{name} {i}: {} instead of {w}",
                end[i]
            );
        }
    }
}

fn adam(t: usize, w: f64, g: f64, s: &mut [f64; 2], lr: f64) -> f64 {
    s[0] = 0.8 * s[0] + 0.2 * g;
    s[1] = 0.95 * s[1] + 0.05 * g * g;
    let m = s[0] / (1.0 - 0.8f64.powi(t as i32));
    let v = s[1] / (1.0 - 0.95f64.powi(t as i32));
    w - lr * m / (v.sqrt() + 1e-3)
}

#[test]
fn adam_equals_its_formula() {
    for weight_decay in [0.0, 0.5] {
        let config = OptimizerConfig::Adam(Adam {
            lr: 0.02,
            beta1: 0.8,
            beta2: 0.95,
            eps: 1e-3,
            weight_decay,
        });
        compare(&config, |t, _, w, g, s| {
            adam(t, w, g + weight_decay * w, s, 0.02)
        });
    }
}

#[test]
fn adamw_decays_weights_and_not_gradients() {
    let config = OptimizerConfig::AdamW(AdamW {
        lr: 0.02,
        beta1: 0.8,
        beta2: 0.95,
        eps: 1e-3,
        weight_decay: 0.5,
    });
    compare(&config, |t, _, w, g, s| {
        adam(t, w - 0.02 * 0.5 * w, g, s, 0.02)
    });
}

#[test]
fn sgd_equals_its_formula() {
    for nesterov in [false, true] {
        let config = OptimizerConfig::Sgd(Sgd {
            lr: 0.05,
            momentum: 0.9,
            nesterov,
            weight_decay: 0.1,
        });
        compare(&config, |_, _, w, g, s| {
            let g = g + 0.1 * w;
            s[0] = 0.9 * s[0] + g;
            w - 0.05 * if nesterov { g + 0.9 * s[0] } else { s[0] }
        });
    }
}

/// The first step of Adam is the learning rate against the sign of the gradient.
#[test]
fn the_first_step_has_the_size_of_the_rate() {
    let p = parameters(DType::F64);
    let before = p[1].1.flatten_all().unwrap().to_vec1::<f64>().unwrap();
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    optimizer.step(&p, &gradient(0), rates(0.1)).unwrap();
    let after = p[1].1.flatten_all().unwrap().to_vec1::<f64>().unwrap();
    for ((a, b), g) in after.iter().zip(before).zip(&gradient(0)["a.weight"]) {
        assert!((b - a - 0.1 * f64::from(g.signum())).abs() < 1e-6);
    }
}

#[test]
fn a_resumed_run_has_the_same_bits() {
    let config = OptimizerConfig::AdamW(AdamW::default());
    let whole = run(&config, DType::F32);
    let p = parameters(DType::F32);
    let mut optimizer = Optimizer::new(config);
    for step in 0..STEPS {
        let bytes = optimizer.state().to_bytes();
        let state = OptimizerState::from_bytes(&bytes).unwrap();
        assert_eq!(&state, optimizer.state());
        assert_eq!(bytes, state.to_bytes());
        optimizer = Optimizer::resume(config, state);
        optimizer
            .step(&p, &gradient(step), rates(config.lr()))
            .unwrap();
    }
    for ((_, a), (_, b)) in whole.iter().zip(&p) {
        let bits = |v: &Var| {
            v.flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap()
                .into_iter()
                .map(f32::to_bits)
                .collect::<Vec<_>>()
        };
        assert_eq!(bits(a), bits(b));
    }
}

/// The gradients of `step` as those of a loss.
fn store(parameters: &[(String, Var)], step: usize) -> GradStore {
    let mut loss = Tensor::zeros((), DType::F32, &device()).unwrap();
    for (name, var) in parameters {
        let g = gradient(step).remove(name).unwrap();
        let g = Tensor::from_vec(g, var.shape(), &device()).unwrap();
        loss = (loss + (var.as_tensor() * g).unwrap().sum_all().unwrap()).unwrap();
    }
    loss.backward().unwrap()
}

#[test]
fn steps_on_the_device_are_those_on_the_host() {
    let (lr, weight_decay) = (0.05, 0.1);
    let momentum = |nesterov| Sgd {
        nesterov,
        momentum: 0.9,
        weight_decay,
        ..Sgd::default()
    };
    for config in [
        OptimizerConfig::default(),
        OptimizerConfig::Adam(Adam {
            lr,
            weight_decay,
            ..Adam::default()
        }),
        OptimizerConfig::AdamW(AdamW {
            lr,
            weight_decay,
            ..AdamW::default()
        }),
        OptimizerConfig::Sgd(momentum(false)),
        OptimizerConfig::Sgd(momentum(true)),
    ] {
        for clip in [None, Some(0.3), Some(1e3)] {
            let (host, other) = (parameters(DType::F32), parameters(DType::F32));
            let mut optimizer = Optimizer::new(config);
            let mut state = OptimizerState::default();
            for step in 0..STEPS {
                let mut g = gradient(step);
                if let Some(limit) = clip {
                    clip_global_norm(&mut g, limit);
                }
                optimizer.step(&host, &g, rates(config.lr())).unwrap();
                // Each step goes on from a saved state.
                let mut own = DeviceOptimizer::new(config, &state, &other, &device()).unwrap();
                own.step(&other, &store(&other, step), rates(config.lr()), clip)
                    .unwrap();
                state = own.state().unwrap();
            }
            assert_eq!(state.step, optimizer.state().step);
            assert_eq!(state.second.len(), optimizer.state().second.len());
            for ((name, a), (_, b)) in host.iter().zip(&other) {
                let apart = difference(
                    &a.to_dtype(DType::F64).unwrap(),
                    &b.to_dtype(DType::F64).unwrap(),
                );
                assert!(apart < 2e-6, "{config:?}, {clip:?}, {name}: {apart:e}");
                let (own, of) = (&state.first[name], &optimizer.state().first[name]);
                assert!(own.iter().zip(of).all(|(a, b)| (a - b).abs() < 1e-6));
            }
        }
    }
}

#[test]
fn the_device_names_a_parameter_without_gradient_and_changes_nothing() {
    let p = parameters(DType::F32);
    let before = p[0].1.to_vec1::<f32>().unwrap();
    let gradients = store(&p[..1], 0);
    let state = OptimizerState::default();
    let mut optimizer =
        DeviceOptimizer::new(OptimizerConfig::default(), &state, &p, &device()).unwrap();
    let error = optimizer
        .step(&p, &gradients, rates(0.1), None)
        .unwrap_err();
    assert!(
        matches!(&error, Error::NoGradient { names } if names == &["a.weight"]),
        "{error}"
    );
    assert_eq!(p[0].1.to_vec1::<f32>().unwrap(), before);
    assert_eq!(optimizer.state().unwrap().step, 0);
}

#[test]
fn mistakes_are_named_and_change_nothing() {
    let p = parameters(DType::F32);
    let before = p[0].1.to_vec1::<f32>().unwrap();
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    let mut g = gradient(0);
    g.remove("a.weight");
    let error = optimizer.step(&p, &g, rates(0.1)).unwrap_err();
    assert!(
        matches!(&error, Error::NoGradient { names } if names == &["a.weight"]),
        "{error}"
    );
    g.insert("a.weight".to_owned(), vec![0.0; 5]);
    let error = optimizer.step(&p, &g, rates(0.1)).unwrap_err().to_string();
    assert!(
        error.contains("a.weight") && error.contains('6') && error.contains('5'),
        "{error}"
    );
    assert_eq!(p[0].1.to_vec1::<f32>().unwrap(), before);
    assert_eq!(optimizer.state().step, 0);
    let loss = p[0].1.sum_all().unwrap();
    assert!(
        matches!(gradients(&loss, &p).unwrap_err(), Error::NoGradient { names } if names == ["a.weight"])
    );
}

#[test]
fn momentum_of_a_schedule_replaces_beta1() {
    let p = [parameters(DType::F64), parameters(DType::F64)];
    let config = |beta1| {
        OptimizerConfig::Adam(Adam {
            beta1,
            ..Adam::default()
        })
    };
    let mut a = Optimizer::new(config(0.5));
    let mut b = Optimizer::new(config(0.9));
    for step in 0..3 {
        a.step(&p[0], &gradient(step), rates(0.1)).unwrap();
        b.step(
            &p[1],
            &gradient(step),
            Rates {
                lr: 0.1,
                momentum: Some(0.5),
            },
        )
        .unwrap();
    }
    let values = |p: &[(String, Var)]| p[1].1.to_vec2::<f64>().unwrap();
    assert_eq!(values(&p[0]), values(&p[1]));
}

#[test]
fn settings_read_from_toml() {
    let read = |text: &str| toml::from_str::<OptimizerConfig>(text);
    let config = read("kind = \"adamw\"\nlr = 0.005").unwrap();
    assert_eq!(
        config,
        OptimizerConfig::AdamW(AdamW::default()).with_lr(0.005)
    );
    let error = read("kind = \"adam\"\nmomentum = 0.1").unwrap_err();
    assert!(error.to_string().contains("momentum"));
    let text = toml::to_string(&config).unwrap();
    assert_eq!(read(&text).unwrap(), config);
}

#[test]
fn tensors_on_the_host_are_updated_in_place() {
    let v = Var::from_tensor(&Tensor::ones(2, DType::F32, &device()).unwrap()).unwrap();
    let shared = v.as_tensor().clone();
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    let g = NamedGradients::from([("v".to_owned(), vec![1.0, -1.0])]);
    optimizer
        .step(&[("v".to_owned(), v)], &g, rates(0.5))
        .unwrap();
    assert_eq!(shared.to_vec1::<f32>().unwrap(), [0.5, 1.5]);
}
