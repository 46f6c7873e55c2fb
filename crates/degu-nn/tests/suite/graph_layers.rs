//! Layers of graphs: PyTorch's values for autograd and the fused engine.

use candle_core::{DType, Tensor, Var};
use degu_core::{Ctx, ModelIo, Network, OutputKind, Seed, Sequences, graph::Graph};
use degu_nn::{
    GraphNetwork, ParamStore,
    engine::{DropoutSeed, Engine, Isa},
};
use serde_json::Value;

use crate::common::device;

const N: usize = 3;

fn io(length: usize) -> ModelIo {
    ModelIo {
        length,
        outputs: 1,
        output: OutputKind::Scalar,
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
