//! The networks of the golden files as models; shared with the tests of the bundled plugins.
#![expect(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "helpers of tests, one file of two test binaries"
)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use candle_core::{DType, Device, Tensor};
use degu_core::{
    Architecture, Ctx, Head, ModelIo, Network, OutputKind, Params, Prediction, Result, Seed,
    Targets,
    graph::{Activation, Graph, InitRule, Layer, NormStyle, Padding, Pool},
};
use degu_nn::{GraphNetwork, Model, ParamStore, loss};
use serde_json::Value;

/// The folder of the golden files.
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../degu-nn/tests/data")
}

/// The layers before the last dense one.
pub struct Trunk(pub Graph);

impl Architecture for Trunk {
    fn network(&self, io: &ModelIo, params: &Params<'_>) -> Result<Box<dyn Network>> {
        GraphNetwork::boxed(self.0.clone(), io, params)
    }
}

/// A head whose prediction is the raw output.
pub struct Plain(pub usize);

impl Head for Plain {
    fn outputs(&self) -> usize {
        self.0
    }

    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        loss::mse(raw, &targets.mean)
    }

    fn predict(&self, raw: &Tensor, _ctx: &mut Ctx<'_>) -> Result<Prediction> {
        Ok(Prediction::of_mean(raw.clone()))
    }
}

/// A network with its arrays; its last layer is the dense layer `out`.
pub struct Golden {
    pub file: Value,
    pub arrays: BTreeMap<String, Tensor>,
    /// What the names of its tensors begin with.
    pub prefix: &'static str,
}

impl Golden {
    pub fn load(name: &str) -> Self {
        let text = std::fs::read_to_string(data().join(format!("{name}.json"))).unwrap();
        let arrays = Tensor::read_npz(data().join(format!("{name}.npz"))).unwrap();
        Self {
            file: serde_json::from_str(&text).unwrap(),
            arrays: arrays.into_iter().collect(),
            prefix: "w",
        }
    }

    pub fn array(&self, key: &str) -> Tensor {
        let found = self.arrays.get(key);
        found.unwrap_or_else(|| panic!("no {key}")).clone()
    }

    pub fn outputs(&self) -> usize {
        self.array(&format!("{}.out.bias", self.prefix))
            .elem_count()
    }

    pub fn length(&self) -> usize {
        self.array("sequences").dims()[1]
    }

    /// The layers before `out`.
    pub fn trunk(&self) -> Trunk {
        let mut layers = layers(self.file["nodes"].as_array().unwrap(), &|name| {
            let kernel = self.array(&format!("{}.{name}.kernel", self.prefix));
            *kernel.dims().last().unwrap()
        });
        layers.pop();
        Trunk(Graph {
            layers,
            style: NormStyle::Keras,
        })
    }

    pub fn io(&self) -> ModelIo {
        ModelIo {
            length: self.length(),
            outputs: self.outputs(),
            output: OutputKind::Scalar,
        }
    }

    /// The tensor of the file that a model calls `name`.
    pub fn tensor(&self, name: &str) -> Tensor {
        let (layer, part) = name.rsplit_once('.').unwrap();
        let layer = if layer == "head" { "out" } else { layer };
        let prefix = self.prefix;
        let norm = self.arrays.contains_key(&format!("{prefix}.{layer}.gamma"));
        let part = match part {
            "weight" if norm => "gamma",
            "bias" if norm => "beta",
            "weight" => "kernel",
            other => other,
        };
        self.array(&format!("{prefix}.{layer}.{part}"))
    }

    /// The model in the given precision.
    pub fn model(&self, dtype: DType) -> Model {
        let store = ParamStore::new(Seed::root(0), dtype, &Device::Cpu);
        let head = Box::new(Plain(self.outputs()));
        let model = Model::new(&self.trunk(), head, &self.io(), &store.params()).unwrap();
        for (name, var) in store.tensors() {
            let values = self.tensor(&name).to_dtype(dtype).unwrap();
            var.set(&values.contiguous().unwrap()).unwrap();
        }
        model
    }
}

/// The layers of a node list; a sum with an earlier node closes a residual block.
pub fn layers(nodes: &[Value], width_of: &dyn Fn(&str) -> usize) -> Vec<Layer> {
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let mut done: Vec<(String, Layer)> = Vec::new();
    for node in nodes {
        let (name, op, p) = (text(&node["name"]), text(&node["op"]), &node["params"]);
        let size = |key: &str| p[key].as_u64().unwrap() as usize;
        let width = || width_of(&name);
        let pool = || Pool {
            size: size("size"),
            stride: size("stride"),
        };
        let graph = Graph::new(NormStyle::Keras);
        let graph = match op.as_str() {
            "conv" => graph.conv_with(&name, width(), size("kernel"), |c| {
                c.dilation = size("dilation");
                c.bias = p["bias"].as_bool().unwrap();
                c.padding = if p["padding"] == "same" {
                    Padding::Same
                } else {
                    Padding::Valid
                };
                c.init = InitRule::GlorotUniform;
            }),
            "dense" => graph.dense(&name, width()),
            "batch_norm" => {
                assert!((p["eps"].as_f64().unwrap() - 1e-3).abs() < 1e-15);
                graph.batch_norm(&name)
            }
            "relu" => graph.relu(),
            "silu" => graph.silu(),
            "sigmoid" => graph.activation(Activation::Sigmoid),
            "softmax_channels" => graph.activation(Activation::Softmax),
            "max_pool" => graph.layer(Layer::MaxPool(pool())),
            "avg_pool" => graph.layer(Layer::AvgPool(pool())),
            "flatten" => graph.flatten(),
            "global_mean" => graph.global_mean(),
            "add" => {
                let from = text(&node["inputs"][0]);
                let at = done.iter().position(|(n, _)| *n == from).unwrap();
                let body = done.split_off(at + 1).into_iter().map(|(_, l)| l).collect();
                graph.layer(Layer::Residual(body))
            }
            other => panic!("unknown operation {other}"),
        };
        done.extend(graph.layers.into_iter().map(|l| (name.clone(), l)));
    }
    done.into_iter().map(|(_, l)| l).collect()
}
