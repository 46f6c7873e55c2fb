//! Layers that are neither convolutions of all channels nor part of an epilogue, inside of small
//! networks.

use super::check;
use degu_core::graph::{Activation, Graph, Layer, NormStyle, Padding, Pool};

fn torch() -> Graph {
    Graph::new(NormStyle::Torch)
}

fn branch(name: &str, filters: usize, width: usize) -> Graph {
    torch()
        .conv(name, filters, width)
        .relu()
        .dropout(&format!("{name}d"), 0.2)
}

#[test]
fn a_small_dream_rnn() {
    let graph = torch()
        .parallel(vec![branch("a1", 3, 3), branch("a2", 3, 5)])
        .bi_lstm("lstm", 5)
        .parallel(vec![branch("b1", 2, 3), branch("b2", 3, 5)])
        .dropout("drop", 0.5)
        .conv("last", 4, 1)
        .global_mean()
        .dense("head", 2);
    check(&graph, 9, 5);
}

#[test]
fn an_lstm_longer_than_a_stretch_and_an_lstm_on_it() {
    // More sequences than chunks, so that chunks hold several; batch norm and pool behind the
    // recurrence.
    let graph = torch()
        .conv("a", 2, 3)
        .bi_lstm("one", 2)
        .batch_norm("norm")
        .relu()
        .max_pool(2)
        .bi_lstm("two", 1)
        .layer(Layer::GlobalMax)
        .dense("head", 1);
    check(&graph, 67, 11);
}

#[test]
fn a_small_mprann() {
    let valid = |g: Graph, name: &str, filters: usize, width: usize| {
        g.conv_with(name, filters, width, |c| c.padding = Padding::Valid)
    };
    let graph = valid(torch(), "conv1", 5, 3).relu().batch_norm("norm1");
    let graph = valid(graph, "conv2", 18, 4)
        .activation(Activation::Softmax)
        .batch_norm("norm2")
        .max_pool(2)
        .dropout("drop1", 0.1);
    let graph = valid(graph, "conv3", 4, 2)
        .activation(Activation::Softmax)
        .flatten()
        .dense("dense1", 6)
        .activation(Activation::Sigmoid)
        .dropout("drop2", 0.3)
        .dense("head", 2);
    check(&graph, 17, 6);
}

#[test]
fn layer_norms_before_and_inside_of_residual_blocks() {
    let graph = torch()
        .conv("stem", 6, 3)
        .residual(|g| {
            g.layer_norm("ln1")
                .dense("up", 9)
                .activation(Activation::Gelu)
                .dropout("drop", 0.2)
                .dense("down", 6)
        })
        .residual(|g| g.layer_norm("ln2"))
        .layer_norm("ln3")
        .silu()
        .global_mean()
        .layer_norm("ln4")
        .dense("head", 2);
    check(&graph, 13, 5);
}

#[test]
fn groups_of_every_kind() {
    let grouped = |g: Graph, name: &str, filters: usize, width: usize, groups: usize| {
        g.conv_with(name, filters, width, |c| {
            c.groups = groups;
            c.bias = groups != 6;
        })
    };
    let graph = grouped(torch().conv("stem", 6, 3).silu(), "depthwise", 6, 3, 6)
        .batch_norm("norm1")
        .silu();
    let graph = grouped(graph, "pairs", 6, 4, 3).relu().conv("wide", 20, 1);
    // Two groups of ten: products of their own; then groups that widen, dilated and without
    // padding.
    let graph = grouped(graph, "halves", 20, 3, 2)
        .relu()
        .conv_with("fan", 8, 2, |c| {
            c.groups = 4;
            c.dilation = 3;
            c.padding = Padding::Valid;
        });
    let graph = graph
        .residual(|g| grouped(g, "inner", 8, 5, 4).relu())
        .global_mean()
        .dense("head", 2);
    check(&graph, 15, 5);
}

#[test]
fn pools_that_overlap_or_leave_gaps() {
    let pool = |size, stride| Pool { size, stride };
    let graph = torch()
        // Wide enough that no two rows of a window are equal: ties would be kinks of the input
        // gradient.
        .conv("a", 5, 9)
        .batch_norm("norm1")
        .relu()
        .layer(Layer::MaxPool(pool(3, 2)))
        .dropout("drop", 0.2)
        .conv("b", 4, 3)
        .activation(Activation::Tanh)
        .layer(Layer::AvgPool(pool(4, 3)))
        .batch_norm("norm2")
        .relu()
        .layer(Layer::MaxPool(pool(1, 2)))
        .flatten()
        .dense("head", 2);
    check(&graph, 34, 6);
}

#[test]
fn a_profile_and_its_total() {
    // BPNet with both heads: the profile of a crop, and a number from its mean.
    let mut graph = torch().conv("stem", 4, 5).relu();
    for i in 1..4 {
        graph = graph.residual(|g| {
            g.conv_with(&format!("d{i}"), 4, 3, |c| c.dilation = 1 << i)
                .relu()
        });
    }
    let profile = torch()
        .conv_with("profile", 1, 4, |c| c.padding = Padding::Valid)
        .flatten();
    let total = torch().global_mean().dense("total", 1);
    check(&graph.crop(5, 4).parallel(vec![profile, total]), 25, 5);
}

#[test]
fn signs_of_a_sum_with_a_skip_connection() {
    let graph = torch()
        .conv("stem", 5, 3)
        .residual(|g| {
            g.conv("a", 7, 3)
                .relu()
                .dropout("drop1", 0.2)
                .conv("b", 5, 5)
        })
        .relu()
        .dropout("drop2", 0.3)
        .residual(|g| g.conv("c", 5, 3))
        .activation(Activation::Silu)
        .conv("d", 17, 2)
        .relu()
        .avg_pool(2)
        .global_mean()
        .dense("head", 2);
    check(&graph, 19, 5);
}
