//! Completeness and fall-back of the rescale rules, in f64.

use candle_core::{DType, Tensor, Var};
use degu_core::{
    Ctx, Mode, ModelIo, Network, OutputKind, Result, Seed, Sequences,
    graph::{Activation, Graph, NormStyle},
};
use degu_nn::{GraphNetwork, ParamStore, ops};

use crate::common::{device, difference, incompleteness, largest, multipliers, values};

const LENGTH: usize = 29;

fn sequences(n: usize, shift: usize) -> Tensor {
    let codes: Vec<u8> = (0..n * LENGTH)
        .map(|i| ((i * i / 3 + i * shift + shift) % 9 % 5) as u8)
        .collect();
    let codes = Tensor::from_vec(codes, (n, LENGTH), &device()).unwrap();
    Sequences::codes(codes)
        .unwrap()
        .one_hot(DType::F64)
        .unwrap()
}

/// A network with irregular parameters and running statistics.
fn network(graph: Graph) -> GraphNetwork {
    let store = ParamStore::new(Seed::root(3), DType::F64, &device());
    let io = ModelIo {
        length: LENGTH,
        outputs: 1,
        output: OutputKind::Scalar,
    };
    let network = GraphNetwork::new(graph, &io, &store.params()).unwrap();
    for (name, var) in store.tensors() {
        let v = values(&name, var.dims());
        let v = match name.rsplit('.').next().unwrap() {
            "running_var" => v.affine(0.4, 1.0).unwrap(),
            "weight" if var.rank() == 1 => v.affine(0.4, 1.0).unwrap(),
            _ if var.rank() >= 2 => (v
                * (3.0 / var.elem_count() as f64 * var.dims().last().copied().unwrap() as f64)
                    .sqrt())
            .unwrap(),
            _ => v,
        };
        var.set(&v).unwrap();
    }
    network
}

