//! The engine against a slow interpreter in f64, against itself on other threads, and on a task it
//! must overfit.

mod attention;
mod layers;
mod limits;
mod reference;
mod strides;

use super::filters::Rule;
use super::{AdamStep, DropoutSeed, Engine, EngineError, Isa};
use degu_core::graph::{Activation, Graph, NormStyle, Padding};
use reference::{Batch, Mode, Reference, Tensors};

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

/// Random tensors of a graph, rounded to f32.
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
            .map(|_| f64::from(value(&mut noise) as f32))
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
        engine
            .load(name, &values.iter().map(|v| *v as f32).collect::<Vec<_>>())
            .unwrap();
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

const SEED: u64 = 0x5eed;

/// Forward, prediction and every gradient against the interpreter; running statistics; then other
/// instruction sets and threads.
fn check(graph: &Graph, length: usize, n: usize) {
    let all = tensors(graph, length, 11);
    let codes = Noise(5).codes(n * length);
    let weights = all_weights(graph, length, n);
    let trained = graph
        .parameters(length)
        .unwrap()
        .into_iter()
        .filter(|p| p.trained);
    let slopes: Tensors = trained
        .map(|p| {
            (
                p.name.clone(),
                differences(graph, &codes, length, &all, &p.name, &weights),
            )
        })
        .collect();
    // Networks of the tests are small: Winograd F(2, 3) is forced on them.
    let rules = [Rule::FASTER, Rule::EVERYWHERE];
    let sets = Isa::available().into_iter();
    for (isa, rule) in sets.flat_map(|isa| rules.map(|rule| (isa, rule))) {
        let mut engine = with_rule(graph, length, n + 3, 1, isa, rule, &all);
        let outputs = engine
            .forward_train(&codes, n, DropoutSeed(SEED))
            .unwrap()
            .to_vec();
        let mut reference = Reference::new(&all, Mode::Train(SEED));
        let want = reference.run(graph, &codes, length);
        let e = error(&outputs, &want);
        assert!(
            e < 1e-5,
            "{}: training outputs differ by {e:.1e}",
            isa.name()
        );

        engine
            .backward(&weights.iter().map(|v| *v as f32).collect::<Vec<_>>())
            .unwrap();
        let gradients = engine.gradients().to_vec();
        for spec in engine.parameters().iter().filter(|s| s.trained) {
            let want = &slopes[&spec.name];
            let got = &gradients[spec.range.clone()];
            // A bias that a batch norm cancels has no gradient but rounding; its differences are
            // noise of 1e-9.
            let e = error(got, want);
            assert!(
                e < 3e-5,
                "{}: gradient of {} differs by {e:.1e}: {:?} {:?}",
                isa.name(),
                spec.name,
                &got[..got.len().min(8)],
                &want[..want.len().min(8)]
            );
        }

        let mut predicted = vec![0.0; want.len()];
        engine.predict(&codes, n, &mut predicted).unwrap();
        let e = error(
            &predicted,
            &Reference::new(&all, Mode::Eval).run(graph, &codes, length),
        );
        assert!(e < 1e-5, "{}: predictions differ by {e:.1e}", isa.name());

        engine.commit_statistics();
        for (name, (mean, var, count)) in &reference.statistics {
            let (momentum, unbiased) = (graph.style.momentum(), graph.style.unbiased());
            let correction = if unbiased { count / (count - 1.0) } else { 1.0 };
            let blend = |part: &str, new: &[f64], factor: f64| -> Vec<f64> {
                all[&format!("{name}.{part}")]
                    .iter()
                    .zip(new)
                    .map(|(o, v)| o + momentum * (v * factor - o))
                    .collect()
            };
            let e = error(
                engine.read(&format!("{name}.running_mean")).unwrap(),
                &blend("running_mean", mean, 1.0),
            );
            assert!(e < 1e-5, "running mean of {name} differs by {e:.1e}");
            let e = error(
                engine.read(&format!("{name}.running_var")).unwrap(),
                &blend("running_var", var, correction),
            );
            assert!(e < 1e-5, "running variance of {name} differs by {e:.1e}");
        }
    }
    for rule in rules {
        check_input_gradient(graph, length, n, rule, &all, &codes, &weights);
        same_bits(graph, length, n, rule, &all, &codes);
    }
}

