//! `kit-profile-tower`: convolutions that keep positions, pooled to bins.

use candle_core::Tensor;
use degu_core::{
    Architecture, Ctx, Error, ModelIo, Network, OutputKind, Params, PluginConfig, Result,
    Sequences,
    graph::{Graph, NormStyle},
};
use degu_nn::GraphNetwork;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Two convolutions with pooling to the bins of the profile.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tower {
    /// Filters of both convolutions.
    #[schemars(range(min = 1))]
    filters: usize,
    /// Whether a last convolution makes the raw outputs itself, instead of features for the
    /// framework's dense layer.
    direct: bool,
}

impl Default for Tower {
    fn default() -> Self {
        Self {
            filters: 12,
            direct: false,
        }
    }
}

impl PluginConfig for Tower {}

impl Architecture for Tower {
    fn network(&self, io: &ModelIo, params: &Params<'_>) -> Result<Box<dyn Network>> {
        let OutputKind::Profile { bins } = io.output else {
            return Err(Error::Unsupported {
                operation: "kit-profile-tower".to_owned(),
                rule: "scalar output",
                help: "use it with a profile dataset",
            });
        };
        if bins == 0 || !io.length.is_multiple_of(bins) {
            return Err(Error::Shape {
                name: "bins",
                expected: "a divisor of the length",
                got: vec![bins, io.length],
            });
        }
        let mut graph = Graph::new(NormStyle::Torch)
            .conv("conv1", self.filters, 7)
            .batch_norm("norm1")
            .relu();
        if io.length > bins {
            graph = graph.avg_pool(io.length / bins);
        }
        graph = graph.conv("conv2", self.filters, 3).relu();
        if !self.direct {
            return GraphNetwork::boxed(graph, io, params);
        }
        let graph = graph.conv("profile", io.outputs, 5);
        Ok(Box::new(Direct(GraphNetwork::new(graph, io, params)?)))
    }
}

/// A network whose last layer is not dense.
struct Direct(GraphNetwork);

impl Network for Direct {
    fn features(&self) -> Option<usize> {
        None
    }

    fn forward(&self, x: &Sequences, ctx: &mut Ctx<'_>) -> Result<Tensor> {
        self.0.forward(x, ctx)
    }

    fn graph(&self) -> Option<&Graph> {
        self.0.graph()
    }
}

degu_core::register!(Architecture "kit-profile-tower", Tower, revision = 1, "convolutions that keep positions");
