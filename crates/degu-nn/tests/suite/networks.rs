//! Networks made of graphs.

use candle_core::{DType, Device, Tensor, Var};
use degu_core::{
    Ctx, Mode, ModelIo, Network, OutputKind, Params, Seed, Sequences, Tap,
    graph::{Activation, Graph, Layer, NormStyle},
};
use degu_nn::{GraphNetwork, ParamStore, gradcheck::gradient_errors};

use crate::common::{LIMIT, device, difference, train, values};

const LENGTH: usize = 21;

fn io() -> ModelIo {
    ModelIo {
        length: LENGTH,
        outputs: 1,
        output: OutputKind::Scalar,
    }
}

fn graph() -> Graph {
    let torch = || Graph::new(NormStyle::Torch);
    torch()
        .parallel(vec![
            torch().conv("a", 4, 4),
            torch().conv_with("b", 3, 5, |c| c.dilation = 2),
        ])
        .batch_norm("n1")
        .silu()
        .residual(|g| {
            g.conv_with("r", 7, 3, |c| c.groups = 7)
                .layer_norm("ln")
                .activation(Activation::Gelu)
        })
        .avg_pool(2)
        .bi_lstm("lstm", 3)
        .dropout("drop", 0.3)
        .layer(Layer::GlobalMax)
        .dense("d", 4)
}

fn codes(n: usize) -> Tensor {
    let codes: Vec<u8> = (0..n * LENGTH).map(|i| (i * i % 11 % 5) as u8).collect();
    Tensor::from_vec(codes, (n, LENGTH), &device()).unwrap()
}

fn build(graph: Graph, dtype: DType) -> (ParamStore, GraphNetwork) {
    let store = ParamStore::new(Seed::root(2), dtype, &device());
    let network = GraphNetwork::new(graph, &io(), &store.params()).unwrap();
    (store, network)
}

#[test]
fn names_and_shapes_are_those_of_the_graph() {
    let (store, network) = build(graph(), DType::F32);
    let mut expected: Vec<_> = graph()
        .parameters(LENGTH)
        .unwrap()
        .into_iter()
        .map(|p| (p.name, p.shape))
        .collect();
    expected.sort();
    let found: Vec<_> = store
        .tensors()
        .into_iter()
        .map(|(n, v)| (n, v.dims().to_vec()))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(network.features(), Some(4));
    assert_eq!(network.graph(), Some(&graph()));
    let direct =
        ParamStore::for_graph(&graph(), LENGTH, Seed::root(2), DType::F32, &device()).unwrap();
    assert_eq!(direct.snapshot().unwrap(), store.snapshot().unwrap());
}

#[test]
fn codes_and_one_hot_are_the_same_to_a_network() {
    for dtype in [DType::F32, DType::F64] {
        let (_, network) = build(graph(), dtype);
        let codes = Sequences::codes(codes(3)).unwrap();
        let one_hot = Sequences::OneHot(codes.one_hot(dtype).unwrap());
        for mode in [Mode::Eval, train(1).mode()] {
            let a = network
                .forward(&codes, &mut Ctx::new(mode))
                .unwrap()
                .to_dtype(DType::F64)
                .unwrap();
            let b = network
                .forward(&one_hot, &mut Ctx::new(mode))
                .unwrap()
                .to_dtype(DType::F64)
                .unwrap();
            assert_eq!(a.dims(), [3, 4]);
            assert!(difference(&a, &b) == 0.0);
        }
    }
}

/// A row does not depend on its neighbours in evaluation.
#[test]
fn batches_may_be_cut_anywhere() {
    let (_, network) = build(graph(), DType::F64);
    let run = |c: Tensor| {
        network
            .forward(&Sequences::codes(c).unwrap(), &mut Ctx::eval())
            .unwrap()
    };
    let all = run(codes(4));
    for i in 0..4 {
        let one = run(codes(4).narrow(0, i, 1).unwrap().contiguous().unwrap());
        assert!(difference(&one, &all.narrow(0, i, 1).unwrap()) < 1e-14);
    }
}

#[test]
fn gradients_of_the_whole_network() {
    let x = (values("x", &[3, LENGTH, 4]) * 2.0).unwrap();
    let (store, _) = build(graph(), DType::F64);
    let names: Vec<_> = store.parameters().into_iter().map(|(n, _)| n).collect();
    let mut inputs = vec![x];
    inputs.extend(
        store
            .parameters()
            .into_iter()
            .map(|(n, v)| values(&n, v.dims())),
    );
    for mode in [Mode::Eval, train(1).mode()] {
        let f = |v: &[Var]| {
            // The network's own variables would hide these: put them where the network looks.
            let source = Given {
                names: &names,
                vars: &v[1..],
                store: &store,
            };
            let network = GraphNetwork::new(graph(), &io(), &degu_core::Params::new(&source))?;
            network.forward(
                &Sequences::OneHot(v[0].as_tensor().clone()),
                &mut Ctx::new(mode),
            )
        };
        for (i, error) in gradient_errors(&f, &inputs)
            .unwrap()
            .into_iter()
            .enumerate()
        {
            let name = if i == 0 { "x" } else { &names[i - 1] };
            assert!(error < LIMIT, "{name}: off by {error:e}");
        }
    }
}

