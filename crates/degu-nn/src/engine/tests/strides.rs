//! Convolutions with a stride, alone and inside of small networks.

use super::{Noise, check, engine, tensors};
use crate::engine::{Engine, EngineError, best_isa};
use degu_core::graph::{Activation, Conv, Graph, NormStyle, Padding};

fn torch() -> Graph {
    Graph::new(NormStyle::Torch)
}

fn strided(g: Graph, name: &str, filters: usize, set: impl FnOnce(&mut Conv)) -> Graph {
    g.conv_with(name, filters, 3, set)
}

#[test]
fn every_padding_on_odd_and_even_lengths() {
    for length in [18, 19] {
        for (stride, dilation) in [(2, 1), (3, 1), (2, 3), (4, 2)] {
            for padding in [
                Padding::Same,
                Padding::Valid,
                Padding::Causal,
                Padding::Explicit { left: 1, right: 3 },
            ] {
                let graph = strided(torch().conv("stem", 5, 3).silu(), "a", 7, |c| {
                    c.stride = stride;
                    c.dilation = dilation;
                    c.padding = padding;
                });
                check(&graph.silu().global_mean().dense("head", 2), length, 3);
            }
        }
    }
}

#[test]
fn a_first_layer_with_a_stride_works_from_counts_and_without() {
    for (stride, padding) in [
        (2, Padding::Same),
        (3, Padding::Valid),
        (4, Padding::Causal),
        (2, Padding::Explicit { left: 9, right: 0 }),
    ] {
        let stem = |g: Graph| {
            g.conv_with("stem", 6, 5, |c| {
                c.stride = stride;
                c.padding = padding;
            })
        };
        let head = |g: Graph| g.relu().conv("b", 4, 3).silu().flatten().dense("head", 2);
        check(&head(stem(torch()).batch_norm("norm")), 22, 5);
        check(&head(stem(torch())), 23, 5);
    }
}

#[test]
fn a_small_network_that_halves_its_length() {
    let down = |g: Graph, name: &str, filters: usize| {
        g.conv_strided(name, filters, 5, 2)
            .batch_norm(&format!("{name}n"))
            .activation(Activation::Gelu)
    };
    let graph = down(torch(), "down1", 6);
    // A skip connection beside the stride, a pool behind it, several readers of one matrix.
    let graph = down(
        graph.residual(|g| g.conv("r", 6, 3).batch_norm("rn").relu()),
        "down2",
        8,
    );
    let branch = |name: &str, width: usize| torch().conv_strided(name, 3, width, 2).relu();
    let graph = graph
        .dropout("drop", 0.2)
        .parallel(vec![branch("p1", 1), branch("p4", 4)])
        .conv_strided("pooled", 5, 2, 1)
        .max_pool(2);
    check(&graph.flatten().dense("head", 2), 45, 6);
}

#[test]
fn groups_with_a_stride() {
    let grouped = |g: Graph, name: &str, filters: usize, groups: usize, stride: usize| {
        g.conv_with(name, filters, 4, |c| {
            c.groups = groups;
            c.stride = stride;
        })
    };
    let graph = grouped(torch().conv("stem", 6, 3).silu(), "depthwise", 6, 6, 2).silu();
    let graph = grouped(graph, "pairs", 6, 3, 3).relu().conv("wide", 20, 1);
    let graph = grouped(graph, "halves", 20, 2, 2).relu();
    check(&graph.global_mean().dense("head", 2), 37, 5);
    // More rows than the taps of a phase reach, and phases without taps.
    let graph = torch()
        .conv("stem", 4, 3)
        .silu()
        .conv_with("far", 4, 2, |c| {
            c.groups = 2;
            c.stride = 5;
            c.padding = Padding::Valid;
        });
    check(&graph.silu().flatten().dense("head", 1), 29, 3);
}

/// Windows that are equal have equal outputs, bit by bit, wherever they lie.
#[test]
fn equal_windows_give_equal_bits() {
    let graph = torch()
        .conv_with("stem", 6, 5, |c| {
            c.stride = 2;
            c.padding = Padding::Valid;
        })
        .silu()
        .conv_with("next", 17, 3, |c| {
            c.stride = 2;
            c.padding = Padding::Valid;
        });
    let (length, reach, step) = (61, 13, 4);
    let motif = Noise(4).codes(reach);
    let mut engine = engine(
        &graph,
        length,
        4,
        1,
        best_isa(),
        &tensors(&graph, length, 2),
    );
    let mut seen = vec![];
    for place in 0..=(length - reach) / step {
        let mut codes = Noise(9).codes(length);
        codes[place * step..place * step + reach].copy_from_slice(&motif);
        let mut out = vec![0.0; engine.outputs_per_sequence()];
        engine.predict(&codes, 1, &mut out).unwrap();
        seen.push(out[place * 17..(place + 1) * 17].to_vec());
    }
    assert_eq!(seen.len(), 13);
    assert!(seen.iter().all(|y| *y == seen[0]));
}

#[test]
fn strides_that_do_not_fit_name_the_layer() {
    let graph = torch().conv("stem", 4, 3).conv_strided("down", 4, 3, 0);
    let error = Engine::new(&graph, 12, 4, 1).unwrap_err();
    assert!(matches!(error, EngineError::Graph(_)), "{error}");
    assert!(error.to_string().contains("down"), "{error}");
    let graph = torch()
        .conv_strided("stem", 4, 3, 6)
        .conv_with("last", 4, 4, |c| {
            c.padding = Padding::Valid;
        });
    let text = Engine::new(&graph, 12, 4, 1).unwrap_err().to_string();
    assert!(
        text.contains("last") && text.contains("2 positions"),
        "{text}"
    );
}