/// Irregular weights of the outputs: a plain sum would hide errors that cancel.
fn all_weights(graph: &Graph, length: usize, n: usize) -> Vec<f64> {
    let outputs = n * graph.output(length).unwrap().elements();
    (0..outputs)
        .map(|i| ((i * 37 % 23) as f64 - 11.0) / 7.0)
        .collect()
}

/// The gradient of the one-hot input against central differences, in evaluation mode.
fn check_input_gradient(
    graph: &Graph,
    length: usize,
    n: usize,
    rule: Rule,
    all: &Tensors,
    codes: &[u8],
    weights: &[f64],
) {
    // A smaller capacity than the batch: the engine cuts it.
    let mut engine = with_rule(graph, length, n / 2 + 1, 2, super::best_isa(), rule, all);
    let mut got = vec![f32::NAN; n * length * 4];
    engine
        .input_gradient(
            codes,
            n,
            &weights.iter().map(|v| *v as f32).collect::<Vec<_>>(),
            &mut got,
        )
        .unwrap();
    let one_hot = |s: &[u8]| -> Vec<f64> {
        s.iter()
            .flat_map(|c| (0..4).map(move |b| f64::from(u8::from(b == *c))))
            .collect()
    };
    let mut input = Batch {
        rows: length,
        cols: 4,
        x: codes.chunks(length).map(one_hot).collect(),
    };
    let h = 1e-6;
    let mut want = vec![];
    for i in 0..n {
        for k in 0..length * 4 {
            let mut at = |d: f64| {
                let old = input.x[i][k];
                input.x[i][k] += d;
                let one = Batch {
                    x: vec![input.x[i].clone()],
                    rows: length,
                    cols: 4,
                };
                let out = Reference::new(all, Mode::Eval).run_on(graph, one);
                input.x[i][k] = old;
                let per = out.len();
                out.iter()
                    .zip(&weights[i * per..])
                    .map(|(o, w)| o * w)
                    .sum::<f64>()
            };
            want.push((at(h) - at(-h)) / (2.0 * h));
        }
    }
    let e = error(&got, &want);
    assert!(e < 3e-5, "input gradient differs by {e:.1e}");
}

/// Central differences of `sum(outputs * weights)` with respect to one tensor.
fn differences(
    graph: &Graph,
    codes: &[u8],
    length: usize,
    all: &Tensors,
    name: &str,
    weights: &[f64],
) -> Vec<f64> {
    let h = 1e-6;
    let loss = |tensors: &Tensors| -> f64 {
        Reference::new(tensors, Mode::Train(SEED))
            .run(graph, codes, length)
            .iter()
            .zip(weights)
            .map(|(o, w)| o * w)
            .sum()
    };
    let mut moved = all.clone();
    (0..all[name].len())
        .map(|i| {
            let mut at = |x: f64| {
                moved.get_mut(name).unwrap()[i] = x;
                loss(&moved)
            };
            let x = all[name][i];
            let slope = (at(x + h) - at(x - h)) / (2.0 * h);
            at(x);
            slope
        })
        .collect()
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

#[test]
fn a_small_deepstarr() {
    let graph = Graph::new(NormStyle::Keras)
        .conv("conv1", 20, 5)
        .batch_norm("norm1")
        .relu()
        .max_pool(2)
        .conv("conv2", 7, 3)
        .batch_norm("norm2")
        .relu()
        .max_pool(2)
        .flatten()
        .dense("dense1", 9)
        .batch_norm("norm3")
        .relu()
        .dropout("drop1", 0.4)
        .dense("head", 2);
    check(&graph, 23, 11);
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

#[test]
fn a_small_bpnet() {
    let mut graph = Graph::new(NormStyle::Torch).conv("stem", 5, 7).relu();
    for i in 1..4 {
        graph = graph.residual(|g| {
            g.conv_with(&format!("d{i}"), 5, 3, |c| c.dilation = 1 << i)
                .relu()
        });
    }
    check(
        &graph.conv_with("profile", 2, 6, |c| c.padding = Padding::Valid),
        27,
        5,
    );
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