fn forward(network: &GraphNetwork) -> impl Fn(&Tensor, &mut Ctx<'_>) -> Result<Tensor> + '_ {
    |x, ctx| network.forward(&Sequences::OneHot(x.clone()), ctx)
}

fn graphs() -> Vec<(&'static str, Graph)> {
    use Activation::{Elu, Exp, Gelu, Sigmoid, Softmax, Softplus, Tanh};
    let keras = || Graph::new(NormStyle::Keras);
    let torch = || Graph::new(NormStyle::Torch);
    vec![
        (
            "deepstarr",
            keras()
                .conv("c1", 8, 7)
                .batch_norm("n1")
                .relu()
                .max_pool(2)
                .conv("c2", 6, 3)
                .relu()
                .max_pool(2)
                .flatten()
                .dense("d", 5)
                .relu()
                .dropout("drop", 0.4)
                .dense("o", 2),
        ),
        (
            "overlapping pools",
            keras()
                .conv("c1", 6, 5)
                .relu()
                .layer(degu_core::graph::Layer::MaxPool(degu_core::graph::Pool {
                    size: 4,
                    stride: 2,
                }))
                .conv("c2", 4, 3)
                .activation(Elu)
                .avg_pool(2)
                .flatten()
                .dense("o", 2),
        ),
        (
            "residual",
            torch()
                .conv("c1", 6, 11)
                .batch_norm("n1")
                .silu()
                .residual(|g| {
                    g.conv_with("r1", 6, 3, |c| c.dilation = 4)
                        .batch_norm("n2")
                        .relu()
                        .conv("r2", 6, 3)
                })
                .silu()
                .max_pool(3)
                .global_mean()
                .dense("o", 2),
        ),
        (
            "parallel",
            torch()
                .parallel(vec![
                    torch().conv("a", 4, 9).relu(),
                    torch().conv("b", 3, 15).activation(Gelu),
                ])
                .max_pool(4)
                .dense("d", 5)
                .activation(Tanh)
                .flatten()
                .dense("o", 2),
        ),
        (
            "channel softmax",
            keras()
                .conv("c1", 6, 5)
                .activation(Softmax)
                .conv("c2", 5, 3)
                .activation(Softmax)
                .flatten()
                .dense("d", 4)
                .activation(Sigmoid)
                .dense("o", 1),
        ),
        (
            "layer norm",
            torch()
                .conv("c1", 6, 5)
                .layer_norm("n1")
                .activation(Softplus)
                .conv_with("g", 8, 3, |c| c.groups = 2)
                .activation(Exp)
                .layer(degu_core::graph::Layer::GlobalMax)
                .dense("o", 2),
        ),
        (
            "strides",
            torch()
                .conv_strided("c1", 6, 5, 2)
                .relu()
                .residual(|g| g.conv("r1", 6, 3).activation(Tanh))
                .conv_with("c2", 5, 4, |c| {
                    c.stride = 3;
                    c.padding = degu_core::graph::Padding::Causal;
                })
                .silu()
                .flatten()
                .dense("o", 2),
        ),
        (
            "transformer block",
            torch()
                .conv_strided("c1", 6, 5, 2)
                .activation(Gelu)
                .residual(|g| g.layer_norm("n1").attention("mix", 2, 6, 6))
                .residual(|g| {
                    g.layer_norm("n2")
                        .dense("up", 9)
                        .activation(Gelu)
                        .dense("down", 6)
                })
                .global_mean()
                .dense("o", 2),
        ),
        (
            "lstm",
            torch()
                .conv("c1", 6, 5)
                .relu()
                .bi_lstm("l1", 4)
                .bi_lstm("l2", 3)
                .max_pool(2)
                .flatten()
                .dense("o", 2),
        ),
    ]
}

#[test]
fn every_network_is_complete() {
    let (x, r) = (sequences(3, 1), sequences(3, 4));
    for (name, graph) in graphs() {
        let network = network(graph);
        let (m, dy) = multipliers(forward(&network), &x, &r, Mode::Rescale);
        let rho = incompleteness(&m, &x, &r, &dy);
        let (g, _) = multipliers(forward(&network), &x, &r, Mode::Eval);
        let linear = incompleteness(&g, &x, &r, &dy);
        println!("{name}: {rho:.1e}, with plain gradients {linear:.1e}");
        assert!(rho < 1e-10, "{name}: {rho:e}");
        // The test can fail: plain gradients are not complete.
        assert!(linear > 0.05, "{name}: {linear:e}");
    }
}

#[test]
fn attention_is_complete() {
    let layer = ops::AttentionTensors {
        project: ["q", "k", "v"].map(|n| values(n, &[4, 6])),
        project_bias: Some(["qb", "kb", "vb"].map(|n| values(n, &[6]))),
        output: values("o", &[6, 3]),
        output_bias: None,
        heads: 3,
    };
    let (x, r) = (values("x", &[3, 7, 4]), values("r", &[3, 7, 4]));
    let (m, dy) = multipliers(
        |x, ctx| ops::attention(x, &layer, ctx),
        &x,
        &r,
        Mode::Rescale,
    );
    let rho = incompleteness(&m, &x, &r, &dy);
    assert!(rho < 1e-10, "{rho:e}");
}

/// Without a change there is no secant: the derivative takes its place, everywhere in the network.
#[test]
fn without_a_change_multipliers_are_gradients() {
    let x = sequences(3, 2);
    for (name, graph) in graphs() {
        let network = network(graph);
        let (m, dy) = multipliers(forward(&network), &x, &x, Mode::Rescale);
        let (g, _) = multipliers(forward(&network), &x, &x, Mode::Eval);
        assert!(largest(&dy) == 0.0, "{name}");
        let error = difference(&m, &g) / largest(&g);
        assert!(error < 1e-12, "{name}: {error:e}");
    }
}

#[test]
fn extreme_inputs_give_finite_multipliers() {
    let all = |code: u8| {
        let codes = Tensor::full(code, (2, LENGTH), &device()).unwrap();
        Sequences::codes(codes)
            .unwrap()
            .one_hot(DType::F64)
            .unwrap()
    };
    for (name, graph) in graphs() {
        let network = network(graph);
        for (x, r) in [
            (all(4), all(0)),
            (all(0), all(4)),
            (all(1), all(1)),
            (all(4), all(4)),
        ] {
            let (m, _) = multipliers(forward(&network), &x, &r, Mode::Rescale);
            assert!(largest(&m).is_finite(), "{name}");
        }
    }
    let peaked = Tensor::new(&[[1e4f64, 0.0, -1e4], [0.0, 0.0, 0.0]], &device()).unwrap();
    let (m, _) = multipliers(
        |x, ctx| ops::softmax(x, 1, ctx),
        &peaked,
        &peaked.flip(&[1]).unwrap(),
        Mode::Rescale,
    );
    assert!(largest(&m).is_finite());
}

#[test]
fn values_are_those_of_evaluation() {
    let (x, r) = (sequences(3, 1), sequences(3, 4));
    let batch = Tensor::cat(&[x, r], 0).unwrap();
    for (name, graph) in graphs() {
        let network = network(graph);
        let run = |mode| forward(&network)(&batch, &mut Ctx::new(mode)).unwrap();
        assert!(
            difference(&run(Mode::Rescale), &run(Mode::Eval)) < 1e-13,
            "{name}"
        );
    }
}

#[test]
fn an_odd_batch_is_an_error() {
    let x = Var::from_tensor(&values("x", &[3, 4])).unwrap();
    let error = ops::relu(&x, &Ctx::new(Mode::Rescale))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("relu") && error.contains("references"),
        "{error}"
    );
}
