//! Networks, heads, and what predicts.

use candle_core::{DType, Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Ctx, Error, OutputKind, Result, Sequences,
    graph::{Graph, Init, Shape},
};

/// What a network is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIo {
    /// Length `L` in bp.
    pub length: usize,
    /// Raw outputs `O` per sequence or per bin: what the uncertainty head needs.
    pub outputs: usize,
    /// Scalar or profile.
    pub output: OutputKind,
}

/// Gives a network its parameters: `get` returns the tensor of a path, drawn from the path's own
/// stream when it is new.
pub trait TensorSource {
    /// The tensor with this path and shape.
    fn tensor(&self, path: &str, shape: &[usize], init: Init) -> Result<Tensor>;
    /// The type of the parameters.
    fn dtype(&self) -> DType;
    /// Where they live.
    fn device(&self) -> &Device;
    /// The network of a graph with these parameters; `params` is a place among them.
    fn network(&self, graph: Graph, io: &ModelIo, params: &Params<'_>) -> Result<Box<dyn Network>>;
}

/// A place in the tree of parameter names.
#[derive(Clone)]
pub struct Params<'a> {
    backend: &'a dyn TensorSource,
    path: String,
}

impl<'a> Params<'a> {
    /// The root.
    pub fn new(backend: &'a dyn TensorSource) -> Self {
        Self {
            backend,
            path: String::new(),
        }
    }

    /// The place `name` below this one.
    pub fn pp(&self, name: &str) -> Self {
        Self {
            backend: self.backend,
            path: self.path_of(name),
        }
    }

    /// Full path of `name` below this place.
    pub fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// The tensor `name` below this place.
    ///
    /// # Errors
    ///
    /// If it exists with another shape.
    pub fn get(&self, name: &str, shape: &[usize], init: Init) -> Result<Tensor> {
        self.backend.tensor(&self.path_of(name), shape, init)
    }

    /// The type of the parameters.
    pub fn dtype(&self) -> DType {
        self.backend.dtype()
    }

    /// The network of a graph, with its parameters below this place.
    ///
    /// # Errors
    ///
    /// [`Error::Layer`] naming the first layer that does not fit its input.
    pub fn network(&self, graph: Graph, io: &ModelIo) -> Result<Box<dyn Network>> {
        self.backend.network(graph, io, self)
    }

    /// Where the parameters live.
    pub fn device(&self) -> &Device {
        self.backend.device()
    }
}

/// A family of networks.
pub trait Architecture: Send + Sync {
    /// Builds the layers. The path of a layer is the name of its tensors in checkpoints.
    ///
    /// Most families are a [`GraphArchitecture`] instead, which trains with the fused engine. One
    /// whose layers depend on `io` returns `params.network(graph, io)`, and one that needs more
    /// freedom implements [`Network`] with the layers of `degu_nn`.
    fn network(&self, io: &ModelIo, params: &Params<'_>) -> Result<Box<dyn Network>>;

    /// Initial values of the last dense layer, which belongs to the framework; Glorot uniform
    /// unless the family has a rule.
    fn head_init(&self, features: usize, outputs: usize) -> Init {
        Init::glorot_uniform(features, outputs)
    }
}

/// A family of networks that is described by a graph: its layers depend on the parameters of the
/// plugin alone.
pub trait GraphArchitecture: Send + Sync {
    /// The layers before the head.
    fn graph(&self) -> Graph;

    /// As [`Architecture::head_init`].
    fn head_init(&self, features: usize, outputs: usize) -> Init {
        Init::glorot_uniform(features, outputs)
    }
}

impl<A: GraphArchitecture> Architecture for A {
    fn network(&self, io: &ModelIo, params: &Params<'_>) -> Result<Box<dyn Network>> {
        let graph = self.graph();
        if let OutputKind::Profile { bins } = io.output {
            let keeps = matches!(graph.output(io.length)?, Shape::Sequence { length, .. } if length == bins);
            if !keeps {
                let name = std::any::type_name::<A>();
                return Err(Error::Unsupported {
                    operation: name.rsplit("::").next().unwrap_or(name).to_owned(),
                    rule: "profile output",
                    help: "use an architecture that keeps one position for each bin",
                });
            }
        }
        params.network(graph, io)
    }

    fn head_init(&self, features: usize, outputs: usize) -> Init {
        GraphArchitecture::head_init(self, features, outputs)
    }
}

/// A network with its parameters.
pub trait Network: Send + Sync {
    /// Width `F` of the features, which the framework turns into raw outputs by one dense layer
    /// `[F, O]`; `None` if the network makes the raw outputs itself, because its last layer is not
    /// dense (the wide profile convolution of BPNet).
    fn features(&self) -> Option<usize>;

