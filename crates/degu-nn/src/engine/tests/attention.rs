//! Self-attention inside of small networks, and a transformer block that learns.

use super::{Noise, check, engine, tensors};
use crate::engine::{AdamStep, DropoutSeed, Engine, best_isa};
use degu_core::graph::{Activation, Graph, NormStyle};

fn torch() -> Graph {
    Graph::new(NormStyle::Torch)
}

/// Attention and a dense layer of twice the width, each behind a layer norm and inside of a skip
/// connection.
fn transformer(graph: Graph, name: &str, heads: usize, channels: usize, drop: f64) -> Graph {
    let of = |part: &str| format!("{name}.{part}");
    graph
        .residual(|g| {
            g.layer_norm(&of("norm1"))
                .attention(&of("mix"), heads, channels, channels)
                .dropout(&of("drop1"), drop)
        })
        .residual(|g| {
            g.layer_norm(&of("norm2"))
                .dense(&of("up"), 2 * channels)
                .activation(Activation::Gelu)
                .dropout(&of("drop2"), drop)
                .dense(&of("down"), channels)
        })
}

#[test]
fn two_transformer_blocks() {
    let stem = torch().conv("stem", 6, 3).batch_norm("norm").relu();
    let graph = transformer(stem.max_pool(2), "one", 2, 6, 0.2);
    let graph = transformer(graph, "two", 3, 6, 0.0);
    check(&graph.global_mean().dense("head", 2), 19, 5);
}

#[test]
fn attention_with_what_may_follow_it() {
    // No biases, an inner width of its own, batch norm, activation and pool behind it; then
    // rectified, without either.
    let graph = torch()
        .conv("stem", 5, 3)
        .silu()
        .attention_with("one", 1, 3, 4, |a| {
            a.project_bias = false;
            a.output_bias = false;
        })
        .batch_norm("norm")
        .activation(Activation::Tanh)
        .avg_pool(2)
        .attention_with("two", 4, 8, 7, |a| a.output_bias = false)
        .relu()
        .attention("three", 2, 2, 3);
    check(&graph.flatten().dense("head", 2), 13, 6);
}

#[test]
fn attention_on_branches_and_one_position() {
    let branch = |name: &str, width: usize| torch().conv(name, 3, width).silu();
    let graph = torch()
        .parallel(vec![branch("a", 3), branch("b", 5)])
        .parallel(vec![
            torch().attention("mix", 2, 4, 5),
            torch().conv("c", 2, 3),
        ])
        .max_pool(4)
        .attention("single", 2, 6, 4);
    check(&graph.global_mean().dense("head", 1), 7, 4);
}

#[test]
fn a_transformer_block_learns() {
    let stem = torch().conv_strided("stem", 16, 5, 2).relu();
    let graph = transformer(stem, "one", 4, 16, 0.0)
        .global_mean()
        .dense("head", 1);
    let (length, n) = (32, 48);
    let mut noise = Noise(6);
    let all = tensors(&graph, length, 4);
    let mut engine = engine(&graph, length, n, 2, best_isa(), &all);
    let codes = noise.codes(n * length);
    // Whether two fixed bases agree: no sum over positions of what single windows see.
    let targets: Vec<f32> = codes
        .chunks(length)
        .map(|c| if c[3] == c[25] { 1.0 } else { -0.5 })
        .collect();
    let mut loss = f32::MAX;
    for step in 0..400 {
        let outputs = engine.forward_train(&codes, n, DropoutSeed(step)).unwrap();
        let residuals: Vec<f32> = outputs.iter().zip(&targets).map(|(o, t)| o - t).collect();
        loss = residuals.iter().map(|r| r * r).sum::<f32>() / n as f32;
        let slopes: Vec<f32> = residuals.iter().map(|r| 2.0 * r / n as f32).collect();
        engine.backward(&slopes).unwrap();
        engine.adam(&AdamStep {
            lr: 3e-3,
            ..AdamStep::default()
        });
    }
    assert!(loss < 1e-2, "loss {loss}");
}

#[test]
fn what_attention_cannot_do_is_named() {
    let graph = torch().conv("stem", 4, 3).attention("mix", 3, 8, 4);
    let text = Engine::new(&graph, 9, 4, 1).unwrap_err().to_string();
    assert!(
        text.contains("mix") && text.contains("3 heads for an inner width of 8"),
        "{text}"
    );
    let graph = torch().attention("mix", 2, 8, 4);
    let text = Engine::new(&graph, 9, 4, 1).unwrap_err().to_string();
    assert!(text.contains("first layer"), "{text}");
    let graph = torch().conv("stem", 4, 3).attention("mix", 2, 8, 4);
    let engine = Engine::new(&graph, 9, 4, 1).unwrap();
    assert_eq!(engine.operator(), Some("multi-head self-attention"));
}
