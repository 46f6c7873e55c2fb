//! The fused engine's answers about inputs against candle's autograd in f64, and against its own
//! predictions.

use candle_core::{DType, Device, Tensor, Var};
use degu_core::{
    Ctx, Mode, ModelIo, Network, OutputKind, Seed, Sequences,
    graph::{Activation, Graph, Layer, NormStyle, Padding},
};
use degu_nn::{
    GraphNetwork, ParamStore,
    engine::{Edit, Engine, Isa, PairMultipliers, Probe, Slopes},
    gradcheck::irregular,
};

const OUTPUTS: usize = 2;

/// A graph, its length, and its tensors, which both implementations get.
struct Case {
    name: &'static str,
    graph: Graph,
    length: usize,
    store: ParamStore,
}

impl Case {
    fn new(name: &'static str, length: usize, graph: Graph) -> Self {
        let graph = graph.dense("head", OUTPUTS);
        let store =
            ParamStore::for_graph(&graph, length, Seed::root(5), DType::F64, &Device::Cpu).unwrap();
        for (tensor, var) in store.tensors() {
            let noise = irregular(&tensor, var.dims()).unwrap();
            let values = match tensor.rsplit('.').next().unwrap() {
                "running_var" => (noise.abs().unwrap() + 0.5).unwrap(),
                "running_mean" | "bias" => (noise * 0.3).unwrap(),
                "weight" if var.rank() == 1 => (noise * 0.4).unwrap().affine(1.0, 1.0).unwrap(),
                _ => {
                    let fan_in = var.elem_count() / var.dims()[var.rank() - 1];
                    (noise * (3.0 / fan_in as f64).sqrt()).unwrap()
                }
            };
            let values = values.flatten_all().unwrap().to_vec1::<f64>().unwrap();
            let values: Vec<f32> = values.into_iter().map(|v| v as f32).collect();
            store.set(&tensor, &values).unwrap();
        }
        Self {
            name,
            graph,
            length,
            store,
        }
    }

    fn probe(&self, isa: Isa) -> Probe {
        let mut engine = Engine::with_isa(&self.graph, self.length, 1, 1, isa).unwrap();
        for (name, values) in self.store.values_f32().unwrap() {
            engine.load(&name, &values).unwrap();
        }
        Probe::new(engine)
    }

    fn network(&self) -> GraphNetwork {
        let io = ModelIo {
            length: self.length,
            outputs: OUTPUTS,
            output: OutputKind::Scalar,
        };
        GraphNetwork::new(self.graph.clone(), &io, &self.store.params()).unwrap()
    }

    /// Multipliers of the weighted sum of outputs for pairs, by autograd in f64.
    fn expected(&self, codes: &[u8], references: &[u8]) -> Vec<f64> {
        let both = [codes, references].concat();
        let n = both.len() / self.length / 2;
        let both = Tensor::from_vec(both, (2 * n, self.length), &Device::Cpu).unwrap();
        let x = Sequences::codes(both).unwrap().one_hot(DType::F64).unwrap();
        let x = Var::from_tensor(&x).unwrap();
        let y = self
            .network()
            .forward(
                &Sequences::OneHot(x.as_tensor().clone()),
                &mut Ctx::new(Mode::Rescale),
            )
            .unwrap();
        let weights = Tensor::new(&WEIGHTS, &Device::Cpu).unwrap();
        let loss = y.narrow(0, 0, n).unwrap().broadcast_mul(&weights).unwrap();
        let g = loss.sum_all().unwrap().backward().unwrap();
        let m = g.get(&x).unwrap().narrow(0, 0, n).unwrap();
        m.flatten_all().unwrap().to_vec1().unwrap()
    }
}

const WEIGHTS: [f64; OUTPUTS] = [1.0, -0.7];

/// The head that adds up the outputs with `WEIGHTS`.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the probe takes heads that can fail"
)]
fn head(own: &[f32], other: &[f32]) -> degu_core::Result<Vec<Slopes>> {
    let sums = |rows: &[f32]| -> Vec<f64> {
        let sum = |row: &[f32]| {
            row.iter()
                .zip(WEIGHTS)
                .map(|(y, w)| f64::from(*y) * w)
                .sum()
        };
        rows.chunks(OUTPUTS).map(sum).collect()
    };
    let slopes = WEIGHTS.map(|w| w as f32).repeat(own.len() / OUTPUTS);
    Ok(vec![Slopes {
        slopes,
        own: sums(own),
        references: sums(other),
    }])
}

fn codes(rows: usize, length: usize, seed: usize) -> Vec<u8> {
    (0..rows * length)
        .map(|i| {
            let h = (i + seed).wrapping_mul(2_654_435_761) >> 7;
            if h.is_multiple_of(29) {
                4
            } else {
                (h % 4) as u8
            }
        })
        .collect()
}

