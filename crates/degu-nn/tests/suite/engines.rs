//! The fused engine and the interpreter of graphs are one network: same outputs, gradients,
//! statistics and dropout masks.

use candle_core::{DType, Device, Tensor};
use degu_core::{
    Ctx, Mode, ModelIo, Network, OutputKind, Seed, Sequences,
    graph::{Activation, Graph, Layer, NormStyle, Pool},
};
use degu_nn::{
    GraphNetwork, ParamStore,
    engine::{DropoutSeed, Engine},
    ops,
    optim::gradients,
    statistics::PooledStatistics,
};

const N: usize = 5;
const LENGTH: usize = 41;

fn graph() -> Graph {
    Graph::new(NormStyle::Torch)
        .conv("conv1", 20, 7)
        .batch_norm("norm1")
        .relu()
        .max_pool(2)
        .conv("conv2", 12, 4)
        .batch_norm("norm2")
        .silu()
        .dropout("drop1", 0.2)
        .max_pool(2)
        .flatten()
        .dense("dense1", 24)
        .relu()
        .dropout("drop2", 0.4)
        .dense("head", 3)
}

/// Kernels in f32 against f64: 2e-5 of the largest value (`compute.md`, gradient-check policy).
fn close(name: &str, got: &[f32], expected: &Tensor) {
    let expected = expected.flatten_all().unwrap().to_vec1::<f64>().unwrap();
    assert_eq!(got.len(), expected.len(), "{name}");
    let size = expected.iter().fold(0f64, |m, v| m.max(v.abs()));
    let worst = got
        .iter()
        .zip(&expected)
        .fold(0f64, |m, (a, b)| m.max((f64::from(*a) - b).abs()));
    println!("{name}: {:.1e}", worst / size);
    assert!(worst <= 2e-5 * size, "{name}: off by {worst:e} of {size:e}");
}

#[test]
fn engine_and_interpreter_agree() {
    agree(&graph());
}

#[test]
fn engine_and_interpreter_agree_on_recurrent_networks() {
    let branch = |name: &str, width: usize| {
        Graph::new(NormStyle::Torch)
            .conv(name, 8, width)
            .relu()
            .dropout(&format!("{name}d"), 0.2)
    };
    agree(
        &Graph::new(NormStyle::Torch)
            .parallel(vec![branch("a9", 9), branch("a15", 15)])
            .bi_lstm("lstm", 17)
            .parallel(vec![branch("b9", 9), branch("b15", 15)])
            .dropout("drop", 0.5)
            .conv("last", 12, 1)
            .global_mean()
            .dense("head", 3),
    );
}

#[test]
fn engine_and_interpreter_agree_on_every_other_layer() {
    let pool = |size, stride| Pool { size, stride };
    let grouped = |g: Graph, name: &str, width: usize, groups: usize| {
        g.conv_with(name, 24, width, |c| c.groups = groups)
    };
    let graph = Graph::new(NormStyle::Torch)
        .conv("stem", 24, 5)
        .layer_norm("ln")
        .silu()
        .residual(|g| grouped(g, "depthwise", 7, 24).relu());
    let graph = grouped(graph, "pairs", 3, 12)
        .layer(Layer::MaxPool(pool(3, 2)))
        .batch_norm("norm")
        .relu();
    let graph = grouped(graph, "halves", 3, 2)
        .activation(Activation::Softmax)
        .crop(2, 1)
        .layer(Layer::AvgPool(pool(4, 3)));
    agree(&graph.flatten().dense("head", 3));
}

#[test]
fn engine_and_interpreter_agree_on_strides_and_a_transformer_block() {
    let graph = Graph::new(NormStyle::Torch)
        .conv_strided("stem", 24, 7, 2)
        .batch_norm("norm")
        .activation(Activation::Gelu)
        .residual(|g| {
            g.layer_norm("ln1")
                .attention("mix", 3, 24, 24)
                .dropout("drop1", 0.1)
        })
        .residual(|g| {
            g.layer_norm("ln2")
                .dense("up", 40)
                .activation(Activation::Gelu)
                .dropout("drop2", 0.1)
                .dense("down", 24)
        })
        .conv_with("down2", 20, 4, |c| {
            c.stride = 3;
            c.groups = 2;
        })
        .silu();
    agree(&graph.flatten().dense("head", 3));
}

