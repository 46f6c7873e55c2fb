//! The layers of our network in the order in which a Keras model lists its own.

use degu_core::graph::{Graph, Layer, Padding};

use crate::{ApplyError, Result};

/// Our layers with weights, in the order of the forward pass.
#[derive(Debug, Default)]
pub(super) struct OurLayers {
    /// Convolutions and dense layers: name, and whether there is a bias.
    pub(super) weighted: Vec<(String, bool)>,
    /// Batch normalisations.
    pub(super) norms: Vec<String>,
}

/// Lists the layers of a graph.
pub(super) fn of(graph: &Graph) -> Result<OurLayers> {
    let mut all = OurLayers::default();
    collect(&graph.layers, &mut all)?;
    Ok(all)
}

fn collect(layers: &[Layer], all: &mut OurLayers) -> Result<()> {
    for layer in layers {
        match layer {
            // Keras pads a convolution with a stride so that its last window ends at the end.
            Layer::Conv(conv) if conv.stride > 1 && conv.padding == Padding::Same => {
                return Err(unsupported(&layer.label()));
            }
            Layer::Conv(conv) => all.weighted.push((conv.name.clone(), conv.bias)),
            Layer::Dense(dense) => all.weighted.push((dense.name.clone(), dense.bias)),
            Layer::BatchNorm(norm) => all.norms.push(norm.name.clone()),
            Layer::Residual(body) => collect(body, all)?,
            Layer::Parallel(branches) => {
                for branch in branches {
                    collect(branch, all)?;
                }
            }
            Layer::LayerNorm(_) | Layer::BiLstm(_) | Layer::Attention(_) => {
                return Err(unsupported(&layer.label()));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn unsupported(layer: &str) -> ApplyError {
    ApplyError::Import(format!(
        "layer `{layer}` of the architecture cannot be filled from Keras weights"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use degu_core::graph::NormStyle;

    #[test]
    fn what_keras_pads_or_projects_otherwise_is_refused_by_name() {
        let stem = || Graph::new(NormStyle::Keras).conv("stem", 4, 3);
        let strided = |padding| {
            stem().conv_with("down", 4, 3, |c| {
                c.stride = 2;
                c.padding = padding;
            })
        };
        assert_eq!(of(&strided(Padding::Valid)).unwrap().weighted.len(), 2);
        for (graph, name) in [
            (strided(Padding::Same), "down"),
            (stem().attention("mix", 2, 4, 4), "mix"),
        ] {
            let error = of(&graph).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
