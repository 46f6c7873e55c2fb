//! The engine against the network of operations in f64 (which finite differences and PyTorch
//! check), against itself on other threads, and on a task it must overfit.

mod attention;
mod layers;
mod limits;
mod strides;

use super::filters::Rule;
use super::{AdamStep, DropoutSeed, Engine, EngineError, Isa};
use crate::{GraphNetwork, ParamStore, ops, optim};
use candle_core::{DType, Device, Tensor, Var};
use degu_core::graph::{Activation, Graph, NormStyle, Padding};
use degu_core::{Ctx, Mode, ModelIo, Network, OutputKind, Seed, Sequences};
use std::collections::BTreeMap;

/// Tensors by name.
pub(super) type Tensors = BTreeMap<String, Vec<f32>>;

/// Values in +-1 from a fixed stream.
pub(super) struct Noise(pub(super) u64);

impl Noise {
    pub(super) fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    }

    pub(super) fn codes(&mut self, n: usize) -> Vec<u8> {
        (0..n)
            .map(|_| {
                if self.next() > 0.9 {
                    4
                } else {
                    ((self.next() + 1.0) * 2.0) as u8 % 4
                }
            })
            .collect()
    }
}

/// Random tensors of a graph.
pub(super) fn tensors(graph: &Graph, length: usize, seed: u64) -> Tensors {
    let mut noise = Noise(seed);
    let mut draw = |spec: &degu_core::graph::ParameterSpec| {
        let fan_in = spec.elements() / spec.shape.last().copied().unwrap_or(1);
        let value = |noise: &mut Noise| match spec.name.rsplit('.').next() {
            Some("running_var") => 0.5 + noise.next().abs(),
            Some("weight") if spec.shape.len() == 1 => {
                noise.next() + if noise.next() > 0.0 { 0.7 } else { -0.7 }
            }
            Some("weight" | "recurrent") => noise.next() * 1.5 / (fan_in as f64).sqrt(),
            _ => noise.next() * 0.5,
        };
        (0..spec.elements())
            .map(|_| value(&mut noise) as f32)
            .collect()
    };
    graph
        .parameters(length)
        .unwrap()
        .iter()
        .map(|spec| (spec.name.clone(), draw(spec)))
        .collect()
}

fn engine(
    graph: &Graph,
    length: usize,
    batch: usize,
    threads: usize,
    isa: Isa,
    tensors: &Tensors,
) -> Engine {
    with_rule(graph, length, batch, threads, isa, Rule::FASTER, tensors)
}

fn with_rule(
    graph: &Graph,
    length: usize,
    batch: usize,
    threads: usize,
    isa: Isa,
    rule: Rule,
    tensors: &Tensors,
) -> Engine {
    let mut engine = Engine::with_rule(graph, length, batch, threads, isa, rule).unwrap();
    for (name, values) in tensors {
        engine.load(name, values).unwrap();
    }
    engine
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |m, v| m.max(v.abs()))
}

/// Largest difference relative to the largest reference value.
fn error(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    largest(got.iter().zip(want).map(|(g, w)| f64::from(*g) - w))
        / largest(want.iter().copied()).max(1e-3)
}

/// The network of operations in f64.
struct Oracle {
    store: ParamStore,
    network: GraphNetwork,
    length: usize,
}

impl Oracle {
    fn new(graph: &Graph, length: usize, tensors: &Tensors) -> Self {
        let store = ParamStore::new(Seed::root(0), DType::F64, &Device::Cpu);
        let io = ModelIo {
            length,
            outputs: 1,
            output: OutputKind::Scalar,
        };
        let network = GraphNetwork::new(graph.clone(), &io, &store.params()).unwrap();
        for (name, values) in tensors {
            store.set(name, values).unwrap();
        }
        Self {
            store,
            network,
            length,
        }
    }

    fn sequences(&self, codes: &[u8]) -> Sequences {
        let shape = (codes.len() / self.length, self.length);
        Sequences::codes(Tensor::from_slice(codes, shape, &Device::Cpu).unwrap()).unwrap()
    }

    fn predict(&self, codes: &[u8]) -> Vec<f64> {
        let x = self.sequences(codes);
        flat(&self.network.forward(&x, &mut Ctx::eval()).unwrap())
    }

