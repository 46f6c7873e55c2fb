//! Bad input, and memory.

use super::super::arena::{Arena, CHUNKS, Partials};
use super::super::compile;
use super::super::filters::Rule;
use super::super::layout::Layout;
use super::super::{DropoutSeed, Engine, EngineError};
use degu_core::graph::{Graph, NormStyle, Padding};

fn small() -> Graph {
    Graph::new(NormStyle::Torch)
        .conv("a", 4, 3)
        .batch_norm("norm")
        .relu()
        .global_mean()
        .dense("head", 1)
}

#[test]
fn empty_batches_are_refused_in_training() {
    let mut engine = Engine::new(&small(), 9, 4, 1).unwrap();
    let error = engine.forward_train(&[], 0, DropoutSeed(0)).unwrap_err();
    assert!(matches!(error, EngineError::Empty { .. }), "{error}");
    assert!(error.to_string().contains("training pass"), "{error}");
    engine.predict(&[], 0, &mut []).unwrap();
}

#[test]
fn numbers_that_are_not_finite_are_named() {
    let mut engine = Engine::new(&small(), 9, 4, 1).unwrap();
    let error = engine
        .load("head.weight", &[0.0, 1.0, f32::NAN, 2.0])
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("`head.weight`") && text.contains("index 2"),
        "{text}"
    );
    engine.forward_train(&[0; 18], 2, DropoutSeed(0)).unwrap();
    let error = engine.backward(&[0.0, f32::INFINITY]).unwrap_err();
    assert!(
        matches!(error, EngineError::NonFinite { index: 1, .. }),
        "{error}"
    );
    // The pass is still there: a finite gradient goes through.
    engine.backward(&[0.0, 1.0]).unwrap();
}

#[test]
fn sequences_that_are_too_short_name_the_layer_and_the_rule() {
    let valid = Graph::new(NormStyle::Torch)
        .conv("a", 4, 3)
        .conv_with("wide", 4, 7, |c| {
            c.dilation = 2;
            c.padding = Padding::Valid;
        })
        .global_mean();
    let cropped = Graph::new(NormStyle::Torch)
        .conv("a", 4, 3)
        .crop(6, 6)
        .global_mean();
    let pooled = Graph::new(NormStyle::Torch)
        .conv("a", 4, 3)
        .max_pool(13)
        .global_mean();
    for (graph, layer) in [
        (valid, "wide"),
        (cropped, "crop 6 6"),
        (pooled, "max_pool 13"),
    ] {
        let error = Engine::new(&graph, 12, 4, 1).unwrap_err();
        assert!(matches!(error, EngineError::Graph(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains(layer) && text.contains("12"), "{text}");
    }
}

#[test]
fn wrong_lengths_name_both() {
    let mut engine = Engine::new(&small(), 9, 4, 1).unwrap();
    for error in [
        engine.forward_train(&[0; 17], 2, DropoutSeed(0)).err(),
        engine.predict(&[0; 17], 2, &mut [0.0; 2]).err(),
        engine
            .input_gradient(&[0; 17], 2, &[0.0; 2], &mut [0.0; 72])
            .err(),
    ] {
        let text = error.unwrap().to_string();
        assert!(text.contains("18") && text.contains("17"), "{text}");
    }
}

/// Bytes of the buffers that training on `batch` sequences allocates, without the scratch of
/// Winograd F(2, 3).
fn bytes(graph: &Graph, length: usize, batch: usize) -> usize {
    let layout = Layout::new(graph, length).unwrap();
    let plan = compile::compile(graph, length, &layout, Rule::FASTER).unwrap();
    let partials = Partials::new(&plan);
    let arena = Arena::for_training(&plan, &partials, batch.div_ceil(CHUNKS));
    let floats = [&arena.data, &arena.y, &arena.gradients]
        .into_iter()
        .flatten()
        .chain([&arena.scratch, &arena.line, &arena.band, &arena.partial])
        .map(Vec::len)
        .chain(arena.operator.iter().map(|s| s.gates.len() + s.cells.len()))
        .sum::<usize>();
    let words: usize = arena.signs.iter().map(Vec::len).sum();
    CHUNKS * (4 * floats + 2 * words) + 4 * 6 * layout.trained
}

#[test]
fn an_arena_without_tensor_gradients_keeps_every_linear_output() {
    let graph = Graph::new(NormStyle::Torch)
        .conv("a", 4, 3)
        .relu()
        .conv("b", 4, 3)
        .relu()
        .conv("c", 2, 3);
    let layout = Layout::new(&graph, 9).unwrap();
    let plan = compile::compile(&graph, 9, &layout, Rule::FASTER).unwrap();
    let sizes = |partials: &Partials| -> Vec<usize> {
        let arena = Arena::for_training(&plan, partials, 2);
        arena.y.iter().map(Vec::len).collect()
    };
    // The look-up is computed again; signs of b are enough to train on, and nothing of c.
    assert_eq!(sizes(&Partials::new(&plan)), [0, 0, 0]);
    assert_eq!(sizes(&Partials::default()), [0, 2 * 11 * 4, 2 * 11 * 2]);
}

#[test]
fn training_stays_within_its_memory() {
    let mut bpnet = Graph::new(NormStyle::Torch).conv("stem", 64, 21).relu();
    for i in 1..9 {
        bpnet = bpnet.residual(|g| {
            g.conv_with(&format!("d{i}"), 64, 3, |c| c.dilation = 1 << i)
                .relu()
        });
    }
    let profile = Graph::new(NormStyle::Torch)
        .conv_with("profile", 1, 75, |c| c.padding = Padding::Valid)
        .flatten();
    let total = Graph::new(NormStyle::Torch).global_mean().dense("total", 1);
    let bpnet = bpnet.crop(520, 520).parallel(vec![profile, total]);
    let size = bytes(&bpnet, 2114, 64) as f64 / 1e6;
    assert!(size < 440.0, "BPNet: {size:.0} MB");

    let deepstarr = [(256, 7), (60, 3), (60, 5), (120, 3)]
        .iter()
        .enumerate()
        .fold(Graph::new(NormStyle::Keras), |g, (i, (filters, width))| {
            g.conv(&format!("conv{i}"), *filters, *width)
                .batch_norm(&format!("norm{i}"))
                .relu()
                .max_pool(2)
        });
    let deepstarr = deepstarr.flatten().dense("d1", 256).batch_norm("n5").relu();
    let size = bytes(&deepstarr.dense("head", 2), 249, 128) as f64 / 1e6;
    assert!(size < 100.0, "DeepSTARR: {size:.0} MB");
}
