//! The layers of our network in the order in which a Keras model lists its own.

use degu_core::graph::{Graph, Layer};

use super::ImportError;

/// Our layers with weights, in the order of the forward pass.
#[derive(Debug, Default)]
pub(super) struct OurLayers {
    /// Convolutions and dense layers: name, and whether there is a bias.
    pub(super) weighted: Vec<(String, bool)>,
    /// Batch normalisations.
    pub(super) norms: Vec<String>,
}

/// Lists the layers of a graph.
pub(super) fn of(graph: &Graph) -> Result<OurLayers, ImportError> {
    let mut all = OurLayers::default();
    collect(&graph.layers, &mut all)?;
    Ok(all)
}

fn collect(layers: &[Layer], all: &mut OurLayers) -> Result<(), ImportError> {
    for layer in layers {
        match layer {
            Layer::Conv(conv) => all.weighted.push((conv.name.clone(), conv.bias)),
            Layer::Dense(dense) => all.weighted.push((dense.name.clone(), dense.bias)),
            Layer::BatchNorm(norm) => all.norms.push(norm.name.clone()),
            Layer::Residual(body) => collect(body, all)?,
            Layer::Parallel(branches) => {
                for branch in branches {
                    collect(branch, all)?;
                }
            }
            Layer::LayerNorm(_) | Layer::BiLstm(_) => {
                return Err(ImportError::Unsupported {
                    layer: layer.label(),
                });
            }
            _ => {}
        }
    }
    Ok(())
}
