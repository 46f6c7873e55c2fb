//! Monte Carlo dropout: masks of the sequences, in both engines.

use candle_core::{DType, Tensor};
use degu_core::{
    Ctx, Mode, ModelIo, Network as _, OutputKind, Seed, Sequences,
    graph::{Graph, NormStyle},
};
use degu_nn::{GraphNetwork, ParamStore, engine::Engine, ops};

use crate::common::device;

const LENGTH: usize = 20;

fn graph() -> Graph {
    Graph::new(NormStyle::Torch)
        .conv("conv1", 6, 5)
        .batch_norm("bn1")
        .relu()
        .dropout("drop1", 0.2)
        .max_pool(2)
        .flatten()
        .dense("dense1", 8)
        .relu()
        .dropout("drop2", 0.4)
        .dense("out", 3)
}

fn codes(n: usize) -> Vec<u8> {
    (0..n * LENGTH)
        .map(|i| ((i * 7 + i / 3 * 5 + i * i % 11) % 4) as u8)
        .collect()
}

fn masks(codes: &[u8], pass: usize) -> Vec<u64> {
    let streams: Vec<Seed> = codes.chunks(LENGTH).map(ops::sequence_stream).collect();
    ops::sequence_masks(&streams, pass)
}

fn networks(n: usize, threads: usize) -> (GraphNetwork, Engine) {
    let store = ParamStore::new(Seed::root(3), DType::F32, &device());
    let io = ModelIo {
        length: LENGTH,
        outputs: 3,
        output: OutputKind::Scalar,
    };
    let network = GraphNetwork::new(graph(), &io, &store.params()).unwrap();
    let mut engine = Engine::new(&graph(), LENGTH, n, threads).unwrap();
    for (name, var) in store.tensors() {
        let values = var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        engine.load(&name, &values).unwrap();
    }
    (network, engine)
}

#[test]
fn both_engines_draw_the_same_masks() {
    // More sequences than a tile, and a number that two threads share unevenly.
    let n = 71;
    let codes = codes(n);
    for threads in [1, 2] {
        let (network, mut engine) = networks(n, threads);
        let masks = masks(&codes, 4);
        let mut fused = vec![0.0; n * 3];
        engine.sample(&codes, n, &masks, &mut fused).unwrap();
        let x = Tensor::from_slice(&codes, (n, LENGTH), &device()).unwrap();
        let mode = Mode::Sample {
            dropout: Seed::root(0),
            step: 0,
        };
        let mut ctx = Ctx::new(mode).with_masks(&masks);
        let slow = network
            .forward(&Sequences::codes(x).unwrap(), &mut ctx)
            .unwrap();
        let slow = slow.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let mut plain = vec![0.0; n * 3];
        engine.predict(&codes, n, &mut plain).unwrap();
        for i in 0..n * 3 {
            assert!(
                (fused[i] - slow[i]).abs() < 1e-5,
                "{i}: {} {}",
                fused[i],
                slow[i]
            );
        }
        let moved = plain
            .iter()
            .zip(&fused)
            .filter(|(a, b)| a.to_bits() != b.to_bits())
            .count();
        assert!(moved > n, "dropout changed {moved} outputs");
    }
}

#[test]
fn a_sample_does_not_depend_on_the_batch() {
    let n = 40;
    let codes = codes(n);
    let (_, mut engine) = networks(n, 1);
    let all = masks(&codes, 0);
    let mut whole = vec![0.0; n * 3];
    engine.sample(&codes, n, &all, &mut whole).unwrap();
    let (from, to) = (13, 36);
    let mut part = vec![0.0; (to - from) * 3];
    engine
        .sample(
            &codes[from * LENGTH..to * LENGTH],
            to - from,
            &all[from..to],
            &mut part,
        )
        .unwrap();
    assert_eq!(part, whole[from * 3..to * 3]);
    let short = engine.sample(&codes, n, &all[1..], &mut whole).unwrap_err();
    assert!(short.to_string().contains("masks"), "{short}");
}

#[test]
fn a_clamped_output_finds_its_way_back() {
    use candle_core::Var;
    let x = Var::new(&[-2.0f64, -2.0, 0.5, 2.0, 2.0], &device()).unwrap();
    let y = ops::clamp(x.as_tensor(), -1.0, 1.0, &Ctx::eval()).unwrap();
    assert_eq!(y.to_vec1::<f64>().unwrap(), [-1.0, -1.0, 0.5, 1.0, 1.0]);
    // A descent moves against the gradient: up from below, down from above.
    let slopes = Tensor::new(&[-3.0f64, 3.0, 3.0, -3.0, 3.0], &device()).unwrap();
    let g = (y * slopes).unwrap().sum_all().unwrap().backward().unwrap();
    let g = g.get(&x).unwrap().to_vec1::<f64>().unwrap();
    assert_eq!(g, [-3.0, 0.0, 3.0, 0.0, 3.0]);
}