/// Prediction, training outputs, gradients and statistics of the engine against those of the
/// interpreter in f64.
fn agree(graph: &Graph) {
    let graph = || graph.clone();
    let single =
        ParamStore::for_graph(&graph(), LENGTH, Seed::root(8), DType::F32, &Device::Cpu).unwrap();
    let values = single.values_f32().unwrap();
    let store = ParamStore::new(Seed::root(8), DType::F64, &Device::Cpu);
    let io = ModelIo {
        length: LENGTH,
        outputs: 3,
        output: OutputKind::Scalar,
    };
    let network = GraphNetwork::new(graph(), &io, &store.params()).unwrap();
    let mut engine = Engine::new(&graph(), LENGTH, N, 1).unwrap();
    for (name, v) in &values {
        store.set(name, v).unwrap();
        engine.load(name, v).unwrap();
    }
    let codes: Vec<u8> = (0..N * LENGTH).map(|i| (i * i % 17 % 5) as u8).collect();
    let x = Sequences::codes(Tensor::from_vec(codes.clone(), (N, LENGTH), &Device::Cpu).unwrap())
        .unwrap();

    let mut out = vec![0f32; N * 3];
    engine.predict(&codes, N, &mut out).unwrap();
    close(
        "prediction",
        &out,
        &network.forward(&x, &mut Ctx::eval()).unwrap(),
    );

    let (dropout, step) = (Seed::root(3).child("dropout"), 11);
    let mut ctx = Ctx::new(Mode::Train { dropout, step });
    let y = network.forward(&x, &mut ctx).unwrap();
    let outputs = engine
        .forward_train(&codes, N, DropoutSeed(ops::dropout_seed(dropout, step)))
        .unwrap();
    close("training pass", outputs, &y);

    let upstream: Vec<f32> = (0..N * 3)
        .map(|i| ((i * 7 % 11) as f32 - 5.0) / 5.0)
        .collect();
    engine.backward(&upstream).unwrap();
    let weights = Tensor::from_vec(upstream, (N, 3), &Device::Cpu)
        .unwrap()
        .to_dtype(DType::F64)
        .unwrap();
    let loss = (y * weights).unwrap().sum_all().unwrap();
    let expected = gradients(&loss, &store.parameters()).unwrap();
    let largest = |v: &[f32]| v.iter().fold(0f32, |m, v| m.max(v.abs()));
    for spec in engine.parameters().iter().filter(|s| s.trained) {
        let got = &engine.gradients()[spec.range.clone()];
        let e = &expected[&spec.name];
        // A bias before a batch norm has the gradient 0: measured against the gradients of its
        // layer's kind.
        if largest(e) > 1e-5 {
            close(
                &spec.name,
                got,
                &Tensor::new(e.as_slice(), &Device::Cpu)
                    .unwrap()
                    .to_dtype(DType::F64)
                    .unwrap(),
            );
        } else {
            assert!(largest(got) < 1e-4, "{}", spec.name);
        }
    }

    store.fold_statistics(&ctx.into_statistics()).unwrap();
    engine.commit_statistics();
    for (name, var) in store.buffers() {
        close(&name, engine.read(&name).unwrap(), &var);
    }
}

/// Statistics computed anew are those of the network without dropout: the interpreter in f64 says
/// which. Of a single batch, they make the evaluation what the pass over the batch was.
#[test]
fn recalibrated_statistics_are_those_of_the_network_without_dropout() {
    let graph = || {
        Graph::new(NormStyle::Keras)
            .conv("conv1", 20, 7)
            .batch_norm("norm1")
            .silu()
            .dropout("drop1", 0.5)
            .conv("conv2", 12, 4)
            .batch_norm("norm2")
            .relu()
            .dropout("drop2", 0.5)
            .global_mean()
            .dense("dense1", 10)
            .batch_norm("norm3")
            .relu()
            .dense("head", 3)
    };
    let store = ParamStore::new(Seed::root(8), DType::F64, &Device::Cpu);
    let io = ModelIo {
        length: LENGTH,
        outputs: 3,
        output: OutputKind::Scalar,
    };
    let network = GraphNetwork::new(graph(), &io, &store.params()).unwrap();
    let codes: Vec<u8> = (0..N * LENGTH).map(|i| (i * i % 17 % 5) as u8).collect();
    let batch = |from: usize, to: usize| {
        let piece = codes[from * LENGTH..to * LENGTH].to_vec();
        let piece = Tensor::from_vec(piece, (to - from, LENGTH), &Device::Cpu).unwrap();
        let mut ctx = Ctx::new(Mode::Statistics);
        let y = network
            .forward(&Sequences::codes(piece).unwrap(), &mut ctx)
            .unwrap();
        (y, ctx.into_statistics())
    };
    let engine = |threads: usize| {
        let mut engine = Engine::new(&graph(), LENGTH, N, threads).unwrap();
        for (name, v) in &store.values_f32().unwrap() {
            engine.load(name, v).unwrap();
        }
        engine
    };
    let mut whole = engine(1);
    whole.recalibrate(&codes, N, N).unwrap();
    let mut out = vec![0f32; N * 3];
    whole.predict(&codes, N, &mut out).unwrap();
    close("evaluation of the batch itself", &out, &batch(0, N).0);

    // Batches of 3 and 2.
    let mut cut = engine(2);
    cut.recalibrate(&codes, N, 3).unwrap();
    let mut pooled = std::collections::BTreeMap::<String, PooledStatistics>::new();
    for (from, to) in [(0, 3), (3, 5)] {
        for (path, s) in batch(from, to).1 {
            pooled.entry(path).or_default().add(
                (to - from) as f64,
                &s.mean.to_vec1::<f64>().unwrap(),
                &s.variance.to_vec1::<f64>().unwrap(),
            );
        }
    }
    store.replace_statistics(&pooled).unwrap();
    for (name, var) in store.buffers() {
        close(&name, cut.read(&name).unwrap(), &var);
    }
    assert!(cut.recalibrate(&codes, 0, 3).is_err());
    assert!(cut.recalibrate(&[], 0, 3).is_err());
}