    /// Outputs of a training pass and the gradients of `sum(outputs * weights)`; running statistics
    /// move.
    fn train(&self, codes: &[u8], weights: &[f32]) -> (Vec<f64>, Tensors) {
        let mut ctx = Ctx::new(Mode::Train {
            dropout: dropout(),
            step: STEP,
        });
        let y = self.network.forward(&self.sequences(codes), &mut ctx);
        let y = y.unwrap();
        let gradients = optim::gradients(&weighted(&y, weights), &self.store.parameters());
        self.store.fold_statistics(&ctx.into_statistics()).unwrap();
        (flat(&y), gradients.unwrap())
    }

    /// The gradient of the one-hot input in evaluation mode.
    fn input_gradient(&self, codes: &[u8], weights: &[f32]) -> Vec<f64> {
        let one_hot = self.sequences(codes).one_hot(DType::F64).unwrap();
        let x = Var::from_tensor(&one_hot).unwrap();
        let input = Sequences::OneHot(x.as_tensor().clone());
        let y = self.network.forward(&input, &mut Ctx::eval()).unwrap();
        let gradients = weighted(&y, weights).backward().unwrap();
        flat(gradients.get(x.as_tensor()).unwrap())
    }
}

fn flat(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn weighted(y: &Tensor, weights: &[f32]) -> Tensor {
    let weights = Tensor::from_slice(weights, y.shape(), y.device()).unwrap();
    let weights = weights.to_dtype(DType::F64).unwrap();
    (y * weights).unwrap().sum_all().unwrap()
}

const STEP: u64 = 11;

fn dropout() -> Seed {
    Seed::root(3)
}

/// Forward, prediction, every gradient and the running statistics against the oracle, for every
/// instruction set; then other threads.
fn check(graph: &Graph, length: usize, n: usize) {
    let all = tensors(graph, length, 11);
    let codes = Noise(5).codes(n * length);
    // Irregular weights of the outputs: a plain sum would hide errors that cancel.
    let outputs = n * graph.output(length).unwrap().elements();
    let weights: Vec<f32> = (0..outputs)
        .map(|i| ((i * 37 % 23) as f32 - 11.0) / 7.0)
        .collect();
    let oracle = Oracle::new(graph, length, &all);
    let predicted = oracle.predict(&codes);
    let input_gradient = oracle.input_gradient(&codes, &weights);
    let (trained, gradients) = oracle.train(&codes, &weights);
    let seed = DropoutSeed(ops::dropout_seed(dropout(), STEP));
    // Networks of the tests are small: Winograd F(2, 3) is forced on them.
    let rules = [Rule::FASTER, Rule::EVERYWHERE];
    let sets = Isa::available().into_iter();
    for (isa, rule) in sets.flat_map(|isa| rules.map(|rule| (isa, rule))) {
        let close = |what: &str, got: &[f32], want: &[f64], tolerance: f64| {
            let e = error(got, want);
            assert!(e < tolerance, "{}: {what} differ by {e:.1e}", isa.name());
        };
        let mut engine = with_rule(graph, length, n + 3, 1, isa, rule, &all);
        let outputs = engine.forward_train(&codes, n, seed).unwrap();
        close("training outputs", outputs, &trained, 1e-5);
        engine.backward(&weights).unwrap();
        for spec in engine.parameters().iter().filter(|s| s.trained) {
            let want: Vec<f64> = gradients[&spec.name]
                .iter()
                .copied()
                .map(f64::from)
                .collect();
            let got = &engine.gradients()[spec.range.clone()];
            close(&format!("gradients of {}", spec.name), got, &want, 3e-5);
        }
        let mut got = vec![0.0; predicted.len()];
        engine.predict(&codes, n, &mut got).unwrap();
        close("predictions", &got, &predicted, 1e-5);
        // A training pass again: the prediction ended the one before.
        engine.forward_train(&codes, n, seed).unwrap();
        engine.commit_statistics();
        for (name, var) in oracle.store.buffers() {
            close(&name, engine.read(&name).unwrap(), &flat(&var), 1e-5);
        }
    }
    for rule in rules {
        // A smaller capacity than the batch: the engine cuts it.
        let mut engine = with_rule(graph, length, n / 2 + 1, 2, super::best_isa(), rule, &all);
        let mut got = vec![f32::NAN; n * length * 4];
        engine
            .input_gradient(&codes, n, &weights, &mut got)
            .unwrap();
        let e = error(&got, &input_gradient);
        assert!(e < 3e-5, "input gradient differs by {e:.1e}");
        same_bits(graph, length, n, rule, &all, &codes);
    }
}

/// A few steps give the same bits on 1, 2 and 3 threads.
fn same_bits(graph: &Graph, length: usize, n: usize, rule: Rule, all: &Tensors, codes: &[u8]) {
    let run = |threads: usize| {
        let mut engine = with_rule(graph, length, n, threads, super::best_isa(), rule, all);
        for step in 0..3 {
            let d: Vec<f32> = engine
                .forward_train(codes, n, DropoutSeed(step))
                .unwrap()
                .iter()
                .map(|o| o - 0.3)
                .collect();
            engine.backward(&d).unwrap();
            engine.adam(&AdamStep::default());
        }
        let mut out = vec![0.0; n * engine.outputs_per_sequence()];
        engine.predict(codes, n, &mut out).unwrap();
        (out, engine.values().to_vec())
    };
    let one = run(1);
    for threads in [2, 3] {
        let many = run(threads);
        assert!(
            one.0
                .iter()
                .zip(&many.0)
                .all(|(a, b)| a.to_bits() == b.to_bits()),
            "predictions on {threads} threads"
        );
        assert!(
            one.1
                .iter()
                .zip(&many.1)
                .all(|(a, b)| a.to_bits() == b.to_bits()),
            "weights on {threads} threads"
        );
    }
}

/// DeepSTARR with few channels.
pub(super) fn deepstarr() -> Graph {
    let mut g = Graph::new(NormStyle::Keras);
    for (i, (filters, width)) in [(20, 7), (9, 3), (7, 5), (12, 3)].into_iter().enumerate() {
        g = g
            .conv(&format!("conv{i}"), filters, width)
            .batch_norm(&format!("norm{i}"))
            .relu()
            .max_pool(2);
    }
    g = g.flatten();
    for i in 0..2 {
        g = g
            .dense(&format!("dense{i}"), 18)
            .batch_norm(&format!("dense_norm{i}"))
            .relu()
            .dropout(&format!("drop{i}"), 0.4);
    }
    g.dense("out", 2)
}

#[test]
fn a_small_deepstarr() {
    check(&deepstarr(), 53, 11);
}

#[test]
fn a_small_residualbind() {
    let graph = Graph::new(NormStyle::Torch)
        .conv("conv1", 6, 5)
        .batch_norm("norm1")
        .silu()
        .dropout("drop1", 0.2)
        .residual(|g| {
            g.conv_with("u0", 6, 3, |c| c.bias = false)
                .batch_norm("un0")
                .relu()
                .dropout("udrop1", 0.1)
                .conv_with("u1", 6, 3, |c| {
                    c.bias = false;
                    c.dilation = 1;
                })
                .batch_norm("un1")
                .relu()
                .dropout("udrop2", 0.1)
                .conv_with("u2", 6, 3, |c| {
                    c.bias = false;
                    c.dilation = 4;
                })
                .batch_norm("un2")
        })
        .silu()
        .dropout("drop2", 0.2)
        .max_pool(3)
        .conv("conv2", 5, 4)
        .batch_norm("norm2")
        .silu()
        .dropout("drop3", 0.2)
        .max_pool(2)
        .dense("position", 8)
        .batch_norm("norm3")
        .silu()
        .dropout("drop4", 0.5)
        .global_mean()
        .dense("dense", 8)
        .batch_norm("norm4")
        .silu()
        .dropout("drop5", 0.5)
        .dense("head", 3);
    check(&graph, 31, 9);
}

/// Seven to nine taps, which Winograd F(2, 3) takes three at a time, odd and even rows, one row,
/// and a step of the dilation longer than the rows.
#[test]
fn taps_three_at_a_time() {
    let graph = Graph::new(NormStyle::Torch)
        .conv("stem", 5, 3)
        .silu()
        .conv("seven", 6, 7)
        .batch_norm("norm")
        .relu()
        .conv_with("eight", 4, 8, |c| c.padding = Padding::Valid)
        .silu()
        .conv("nine", 7, 9)
        .relu()
        .conv_with("far", 3, 3, |c| c.dilation = 8)
        .silu()
        .conv_with("even", 4, 6, |c| c.stride = 2)
        .silu();
    for length in [26, 27] {
        let graph = graph.clone().global_mean().dense("head", 2);
        check(&graph, length, 3);
    }
    let one = Graph::new(NormStyle::Torch)
        .conv_with("stem", 4, 3, |c| c.padding = Padding::Valid)
        .silu()
        .conv_with("one", 5, 3, |c| c.padding = Padding::Valid)
        .relu();
    check(&one.flatten().dense("head", 2), 5, 4);
}

#[test]
fn branches_and_every_activation() {
    use Activation::{Elu, Exp, Gelu, Sigmoid, Softplus, Tanh};
    let branch = |name: &str, width: usize| {
        Graph::new(NormStyle::Torch)
            .conv(name, 3, width)
            .relu()
            .dropout(&format!("{name}d"), 0.2)
    };
    let inner = Graph::new(NormStyle::Torch)
        .conv("inner", 4, 3)
        .activation(Gelu);
    let graph = Graph::new(NormStyle::Torch)
        .parallel(vec![branch("a", 3), branch("b", 5)])
        .batch_norm("norm")
        .activation(Elu)
        .avg_pool(2)
        .parallel(vec![Graph::new(NormStyle::Torch), inner])
        .conv("c", 6, 3)
        .activation(Tanh)
        .batch_norm("norm2")
        .max_pool(2)
        .residual(|g| g.batch_norm("norm3").activation(Softplus))
        .dense("e", 5)
        .activation(Sigmoid)
        .conv("f", 4, 1)
        .activation(Exp)
        .dropout("late", 0.3)
        .layer(degu_core::graph::Layer::GlobalMax)
        .dense("head", 2);
    check(&graph, 21, 6);
}

#[test]
fn a_layer_without_kernel_is_named() {
    let graph = Graph::new(NormStyle::Torch)
        .layer_norm("ln")
        .conv("a", 4, 3)
        .global_mean();
    let error = Engine::new(&graph, 9, 4, 1).unwrap_err();
    assert!(
        matches!(&error, EngineError::Unsupported { layer, .. } if layer == "input"),
        "{error}"
    );
}

#[test]
fn a_backward_pass_belongs_to_a_forward_pass() {
    let graph = Graph::new(NormStyle::Torch).conv("a", 4, 3).global_mean();
    let mut engine = Engine::new(&graph, 9, 4, 1).unwrap();
    assert!(matches!(engine.backward(&[]), Err(EngineError::NoForward)));
    engine.forward_train(&[0; 18], 2, DropoutSeed(0)).unwrap();
    engine.backward(&[0.0; 8]).unwrap();
    assert!(matches!(
        engine.backward(&[0.0; 8]),
        Err(EngineError::NoForward)
    ));
    assert!(matches!(
        engine.forward_train(&[0; 45], 5, DropoutSeed(0)),
        Err(EngineError::Batch { .. })
    ));
}

#[test]
fn sixty_four_sequences_are_overfitted() {
    let graph = Graph::new(NormStyle::Torch)
        .conv("conv1", 32, 7)
        .batch_norm("norm1")
        .relu()
        .max_pool(2)
        .conv("conv2", 16, 3)
        .batch_norm("norm2")
        .relu()
        .max_pool(2)
        .flatten()
        .dense("dense", 32)
        .batch_norm("norm3")
        .relu()
        .dense("head", 1);
    let (length, n) = (40, 64);
    let mut noise = Noise(3);
    let mut engine = engine(
        &graph,
        length,
        n,
        2,
        super::best_isa(),
        &tensors(&graph, length, 4),
    );
    let codes = noise.codes(n * length);
    let targets: Vec<f32> = (0..n).map(|_| noise.next() as f32).collect();
    let mut loss = f32::MAX;
    for step in 0..300 {
        let outputs = engine.forward_train(&codes, n, DropoutSeed(step)).unwrap();
        let residuals: Vec<f32> = outputs.iter().zip(&targets).map(|(o, t)| o - t).collect();
        loss = residuals.iter().map(|r| r * r).sum::<f32>() / n as f32;
        engine
            .backward(
                &residuals
                    .iter()
                    .map(|r| 2.0 * r / n as f32)
                    .collect::<Vec<_>>(),
            )
            .unwrap();
        engine.adam(&AdamStep {
            lr: 3e-3,
            ..AdamStep::default()
        });
    }
    assert!(loss < 1e-3, "loss {loss}");
}
