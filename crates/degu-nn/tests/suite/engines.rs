//! Statistics of the fused engine, computed anew. (Its passes: the engine's own tests.)

use candle_core::{DType, Device, Tensor};
use degu_core::{
    Ctx, Mode, ModelIo, Network, OutputKind, Seed, Sequences,
    graph::{Graph, NormStyle},
};
use degu_nn::{GraphNetwork, ParamStore, engine::Engine, statistics::PooledStatistics};

const N: usize = 5;
const LENGTH: usize = 41;

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