/// Gives a network these variables in place of the store's.
struct Given<'a> {
    names: &'a [String],
    vars: &'a [Var],
    store: &'a ParamStore,
}

impl degu_core::model::TensorSource for Given<'_> {
    fn tensor(
        &self,
        path: &str,
        shape: &[usize],
        init: degu_core::graph::Init,
    ) -> degu_core::Result<Tensor> {
        match self.names.iter().position(|n| n == path) {
            Some(i) => Ok(self.vars[i].as_tensor().clone()),
            None => self.store.tensor(path, shape, init),
        }
    }
    fn dtype(&self) -> DType {
        DType::F64
    }
    fn device(&self) -> &Device {
        self.store.device()
    }
    fn network(
        &self,
        graph: Graph,
        io: &ModelIo,
        params: &Params<'_>,
    ) -> degu_core::Result<Box<dyn Network>> {
        self.store.network(graph, io, params)
    }
}

#[test]
fn every_parameter_has_a_gradient() {
    let (store, network) = build(graph(), DType::F32);
    let y = network
        .forward(&Sequences::codes(codes(3)).unwrap(), &mut train(0))
        .unwrap();
    let g = degu_nn::optim::gradients(&y.sqr().unwrap().sum_all().unwrap(), &store.parameters())
        .unwrap();
    assert_eq!(g.len(), store.parameters().len());
}

#[test]
fn training_reports_statistics_and_samples_share_a_mask() {
    let (store, network) = build(graph(), DType::F64);
    let x = Sequences::codes(codes(3)).unwrap();
    let mut ctx = train(0);
    network.forward(&x, &mut ctx).unwrap();
    let statistics = ctx.into_statistics();
    assert_eq!(statistics.keys().collect::<Vec<_>>(), ["n1"]);
    store.fold_statistics(&statistics).unwrap();
    let sample = |step, n| {
        let mode = Mode::Sample {
            dropout: Seed::root(4),
            step,
        };
        network
            .forward(&Sequences::codes(codes(n)).unwrap(), &mut Ctx::new(mode))
            .unwrap()
    };
    assert!(difference(&sample(1, 3), &sample(1, 3)) == 0.0);
    assert!(difference(&sample(1, 3), &sample(2, 3)) > 0.0);
    assert!(difference(&sample(1, 1), &sample(1, 3).narrow(0, 0, 1).unwrap()) < 1e-14);
}

struct Names(Vec<(String, Vec<usize>)>);

impl Tap for Names {
    fn activation(&mut self, path: &str, value: &Tensor) {
        self.0.push((path.to_owned(), value.dims().to_vec()));
    }
}

#[test]
fn a_tap_sees_every_layer() {
    let graph = Graph::new(NormStyle::Keras)
        .conv("c", 2, 3)
        .relu()
        .max_pool(4)
        .flatten()
        .dense("d", 3);
    let (_, network) = build(graph, DType::F32);
    let mut names = Names(Vec::new());
    network
        .forward(
            &Sequences::codes(codes(2)).unwrap(),
            &mut Ctx::eval().with_tap(&mut names),
        )
        .unwrap();
    let expected = [
        ("c", vec![2, 21, 2]),
        ("c/relu", vec![2, 21, 2]),
        ("c/relu/max_pool 4", vec![2, 5, 2]),
    ];
    assert_eq!(names.0.len(), 5);
    for ((name, dims), (want, shape)) in names.0.iter().zip(expected) {
        assert_eq!((name.as_str(), dims), (want, &shape));
    }
    assert_eq!(names.0[4], ("d".to_owned(), vec![2, 3]));
}

#[test]
fn another_length_is_an_error() {
    let (_, network) = build(graph(), DType::F32);
    let short = codes(2).narrow(1, 0, 20).unwrap().contiguous().unwrap();
    let error = network
        .forward(&Sequences::codes(short).unwrap(), &mut Ctx::eval())
        .unwrap_err()
        .to_string();
    assert!(error.contains("20 bp instead of 21"), "{error}");
}

#[test]
fn empty_batches_are_refused_by_name() {
    let none = Tensor::zeros((0, 40), DType::U8, &device()).unwrap();
    let error = Sequences::codes(none).unwrap_err().to_string();
    assert!(
        error.contains("`codes`") && error.contains("[0, 40]"),
        "{error}"
    );
    let (_, network) = build(graph(), DType::F32);
    let none = Tensor::zeros((0, io().length, 4), DType::F32, &device()).unwrap();
    let error = network
        .forward(&Sequences::OneHot(none), &mut Ctx::eval())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`sequences`") && error.contains("at least 1"),
        "{error}"
    );
}
