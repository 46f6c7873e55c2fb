//! LSTM and attention.

use candle_core::{Tensor, Var};
use degu_core::Ctx;
use degu_nn::ops::{self, LstmTensors};

use crate::common::{check, values};

fn direction(name: &str, c: usize, h: usize) -> [Tensor; 3] {
    [
        values(&format!("{name} w"), &[c, 4 * h]),
        values(&format!("{name} u"), &[h, 4 * h]),
        values(&format!("{name} b"), &[4 * h]),
    ]
}

fn tensors(v: &[Var]) -> LstmTensors {
    LstmTensors {
        weight: v[0].as_tensor().clone(),
        recurrent: v[1].as_tensor().clone(),
        bias: v[2].as_tensor().clone(),
    }
}

#[test]
fn lstm_gradients() {
    let [a, b, c] = direction("f", 4, 3);
    let [d, e, f] = direction("b", 4, 3);
    let inputs = [values("x", &[3, 7, 4]), a, b, c, d, e, f];
    check(
        "lstm",
        |v| ops::lstm(&v[0], &tensors(&v[1..4]), &Ctx::eval()),
        &inputs[..4],
    );
    check(
        "bi_lstm",
        |v| ops::bi_lstm(&v[0], &tensors(&v[1..4]), &tensors(&v[4..7]), &Ctx::eval()),
        &inputs,
    );
}

#[test]
fn lstm_equals_a_scalar_loop() {
    let (length, channels, hidden) = (6, 3, 2);
    let parts = direction("f", channels, hidden);
    let x = values("x", &[1, length, channels]);
    let layer = LstmTensors {
        weight: parts[0].clone(),
        recurrent: parts[1].clone(),
        bias: parts[2].clone(),
    };
    let y = ops::lstm(&x, &layer, &Ctx::eval())
        .unwrap()
        .to_vec3::<f64>()
        .unwrap();
    let (x, w) = (
        x.to_vec3::<f64>().unwrap(),
        parts[0].to_vec2::<f64>().unwrap(),
    );
    let (u, b) = (
        parts[1].to_vec2::<f64>().unwrap(),
        parts[2].to_vec1::<f64>().unwrap(),
    );
    let sigma = |z: f64| 1.0 / (1.0 + (-z).exp());
    let (mut h, mut c) = (vec![0.0; hidden], vec![0.0; hidden]);
    for t in 0..length {
        let z = |k: usize, h: &[f64]| {
            b[k] + (0..channels).map(|i| x[0][t][i] * w[i][k]).sum::<f64>()
                + (0..hidden).map(|i| h[i] * u[i][k]).sum::<f64>()
        };
        let before = h.clone();
        for j in 0..hidden {
            let gate = |k: usize| z(k * hidden + j, &before);
            c[j] = sigma(gate(1)) * c[j] + sigma(gate(0)) * gate(2).tanh();
            h[j] = sigma(gate(3)) * c[j].tanh();
            assert!((y[0][t][j] - h[j]).abs() < 1e-14);
        }
    }
}

#[test]
fn a_long_lstm_does_not_recurse() {
    let vars = direction("f", 2, 2).map(|t| Var::from_tensor(&t).unwrap());
    let y = ops::lstm(&values("x", &[1, 20_000, 2]), &tensors(&vars), &Ctx::eval()).unwrap();
    let g = y.sum_all().unwrap().backward().unwrap();
    assert!(vars.iter().all(|v| g.get(v).is_some()));
}

#[test]
fn attention_gradients() {
    let inputs = [
        values("x", &[3, 5, 4]),
        values("q", &[4, 6]),
        values("k", &[4, 6]),
        values("v", &[4, 6]),
        values("o", &[6, 4]),
        values("b", &[4]),
    ];
    check(
        "attention",
        |v| {
            ops::attention(
                &v[0],
                &ops::AttentionTensors {
                    project: [
                        v[1].as_tensor().clone(),
                        v[2].as_tensor().clone(),
                        v[3].as_tensor().clone(),
                    ],
                    project_bias: None,
                    output: v[4].as_tensor().clone(),
                    output_bias: Some(v[5].as_tensor().clone()),
                    heads: 2,
                },
                &Ctx::eval(),
            )
        },
        &inputs,
    );
}