fn cases() -> Vec<Case> {
    let torch = || Graph::new(NormStyle::Torch);
    vec![
        Case::new(
            "Winograd F(2, 3)",
            61,
            torch()
                .conv("conv1", 48, 7)
                .batch_norm("norm1")
                .relu()
                .residual(|g| {
                    g.conv_with("u1", 48, 3, |c| c.bias = false)
                        .batch_norm("un1")
                        .relu()
                        .conv_with("u2", 48, 3, |c| c.dilation = 4)
                })
                .silu()
                .max_pool(2)
                .conv("conv2", 50, 7)
                .relu()
                .global_mean(),
        ),
        Case::new(
            "convolutions and pools",
            49,
            torch()
                .conv("conv1", 20, 7)
                .batch_norm("norm1")
                .relu()
                .max_pool(2)
                .conv("conv2", 9, 4)
                .batch_norm("norm2")
                .relu()
                .dropout("drop1", 0.2)
                .max_pool(3)
                .flatten()
                .dense("dense1", 24)
                .batch_norm("norm3")
                .relu()
                .dense("dense2", 17)
                .relu(),
        ),
        Case::new(
            "convolutions with strides",
            50,
            torch()
                .conv_strided("conv1", 20, 7, 2)
                .batch_norm("norm1")
                .relu()
                .conv_with("conv2", 9, 4, |c| {
                    c.stride = 3;
                    c.padding = Padding::Causal;
                })
                .batch_norm("norm2")
                .relu()
                .residual(|g| g.conv("r0", 9, 3).relu())
                .conv_with("conv3", 6, 2, |c| {
                    c.stride = 2;
                    c.dilation = 2;
                    c.padding = Padding::Explicit { left: 0, right: 3 };
                })
                .relu()
                .flatten()
                .dense("dense1", 17)
                .relu(),
        ),
        Case::new(
            "a window beside the stride, a pool behind it",
            43,
            torch()
                .conv_with("conv1", 7, 3, |c| {
                    c.stride = 4;
                    c.padding = Padding::Valid;
                })
                .activation(Activation::Softplus)
                .conv_strided("conv2", 5, 4, 1)
                .silu()
                .max_pool(2)
                .global_mean(),
        ),
        Case::new(
            "dilated residual block",
            61,
            torch()
                .conv("stem", 18, 11)
                .batch_norm("norm0")
                .silu()
                .residual(|g| {
                    g.conv("r0", 18, 3)
                        .batch_norm("n0")
                        .relu()
                        .conv_with("r1", 18, 3, |c| c.dilation = 2)
                        .batch_norm("n1")
                })
                .silu()
                .max_pool(3)
                .dense("at", 12)
                .silu()
                .global_mean()
                .dense("d", 8)
                .activation(Activation::Softplus),
        ),
        Case::new(
            "branches, a skip after the activation, a mean, a maximum over all",
            40,
            torch()
                .parallel(vec![
                    torch().conv("a", 6, 5).activation(Activation::Gelu),
                    torch()
                        .conv("b", 5, 8)
                        .activation(Activation::Elu)
                        .batch_norm("nb"),
                ])
                .residual(|g| g.conv("c", 11, 3).activation(Activation::Tanh))
                .avg_pool(2)
                .conv("e", 7, 3)
                .activation(Activation::Sigmoid)
                .layer(Layer::GlobalMax)
                .dense("d", 5),
        ),
    ]
}

fn worst(name: &str, got: &[f32], expected: &[f64], limit: f64) {
    assert_eq!(got.len(), expected.len(), "{name}");
    let size = expected.iter().fold(0f64, |m, v| m.max(v.abs()));
    let off = got
        .iter()
        .zip(expected)
        .fold(0f64, |m, (a, b)| m.max((f64::from(*a) - b).abs()));
    println!("{name}: {:.1e}", off / size);
    assert!(off <= limit * size, "{name}: off by {off:e} of {size:e}");
}

/// ReLU networks agree to rounding; secants of smooth functions lose digits where the two inputs
/// are near each other (the documented tolerance of single precision is 3e-3).
fn limit(case: &Case) -> f64 {
    if case.name.starts_with("convolutions") {
        1e-5
    } else {
        1e-3
    }
}

