//! Small networks with exact multipliers, as graphs.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use candle_core::{DType, Device, Tensor, Var};
use degu_core::{
    Ctx, Mode, ModelIo, Network, OutputKind, Seed, Sequences,
    graph::{Graph, Layer, NormStyle, Pool},
};
use degu_nn::{GraphNetwork, ParamStore};
use serde_json::Value;

use crate::common::{difference, largest};
use crate::golden_model::layers;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn network(
    layers: Vec<Layer>,
    length: usize,
    weight: impl Fn(&str, &str) -> Tensor,
) -> GraphNetwork {
    let graph = Graph {
        layers,
        style: NormStyle::Keras,
    };
    let store = ParamStore::new(Seed::root(0), DType::F64, &Device::Cpu);
    let io = ModelIo {
        length,
        outputs: 1,
        output: OutputKind::Scalar,
    };
    let network = GraphNetwork::new(graph, &io, &store.params()).unwrap();
    for (name, var) in store.tensors() {
        let (layer, part) = name.rsplit_once('.').unwrap();
        var.set(&weight(layer, part)).unwrap();
    }
    network
}

fn one_hot(codes: &Tensor) -> Tensor {
    Sequences::codes(codes.clone())
        .unwrap()
        .one_hot(DType::F64)
        .unwrap()
}

/// Multipliers of one output for pairs of sequences, and both outputs.
fn run(network: &GraphNetwork, x: &Tensor, r: &Tensor, target: usize) -> (Tensor, Tensor, Tensor) {
    let n = x.dim(0).unwrap();
    let batch = Var::from_tensor(&Tensor::cat(&[x, r], 0).unwrap()).unwrap();
    let y = network
        .forward(
            &Sequences::OneHot(batch.as_tensor().clone()),
            &mut Ctx::new(Mode::Rescale),
        )
        .unwrap()
        .narrow(1, target, 1)
        .unwrap()
        .squeeze(1)
        .unwrap();
    let (own, reference) = (y.narrow(0, 0, n).unwrap(), y.narrow(0, n, n).unwrap());
    let g = own.sum_all().unwrap().backward().unwrap();
    (
        g.get(&batch).unwrap().narrow(0, 0, n).unwrap(),
        own.detach(),
        reference.detach(),
    )
}

fn check(folder: &Path, name: &str, tolerance: f64) {
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let arrays: BTreeMap<String, Tensor> = Tensor::read_npz(folder.join(format!("{name}.npz")))
        .unwrap()
        .into_iter()
        .collect();
    let array = |key: &str| {
        arrays
            .get(key)
            .unwrap_or_else(|| panic!("no {key} in {:?}", arrays.keys()))
            .clone()
    };
    let (codes, references) = (array("sequences"), array("references"));
    let (n, k, length) = references.dims3().unwrap();
    let shapes = &file["node_shapes"];
    let width = |name: &str| {
        shapes[name]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .as_u64()
            .unwrap() as usize
    };
    let layers = layers(file["nodes"].as_array().unwrap(), &width);
    let network = network(layers, length, |layer, part| {
        let part = match part {
            "weight" if arrays.contains_key(&format!("w.{layer}.gamma")) => "gamma",
            "bias" if arrays.contains_key(&format!("w.{layer}.gamma")) => "beta",
            "weight" => "kernel",
            other => other,
        };
        array(&format!("w.{layer}.{part}"))
    });
    let x = one_hot(&codes);
    let y = network
        .forward(&Sequences::Codes(codes.clone()), &mut Ctx::eval())
        .unwrap();
    assert!(
        difference(&y, &array("predictions")) / largest(&y) < 1e-10,
        "{name}: predictions"
    );
    let x = x
        .unsqueeze(1)
        .unwrap()
        .broadcast_as((n, k, length, 4))
        .unwrap()
        .contiguous()
        .unwrap();
    let x = x.reshape((n * k, length, 4)).unwrap();
    let r = one_hot(&references.reshape((n * k, length)).unwrap());
    for target in file["targets"].as_array().unwrap() {
        let t = target.as_u64().unwrap() as usize;
        let (m, own, reference) = run(&network, &x, &r, t);
        let expected = array(&format!("t{t}.multipliers"));
        let error =
            difference(&m.reshape(expected.shape()).unwrap(), &expected) / largest(&expected);
        let dy = (own - reference).unwrap().reshape((n, k)).unwrap();
        let dy_error = difference(&dy, &array(&format!("t{t}.dy")));
        println!("{name}, output {t}: multipliers {error:.1e}, change {dy_error:.1e}");
        assert!(
            error < tolerance,
            "{name}, output {t}: multipliers off by {error:e}"
        );
        assert!(
            dy_error < 1e-10,
            "{name}, output {t}: change off by {dy_error:e}"
        );
    }
}

#[test]
fn small_networks() {
    check(&data(), "channel_softmax", 1e-7);
    check(&data(), "deepstarr_small", 1e-9);
    check(&data(), "residual_silu", 1e-9);
}

#[test]
fn three_pools() {
    let file: Value = serde_json::from_str(include_str!("../data/three_pools.json")).unwrap();
    let codes = |key: &str| {
        let codes: Vec<u8> = file[key]
            .as_str()
            .unwrap()
            .bytes()
            .map(|b| "ACGT".find(b as char).unwrap() as u8)
            .collect();
        let length = codes.len();
        one_hot(&Tensor::from_vec(codes, (1, length), &Device::Cpu).unwrap())
    };
    let (x, r) = (codes("sequence"), codes("reference"));
    let flat = |v: &Value| -> Vec<f64> {
        fn walk(v: &Value, out: &mut Vec<f64>) {
            match v.as_array() {
                Some(items) => items.iter().for_each(|i| walk(i, out)),
                None => out.push(v.as_f64().unwrap()),
            }
        }
        let mut out = Vec::new();
        walk(v, &mut out);
        out
    };
    for case in file["cases"].as_array().unwrap() {
        let pool = Pool {
            size: case["size"].as_u64().unwrap() as usize,
            stride: case["stride"].as_u64().unwrap() as usize,
        };
        let pool = if case["pool"] == "max_pool" {
            Layer::MaxPool(pool)
        } else {
            Layer::AvgPool(pool)
        };
        let graph = Graph::new(NormStyle::Keras)
            .conv("conv1", 3, 3)
            .relu()
            .layer(pool)
            .conv("conv2", 2, 3)
            .silu();
        let graph = graph.flatten().dense("out", 1);
        let shapes: BTreeMap<_, _> = graph
            .parameters(12)
            .unwrap()
            .into_iter()
            .map(|p| (p.name, p.shape))
            .collect();
        let network = network(graph.layers, 12, |layer, part| {
            let key = if part == "weight" { "kernel" } else { part };
            let shape = shapes[&format!("{layer}.{part}")].as_slice();
            Tensor::from_vec(
                flat(&case["weights"][format!("{layer}.{key}")]),
                shape,
                &Device::Cpu,
            )
            .unwrap()
        });
        let (m, own, reference) = run(&network, &x, &r, 0);
        let expected =
            Tensor::from_vec(flat(&case["multipliers"]), (1, 12, 4), &Device::Cpu).unwrap();
        let name = case["name"].as_str().unwrap();
        assert!(
            difference(&m, &expected) / largest(&expected) < 1e-10,
            "{name}"
        );
        let dy = (own - reference).unwrap().to_vec1::<f64>().unwrap()[0];
        assert!((dy - case["dy"].as_f64().unwrap()).abs() < 1e-12, "{name}");
    }
}