    /// `N` sequences of length `L` to features, `[N, F]` or `[N, B, F]`, or to raw outputs, `[N,
    /// O]` or `[N, B, O]`.
    ///
    /// Codes and their one-hot tensor must give the same result; gradients are taken only of the
    /// one-hot tensor.
    fn forward(&self, x: &Sequences, ctx: &mut Ctx<'_>) -> Result<Tensor>;

    /// The description of the network, where it has one: the key to the fused engine.
    fn graph(&self) -> Option<&Graph> {
        None
    }
}

/// A predicted value with its spread; each tensor is `[N, T]` or `[N, B, T]`, in units of the
/// target.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// Mean.
    pub mean: Tensor,
    /// Standard deviation between ensemble members, or a student's estimate of it.
    pub epistemic: Option<Tensor>,
    /// Standard deviation of the measurement, between replicates.
    pub aleatoric: Option<Tensor>,
    /// Predicted quantiles.
    pub quantiles: Option<Quantiles>,
    /// Further outputs by name (the total count of a profile head).
    pub parts: std::collections::BTreeMap<String, Tensor>,
}

impl Prediction {
    /// A prediction with a mean and nothing else.
    pub fn of_mean(mean: Tensor) -> Self {
        Self {
            mean,
            epistemic: None,
            aleatoric: None,
            quantiles: None,
            parts: std::collections::BTreeMap::new(),
        }
    }
}

/// Predicted quantiles.
#[derive(Debug, Clone)]
pub struct Quantiles {
    /// Levels, ascending, in (0, 1).
    pub levels: Vec<f64>,
    /// Values, `[N, T, Q]` or `[N, B, T, Q]`.
    pub values: Tensor,
}

/// Values of which some may be missing.
#[derive(Debug, Clone)]
pub struct Masked {
    /// Values, `[N, T]` or `[N, B, T]`; 0 where missing, never NaN.
    pub value: Tensor,
    /// 1 where known, 0 where missing; times the weight of the row.
    pub mask: Tensor,
}

/// What a loss compares raw outputs with.
///
/// Which of them are measurements and which are the teacher's is decided where labels are assembled
/// (a student trains on the teacher's mean and stops on the measured one); a head sees values and
/// masks only.
#[derive(Debug, Clone)]
pub struct Targets {
    /// Activity.
    pub mean: Masked,
    /// Standard deviation between the members of the teacher.
    pub epistemic: Option<Masked>,
    /// Standard deviation between replicates.
    pub aleatoric: Option<Masked>,
}

/// What a head needs in [`Targets`] beyond the activity; known at plan time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Components {
    /// Standard deviations between replicates.
    pub aleatoric: bool,
    /// Standard deviations between the members of a teacher.
    pub epistemic: bool,
}

/// How the known values of a row are weighed in a loss, beside the weight of the row itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelWeights {
    /// All alike.
    #[default]
    Rows,
    /// By the barcodes `n` behind a value, `n / (n + half)`: the inverse of a variance of which a
    /// part falls with `n`. A value whose number of barcodes is unknown has the weight 1.
    Barcodes {
        /// Number of barcodes at which the weight is one half, positive.
        half: f64,
    },
}

impl LabelWeights {
    /// Weight of a value with `barcodes` barcodes.
    pub fn of(self, barcodes: f32) -> f32 {
        match self {
            Self::Barcodes { half } if barcodes.is_finite() => {
                (f64::from(barcodes) / (f64::from(barcodes) + half)) as f32
            }
            _ => 1.0,
        }
    }
}

/// How a student learns a spread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// As a standard deviation.
    #[default]
    Std,
    /// As the logarithm of a variance with a floor, `ln(var + floor^2)` with floor = 1e-3 times the
    /// task's standard deviation.
    LogVar,
}

/// What a head is told about the labels before training; saved in the model card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelInfo {
    /// Names of the `T` tasks.
    pub tasks: Vec<String>,
    /// Mean of each task's training targets.
    pub mean: Vec<f64>,
    /// Standard deviation of each task's training targets (ddof 0); the scale of floors.
    pub std: Vec<f64>,
    /// Whether targets have an epistemic part.
    pub epistemic: bool,
    /// Whether targets have an aleatoric part.
    pub aleatoric: bool,
    /// How spreads are learned.
    pub spread: Spread,
}

/// Turns raw outputs into a loss and into a prediction.
pub trait UncertaintyHead: Send + Sync {
    /// What the stage must provide.
    fn labels(&self) -> Components;
    /// Whether predictions have an epistemic part, given what the labels have.
    fn components(&self, labels: Components) -> Components;
    /// Whether predictions have quantiles.
    fn has_quantiles(&self) -> bool {
        false
    }
    /// How it wants the values of a row weighed.
    fn weights(&self) -> LabelWeights {
        LabelWeights::Rows
    }
    /// The head for given labels.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if the labels lack what the head needs.
    fn bind(&self, info: &LabelInfo) -> Result<Box<dyn Head>>;
}

/// A head bound to its labels.
pub trait Head: Send + Sync {
    /// Number of raw outputs `O`. Columns: mean x T, then aleatoric x T, then epistemic x T, as far
    /// as they exist.
    fn outputs(&self) -> usize;

    /// Mean loss over the known values of the batch, a scalar.
    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor>;

    /// Prediction; nonlinearities (softplus, exp) go through `degu_nn::ops` with `ctx` so that they
    /// can be attributed.
    fn predict(&self, raw: &Tensor, ctx: &mut Ctx<'_>) -> Result<Prediction>;

    /// Number of forward passes with dropout that a prediction averages; 0 for one deterministic
    /// pass.
    fn stochastic_passes(&self) -> usize {
        0
    }
}