#[test]
fn multipliers_are_those_of_autograd() {
    for case in cases() {
        let (n, k) = (3, 4);
        let x = codes(n, case.length, 1);
        let r = codes(n * k, case.length, 77);
        let repeated: Vec<u8> = x.chunks(case.length).flat_map(|x| x.repeat(k)).collect();
        let expected = case.expected(&repeated, &r);
        for isa in Isa::available() {
            let probe = case.probe(isa);
            let found = probe.multipliers(&x, n, Some((&r, k)), 1, &head).unwrap();
            let name = format!("{}, {}", case.name, isa.name());
            worst(&name, &found[0].values, &expected, limit(&case));
            // Completeness, in single precision.
            let size = case.length * 4;
            let (mut error, mut change) = (0.0, 0.0);
            for (p, m) in found[0].values.chunks(size).enumerate() {
                let (x, r) = (&x[p / k * case.length..], &r[p * case.length..]);
                let one = |code: u8, b: usize| f64::from(u8::from(usize::from(code) == b));
                let sum: f64 = m
                    .iter()
                    .enumerate()
                    .map(|(at, m)| {
                        f64::from(*m) * (one(x[at / 4], at % 4) - one(r[at / 4], at % 4))
                    })
                    .sum();
                let dy = found[0].own[p] - found[0].references[p];
                error += (sum - dy).abs();
                change += dy.abs();
            }
            assert!(
                error < 1e-4 * change,
                "{name}: incomplete by {:.1e}",
                error / change
            );
        }
    }
}

#[test]
fn a_sequence_as_its_own_reference_gives_the_gradient() {
    for case in cases() {
        let x = codes(4, case.length, 3);
        let expected = case.expected(&x, &x);
        let probe = case.probe(*Isa::available().last().unwrap());
        let own = probe.multipliers(&x, 4, Some((&x, 1)), 1, &head).unwrap();
        let gradient = probe.multipliers(&x, 4, None, 1, &head).unwrap();
        worst(case.name, &gradient[0].values, &expected, 2e-5);
        assert_eq!(own[0].values, gradient[0].values);
    }
}

#[test]
fn substitutions_are_predictions() {
    for case in cases() {
        let x = codes(1, case.length, 9);
        let edits: Vec<Edit> = (0..case.length)
            .flat_map(|p| (0..5).map(move |b| (p, b)))
            .collect();
        let edited: Vec<u8> = edits
            .iter()
            .flat_map(|(p, b)| {
                let mut x = x.clone();
                x[*p] = *b;
                x
            })
            .collect();
        for isa in Isa::available() {
            let probe = case.probe(isa);
            let (mut fast, mut plain) = (
                vec![0.0; edits.len() * OUTPUTS],
                vec![0.0; edits.len() * OUTPUTS],
            );
            probe.substitutions(&x, &edits, &mut fast).unwrap();
            probe.predict(&edited, edits.len(), &mut plain).unwrap();
            assert!(fast == plain, "{}, {}", case.name, isa.name());
            assert!(fast.chunks(OUTPUTS).any(|y| y != &fast[..OUTPUTS]));
        }
        let probe = case.probe(Isa::PORTABLE);
        assert!(
            probe
                .substitutions(&x, &[(case.length, 0)], &mut [0.0; 2])
                .is_err()
        );
    }
}

/// Tiles, their order and the number of threads change no bit.
#[test]
fn cuts_and_threads_change_no_bit() {
    for case in cases() {
        let (n, k) = (3, 45);
        let x = codes(n, case.length, 1);
        let r = codes(n * k, case.length, 5);
        let run = |x: &[u8], r: &[u8], threads: usize| -> PairMultipliers {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap().install(|| {
                let probe = case.probe(*Isa::available().last().unwrap());
                let n = x.len() / case.length;
                let mut all = probe.multipliers(x, n, Some((r, k)), 1, &head).unwrap();
                all.remove(0)
            })
        };
        let whole = run(&x, &r, 1);
        assert_eq!(whole.values, run(&x, &r, 4).values, "{}", case.name);
        for i in 0..n {
            let (l, size) = (case.length, k * case.length * 4);
            let one = run(&x[i * l..(i + 1) * l], &r[i * k * l..(i + 1) * k * l], 2);
            assert_eq!(
                one.values,
                whole.values[i * size..(i + 1) * size],
                "{}",
                case.name
            );
            assert_eq!(one.references, whole.references[i * k..(i + 1) * k]);
        }
    }
}

#[test]
fn layers_without_rules_are_refused_by_name() {
    let stem = || Graph::new(NormStyle::Torch).conv("a", 4, 3);
    for (graph, name) in [
        (stem().bi_lstm("lstm", 3), "bidirectional LSTM"),
        (
            stem().attention("mix", 2, 4, 4),
            "multi-head self-attention",
        ),
    ] {
        let graph = graph.global_mean().dense("head", OUTPUTS);
        let none = std::collections::BTreeMap::new();
        let error = degu_nn::Explainer::new(&graph, 9, &none).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}
