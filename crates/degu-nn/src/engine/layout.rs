//! Where each tensor lies in the flat vectors.

use super::error::EngineError;
use degu_core::graph::{Graph, Init};
use std::ops::Range;

/// One tensor of the network and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// Path in checkpoints.
    pub name: String,
    /// Shape; row-major.
    pub shape: Vec<usize>,
    /// Place in the flat vector of trained values, or in the one of buffers.
    pub range: Range<usize>,
    /// `true` for a parameter of the optimizer, `false` for running statistics.
    pub trained: bool,
    /// Distribution of the initial values.
    pub init: Init,
}

/// All tensors, sorted by name; trained tensors and buffers are numbered separately.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) tensors: Vec<TensorSpec>,
    pub(super) trained: usize,
    pub(super) buffers: usize,
}

impl Layout {
    pub(super) fn new(graph: &Graph, length: usize) -> Result<Self, EngineError> {
        let mut specs = graph.parameters(length)?;
        specs.sort_by(|a, b| a.name.cmp(&b.name));
        let (mut trained, mut buffers) = (0, 0);
        let tensors = specs
            .into_iter()
            .map(|spec| {
                let end = if spec.trained {
                    &mut trained
                } else {
                    &mut buffers
                };
                let range = *end..*end + spec.elements();
                *end = range.end;
                TensorSpec {
                    name: spec.name,
                    shape: spec.shape,
                    range,
                    trained: spec.trained,
                    init: spec.init,
                }
            })
            .collect();
        Ok(Self {
            tensors,
            trained,
            buffers,
        })
    }

    pub(super) fn find(&self, name: &str) -> Result<&TensorSpec, EngineError> {
        self.tensors
            .binary_search_by(|t| t.name.as_str().cmp(name))
            .map(|i| &self.tensors[i])
            .map_err(|_| EngineError::UnknownTensor {
                name: name.to_owned(),
            })
    }

    /// Place of the part `part` of layer `layer`.
    pub(super) fn range(&self, layer: &str, part: &str) -> Result<Range<usize>, EngineError> {
        Ok(self.find(&format!("{layer}.{part}"))?.range.clone())
    }
}
