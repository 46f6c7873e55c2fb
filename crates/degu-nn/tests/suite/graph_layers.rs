//! Layers of graphs: finite differences by the autograd path, and PyTorch's values for autograd and
//! the fused engine.

use candle_core::{DType, Tensor, Var};
use degu_core::{
    Ctx, ModelIo, Network, OutputKind, Seed, Sequences,
    graph::{Activation, Graph, NormStyle, Padding},
};
use degu_nn::{
    GraphNetwork, ParamStore,
    engine::{DropoutSeed, Engine, Isa},
};
use serde_json::Value;

use crate::common::{check, device, values};
use crate::networks::Given;

const N: usize = 3;

fn torch() -> Graph {
    Graph::new(NormStyle::Torch)
}

fn io(length: usize) -> ModelIo {
    ModelIo {
        length,
        outputs: 1,
        output: OutputKind::Scalar,
    }
}

/// Gradients of the input and of every parameter, from one-hot input and from codes.
fn differentiate(name: &str, graph: &Graph, length: usize) {
    let store = ParamStore::new(Seed::root(2), DType::F64, &device());
    GraphNetwork::new(graph.clone(), &io(length), &store.params()).unwrap();
    let names: Vec<_> = store.parameters().into_iter().map(|(n, _)| n).collect();
    let run = |x: &Sequences, vars: &[Var]| {
        let source = Given {
            names: &names,
            vars,
            store: &store,
        };
        let params = degu_core::Params::new(&source);
        GraphNetwork::new(graph.clone(), &io(length), &params)?.forward(x, &mut Ctx::eval())
    };
    let mut inputs = vec![(values("x", &[N, length, 4]) * 2.0).unwrap()];
    let parameters = store.parameters();
    inputs.extend(parameters.iter().map(|(n, v)| values(n, v.dims())));
    check(
        name,
        |v| run(&Sequences::OneHot(v[0].as_tensor().clone()), &v[1..]),
        &inputs,
    );
    let codes: Vec<u8> = (0..N * length).map(|i| (i * i % 11 % 5) as u8).collect();
    assert!(codes.contains(&4));
    let codes = Tensor::from_vec(codes, (N, length), &device()).unwrap();
    let codes = Sequences::codes(codes).unwrap();
    check(
        &format!("{name}, from codes"),
        |v| run(&codes, v),
        &inputs[1..],
    );
}

#[test]
fn strides_with_every_padding() {
    for length in [13, 14] {
        for padding in [
            Padding::Same,
            Padding::Valid,
            Padding::Causal,
            Padding::Explicit { left: 1, right: 4 },
        ] {
            for (stride, dilation) in [(2, 1), (3, 1), (2, 3), (3, 2)] {
                let strided = |g: Graph, name: &str, filters: usize| {
                    g.conv_with(name, filters, 3, |c| {
                        c.stride = stride;
                        c.dilation = dilation;
                        c.padding = padding;
                    })
                };
                let name = format!("L {length}, stride {stride}, dilation {dilation}, {padding:?}");
                // As the first layer, and behind one.
                differentiate(&name, &strided(torch(), "a", 3), length);
                let graph = strided(torch().conv("stem", 2, 2).silu(), "a", 3);
                differentiate(&name, &graph, length);
            }
        }
    }
}

#[test]
fn strides_of_groups() {
    for (stride, length) in [(2, 11), (3, 12)] {
        let graph = torch().conv("stem", 4, 3).conv_with("a", 6, 3, |c| {
            c.groups = 2;
            c.stride = stride;
        });
        differentiate("groups", &graph, length);
    }
}

#[test]
fn attention_and_a_transformer_block() {
    for length in [5, 6] {
        differentiate("attention", &torch().attention("mix", 2, 6, 3), length);
        let bare = torch().attention_with("mix", 1, 3, 2, |a| {
            a.project_bias = false;
            a.output_bias = false;
        });
        differentiate("without biases", &bare, length);
        let block = torch()
            .conv_strided("stem", 4, 3, 2)
            .residual(|g| g.layer_norm("norm1").attention("mix", 2, 4, 4))
            .residual(|g| {
                g.layer_norm("norm2")
                    .dense("up", 5)
                    .activation(Activation::Gelu)
                    .dense("down", 4)
            })
            .global_mean();
        differentiate("transformer block", &block, 2 * length);
    }
}

/// A case of `tests/data/layers.json`.
struct Golden(Value);

impl Golden {
    fn all() -> Vec<Self> {
        let all: Vec<Value> = serde_json::from_str(include_str!("../data/layers.json")).unwrap();
        all.into_iter().map(Self).collect()
    }

