//! Each rescale rule alone, against `tests/data/rules.json` (two independent implementations in
//! f64).

use candle_core::{Tensor, Var};
use degu_core::{Ctx, Mode, Result, graph::Pool};
use degu_nn::ops;
use serde_json::Value;

use crate::common::{device, difference, largest};

fn tensor(value: &Value) -> Tensor {
    fn walk(v: &Value, shape: &mut Vec<usize>, depth: usize, out: &mut Vec<f64>) {
        match v {
            Value::Array(items) => {
                if shape.len() == depth {
                    shape.push(items.len());
                }
                for i in items {
                    walk(i, shape, depth + 1, out);
                }
            }
            other => out.push(other.as_f64().unwrap()),
        }
    }
    let (mut shape, mut out) = (Vec::new(), Vec::new());
    walk(value, &mut shape, 0, &mut out);
    Tensor::from_vec(out, shape, &device()).unwrap()
}

fn apply(case: &Value, x: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
    let number = |key: &str| case[key].as_u64().unwrap() as usize;
    let name = case["name"].as_str().unwrap();
    let last = x.rank() - 1;
    match name {
        "relu" => ops::relu(x, ctx),
        "silu" => ops::silu(x, ctx),
        "gelu" => ops::gelu(x, ctx),
        "sigmoid" => ops::sigmoid(x, ctx),
        "tanh" => ops::tanh(x, ctx),
        "softplus" => ops::softplus(x, ctx),
        "exp" => ops::exp(x, ctx),
        "softmax" | "softmax_peaked" => ops::softmax(x, last, ctx),
        "logsumexp" | "logsumexp_far" => ops::logsumexp(x, last, ctx),
        "layer_norm" => {
            let eps = case["eps"].as_f64().unwrap();
            ops::layer_norm(x, &tensor(&case["gamma"]), &tensor(&case["beta"]), eps, ctx)
        }
        "product" => {
            let half = x.dim(last)? / 2;
            ops::product(&x.narrow(last, 0, half)?, &x.narrow(last, half, half)?, ctx)
        }
        "matmul" => {
            let n = x.dim(0)?;
            let a = x.narrow(1, 0, 6)?.reshape((n, 2, 3))?;
            ops::matmul(&a, &x.narrow(1, 6, 12)?.reshape((n, 3, 4))?, ctx)
        }
        other if other.starts_with("max_pool") => {
            let pool = Pool {
                size: number("size"),
                stride: number("stride"),
            };
            ops::max_pool(x, pool, ctx)
        }
        other => panic!("unknown rule {other}"),
    }
}

#[test]
fn every_rule_matches_its_golden_values() {
    let file: Value = serde_json::from_str(include_str!("../data/rules.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 18);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let (x, r) = (tensor(&case["x"]), tensor(&case["r"]));
        let n = x.dim(0).unwrap();
        let batch = Var::from_tensor(&Tensor::cat(&[&x, &r], 0).unwrap()).unwrap();
        let y = apply(case, &batch, &Ctx::new(Mode::Rescale)).unwrap();
        let expected = tensor(&case["y"]);
        let flat = |t: &Tensor| t.flatten_all().unwrap();
        let own = y.narrow(0, 0, n).unwrap();
        assert!(
            difference(&flat(&own), &flat(&expected)) < 1e-12,
            "{name}: value"
        );
        let reference = y.narrow(0, n, n).unwrap();
        assert!(
            difference(&flat(&reference), &flat(&tensor(&case["y_reference"]))) < 1e-12,
            "{name}: reference"
        );
        let plain = apply(case, &batch, &Ctx::eval()).unwrap();
        assert!(
            difference(&plain, &y) < 1e-14,
            "{name}: the mode changes the value"
        );
        let upstream = tensor(&case["upstream"]).reshape(own.shape()).unwrap();
        let g = (own * upstream)
            .unwrap()
            .sum_all()
            .unwrap()
            .backward()
            .unwrap();
        let g = g.get(&batch).unwrap();
        let expected = tensor(&case["gradient"]);
        let error = difference(&g.narrow(0, 0, n).unwrap(), &expected) / largest(&expected);
        println!("{name}: {error:.1e}");
        assert!(error < 1e-10, "{name}: multipliers off by {error:e}");
        assert!(
            largest(&g.narrow(0, n, n).unwrap()) == 0.0,
            "{name}: the reference half has a gradient"
        );
    }
}
