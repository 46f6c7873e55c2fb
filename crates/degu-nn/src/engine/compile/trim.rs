//! Rows that a later crop throws away are not computed.
//!
//! A crop moves towards the input as long as a row of every layer on its way depends on a window of
//! rows: a convolution computes fewer rows and needs fewer zeros of padding, a skip connection
//! skips from the middle of its matrix. What is left of the crop stands where it got to. The rows
//! that remain have the same bits, unless Winograd F(2, 3) pairs them otherwise.

use degu_core::graph::{Conv, Layer, Padding};

/// Rows at the start and at the end that nobody reads.
pub(super) type Cut = (usize, usize);

/// A layer of a trimmed network.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// A layer as it is.
    Layer(Layer),
    /// A residual block whose body gives fewer rows than it reads; the skip connection leaves out
    /// those of `cut`.
    Residual { body: Vec<Step>, cut: Cut },
}

/// Moves the crops of a network that starts with base codes.
pub(super) fn trim(layers: &[Layer]) -> Vec<Step> {
    let (mut steps, mut cut) = (vec![], (0, 0));
    for (i, layer) in layers.iter().enumerate().rev() {
        if let Layer::Crop(c) = layer {
            cut = (cut.0 + c.left, cut.1 + c.right);
            continue;
        }
        // There is no crop of base codes: the first layer takes what its padding can take, or
        // nothing.
        let passed = before(layer, cut).filter(|(_, rest)| i > 0 || *rest == (0, 0));
        if let Some((step, rest)) = passed {
            steps.push(step);
            cut = rest;
        } else {
            steps.push(crop(cut));
            steps.push(Step::Layer(layer.clone()));
            cut = (0, 0);
        }
    }
    if cut != (0, 0) {
        steps.push(crop(cut));
    }
    steps.reverse();
    steps
}

fn crop((left, right): Cut) -> Step {
    Step::Layer(Layer::Crop(degu_core::graph::Crop { left, right }))
}

/// The layer without the rows of `cut`, and the rows of its input that it then does not read;
/// `None` where a crop cannot pass.
fn before(layer: &Layer, cut: Cut) -> Option<(Step, Cut)> {
    let same = || Step::Layer(layer.clone());
    if cut == (0, 0) {
        return Some((same(), cut));
    }
    match layer {
        Layer::Conv(c) if c.stride == 1 && c.groups == 1 => Some(convolution(c, cut)),
        Layer::Dense(_) | Layer::Activation(_) | Layer::LayerNorm(_) => Some((same(), cut)),
        Layer::Residual(body) => {
            let (mut steps, mut rest) = (vec![], cut);
            for layer in body.iter().rev() {
                let (step, more) = before(layer, rest)?;
                steps.push(step);
                rest = more;
            }
            steps.reverse();
            let cut = (cut.0 - rest.0, cut.1 - rest.1);
            Some((Step::Residual { body: steps, cut }, rest))
        }
        // Batch norms see all rows, masks of dropout go by the row, and the others mix rows in ways
        // of their own.
        _ => None,
    }
}

/// A convolution takes from its padding, then from its input.
fn convolution(c: &Conv, cut: Cut) -> (Step, Cut) {
    let pad = c.pad();
    let taken = (pad.0.min(cut.0), pad.1.min(cut.1));
    let padding = Padding::Explicit {
        left: pad.0 - taken.0,
        right: pad.1 - taken.1,
    };
    let trimmed = Conv {
        padding,
        ..c.clone()
    };
    let rest = (cut.0 - taken.0, cut.1 - taken.1);
    (Step::Layer(Layer::Conv(trimmed)), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use degu_core::graph::{Graph, NormStyle};

    fn pads(steps: &[Step]) -> Vec<String> {
        let describe = |step: &Step| match step {
            Step::Layer(Layer::Conv(c)) => vec![format!("{:?}", c.pad())],
            Step::Layer(Layer::Crop(c)) => vec![format!("crop {} {}", c.left, c.right)],
            Step::Layer(_) => vec![],
            Step::Residual { body, cut } => [format!("skip {cut:?}")]
                .into_iter()
                .chain(pads(body))
                .collect(),
        };
        steps.iter().flat_map(describe).collect()
    }

    fn dilated() -> Graph {
        let mut graph = Graph::new(NormStyle::Torch).conv("stem", 4, 21).relu();
        for i in 1..=3 {
            graph = graph.residual(|g| {
                g.conv_with(&format!("d{i}"), 4, 3, |c| c.dilation = 1 << i)
                    .relu()
            });
        }
        graph
    }

    #[test]
    fn a_cone_needs_no_zeros() {
        // 2 + 4 + 8 rows for the dilated layers, 10 for the stem: the whole input, and nothing
        // beside it.
        let graph = dilated().crop(24, 24);
        let expected = [
            "(0, 0)",
            "skip (2, 2)",
            "(0, 0)",
            "skip (4, 4)",
            "(0, 0)",
            "skip (8, 8)",
            "(0, 0)",
        ];
        assert_eq!(pads(&trim(&graph.layers)), expected);
    }

    #[test]
    fn a_crop_takes_from_the_padding_first() {
        let graph = dilated().crop(9, 3);
        let expected = ["(10, 10)", "skip (1, 0)", "(3, 4)", "skip (8, 3)", "(0, 5)"];
        assert_eq!(pads(&trim(&graph.layers)), expected);
    }

    #[test]
    fn a_crop_stops_where_rows_are_mixed_or_counted() {
        let graph = dilated().batch_norm("norm").crop(9, 3);
        let steps = trim(&graph.layers);
        assert_eq!(steps.last(), Some(&crop((9, 3))));
        assert_eq!(steps.len(), graph.layers.len());
        // More than the padding of the first layer: it computes all of its rows.
        let graph = Graph::new(NormStyle::Torch).conv("stem", 4, 3).crop(2, 2);
        assert_eq!(pads(&trim(&graph.layers)), ["(1, 1)", "crop 2 2"]);
    }
}