    fn name(&self) -> &str {
        self.0["name"].as_str().unwrap()
    }

    fn numbers(&self, path: &str) -> Vec<f64> {
        serde_json::from_value(self.0.pointer(path).unwrap().clone()).unwrap()
    }

    fn graph(&self) -> Graph {
        serde_json::from_value(self.0["graph"].clone()).unwrap()
    }

    fn length(&self) -> usize {
        self.0["length"].as_u64().unwrap() as usize
    }

    fn codes(&self) -> Vec<u8> {
        serde_json::from_value(self.0["codes"].clone()).unwrap()
    }

    /// Largest difference, relative to the largest expected value.
    fn error(&self, got: &[f64], path: &str) -> f64 {
        let want = self.numbers(path);
        assert_eq!(got.len(), want.len(), "{}: {path}", self.name());
        let size = want.iter().fold(0f64, |m, v| m.max(v.abs()));
        let worst = got
            .iter()
            .zip(&want)
            .fold(0f64, |m, (a, b)| m.max((a - b).abs()));
        // The bias of the keys moves all scores of a query alike: its gradient is rounding.
        worst / size.max(0.1)
    }

    fn parameters(&self) -> Vec<String> {
        let parameters = self.0["parameters"].as_object().unwrap();
        parameters.keys().cloned().collect()
    }
}

#[test]
fn autograd_gives_the_values_of_torch() {
    for case in Golden::all() {
        let store = ParamStore::new(Seed::root(0), DType::F64, &device());
        let (graph, length) = (case.graph(), case.length());
        let network = GraphNetwork::new(graph, &io(length), &store.params()).unwrap();
        let vars = store.parameters();
        assert_eq!(vars.len(), case.parameters().len(), "{}", case.name());
        for (name, var) in &vars {
            let given = case.numbers(&format!("/parameters/{name}"));
            var.set(&Tensor::from_vec(given, var.dims(), &device()).unwrap())
                .unwrap();
        }
        let codes = Tensor::from_vec(case.codes(), (N, length), &device()).unwrap();
        let one_hot = Sequences::codes(codes)
            .unwrap()
            .one_hot(DType::F64)
            .unwrap();
        let x = Var::from_tensor(&one_hot).unwrap();
        let y = network
            .forward(&Sequences::OneHot(x.as_tensor().clone()), &mut Ctx::eval())
            .unwrap();
        let upstream = Tensor::from_vec(case.numbers("/upstream"), y.dims(), &device()).unwrap();
        let g = (&y * upstream)
            .unwrap()
            .sum_all()
            .unwrap()
            .backward()
            .unwrap();
        let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let mut worst = case.error(&flat(&y), "/output");
        worst = worst.max(case.error(&flat(g.get(&x).unwrap()), "/input_gradient"));
        for (name, var) in &vars {
            let got = flat(g.get(var).unwrap());
            worst = worst.max(case.error(&got, &format!("/gradients/{name}")));
        }
        println!("{}: {worst:.1e}", case.name());
        assert!(worst < 1e-12, "{}: off by {worst:e}", case.name());
    }
}

#[test]
fn the_engine_gives_the_values_of_torch() {
    for case in Golden::all() {
        for isa in Isa::available() {
            let (graph, length) = (case.graph(), case.length());
            let mut engine = Engine::with_isa(&graph, length, N, 1, isa).unwrap();
            for name in case.parameters() {
                let given = case.numbers(&format!("/parameters/{name}"));
                let given: Vec<f32> = given.iter().map(|v| *v as f32).collect();
                engine.load(&name, &given).unwrap();
            }
            let wide = |v: &[f32]| -> Vec<f64> { v.iter().map(|v| f64::from(*v)).collect() };
            let codes = case.codes();
            let y = engine.forward_train(&codes, N, DropoutSeed(0)).unwrap();
            let mut worst = case.error(&wide(y), "/output");
            let upstream = case.numbers("/upstream");
            let upstream: Vec<f32> = upstream.iter().map(|v| *v as f32).collect();
            engine.backward(&upstream).unwrap();
            for spec in engine.parameters() {
                let got = wide(&engine.gradients()[spec.range.clone()]);
                worst = worst.max(case.error(&got, &format!("/gradients/{}", spec.name)));
            }
            let mut dx = vec![0.0; codes.len() * 4];
            engine
                .input_gradient(&codes, N, &upstream, &mut dx)
                .unwrap();
            worst = worst.max(case.error(&wide(&dx), "/input_gradient"));
            println!("{}, {}: {worst:.1e}", case.name(), isa.name());
            assert!(worst < 2e-5, "{}: off by {worst:e}", case.name());
        }
    }
}
