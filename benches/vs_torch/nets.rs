//! The networks of the comparison, with the layer names that `twins.py` reads.

use degu_core::graph::{Graph, NormStyle, Padding};

/// A network.
pub(crate) struct Net {
    /// Name on the command line.
    pub(crate) name: &'static str,
    /// Input in bp.
    pub(crate) length: usize,
    /// Outputs per sequence.
    pub(crate) outputs: usize,
    /// Its layers.
    pub(crate) graph: fn() -> Graph,
}

const NETS: [Net; 5] = [
    Net {
        name: "deepstarr",
        length: 249,
        outputs: 2,
        graph: deepstarr,
    },
    Net {
        name: "residualbind3",
        length: 230,
        outputs: 1,
        graph: || residualbind(3),
    },
    Net {
        name: "residualbind5",
        length: 230,
        outputs: 1,
        graph: || residualbind(5),
    },
    Net {
        name: "bpnet",
        length: 2114,
        outputs: 1001,
        graph: bpnet,
    },
    Net {
        name: "dream_rnn",
        length: 249,
        outputs: 1,
        graph: dream_rnn,
    },
];

/// The network of a name.
pub(crate) fn find(name: &str) -> Result<Net, String> {
    let known: Vec<&str> = NETS.iter().map(|n| n.name).collect();
    NETS.into_iter()
        .find(|n| n.name == name)
        .ok_or_else(|| format!("no network is named `{name}`; known: {}", known.join(", ")))
}

fn deepstarr() -> Graph {
    let mut g = Graph::new(NormStyle::Keras);
    for (i, (filters, width)) in [(256, 7), (60, 3), (60, 5), (120, 3)]
        .into_iter()
        .enumerate()
    {
        g = g
            .conv(&format!("conv{i}"), filters, width)
            .batch_norm(&format!("norm{i}"))
            .relu()
            .max_pool(2);
    }
    g = g.flatten();
    for i in 0..2 {
        g = g
            .dense(&format!("dense{i}"), 256)
            .batch_norm(&format!("dense_norm{i}"))
            .relu()
            .dropout(&format!("drop{i}"), 0.4);
    }
    g.dense("out", 2)
}

/// One residual block of `1 + dilated` convolutions with dilations 1, 1, 2, 4, ...
fn residualbind(dilated: u32) -> Graph {
    Graph::new(NormStyle::Torch)
        .conv("conv1", 196, 19)
        .batch_norm("norm1")
        .silu()
        .dropout("drop1", 0.2)
        .residual(|g| {
            let mut g = g
                .conv_with("block0", 196, 3, |c| c.bias = false)
                .batch_norm("block_norm0");
            for i in 1..=dilated {
                g = g
                    .relu()
                    .dropout(&format!("block_drop{i}"), 0.1)
                    .conv_with(&format!("block{i}"), 196, 3, |c| {
                        c.bias = false;
                        c.dilation = 1 << (i - 1);
                    })
                    .batch_norm(&format!("block_norm{i}"));
            }
            g
        })
        .relu()
        .dropout("drop2", 0.2)
        .max_pool(5)
        .conv("conv2", 256, 7)
        .batch_norm("norm2")
        .silu()
        .dropout("drop3", 0.2)
        .max_pool(5)
        .dense("dense1", 256)
        .batch_norm("norm3")
        .silu()
        .dropout("drop4", 0.5)
        .global_mean()
        .dense("dense2", 256)
        .batch_norm("norm4")
        .silu()
        .dropout("drop5", 0.5)
        .dense("out", 1)
}

/// 2114 bp to a profile of 1000 and a count: dilated layers over the whole input, then a crop to
/// what the profile's kernel reads.
fn bpnet() -> Graph {
    let mut g = Graph::new(NormStyle::Torch).conv("stem", 64, 21).relu();
    for i in 1..=8 {
        g = g.residual(|g| {
            g.conv_with(&format!("dilated{i}"), 64, 3, |c| c.dilation = 1 << i)
                .relu()
        });
    }
    let profile = Graph::new(NormStyle::Torch)
        .conv_with("profile", 1, 75, |c| c.padding = Padding::Valid)
        .flatten();
    let count = Graph::new(NormStyle::Torch).global_mean().dense("count", 1);
    g.crop(520, 520).parallel(vec![profile, count])
}

fn dream_rnn() -> Graph {
    let branches = |name: &str| {
        [9, 15].map(|width| {
            Graph::new(NormStyle::Torch)
                .conv(&format!("{name}_{width}"), 160, width)
                .relu()
                .dropout(&format!("{name}_drop{width}"), 0.2)
        })
    };
    Graph::new(NormStyle::Torch)
        .parallel(branches("first").to_vec())
        .bi_lstm("lstm", 320)
        .parallel(branches("core").to_vec())
        .dropout("drop", 0.5)
        .conv("last", 256, 1)
        .global_mean()
        .dense("out", 1)
}
