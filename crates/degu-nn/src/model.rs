//! A network with its last dense layer and its head.

use candle_core::{DType, Tensor};
use degu_core::{
    Architecture, Ctx, Error, Head, Mode, ModelIo, Network, Params, Prediction, Predictor, Result,
    Seed, Sequences,
    graph::{Dense, Graph, Init, InitRule, Layer},
};

use crate::ops;

/// Name of the last dense layer.
pub const HEAD: &str = "head";

/// What is trained, saved and asked for predictions: an architecture's network, the dense layer
/// `head` that turns its features into raw outputs, and an uncertainty head that gives them a
/// meaning.
pub struct Model {
    network: Box<dyn Network>,
    dense: Option<(Tensor, Tensor)>,
    head: Box<dyn Head>,
    graph: Option<Graph>,
    length: usize,
    dtype: DType,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("graph", &self.graph)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Builds the network and its last layer, `head.weight` `[F, O]` and `head.bias` `[O]` (zeros),
    /// with tensors from `params`.
    ///
    /// # Errors
    ///
    /// [`Error::Layer`] if the layers do not fit or `io.outputs` is not what the head needs.
    pub fn new(
        architecture: &dyn Architecture,
        head: Box<dyn Head>,
        io: &ModelIo,
        params: &Params<'_>,
    ) -> Result<Self> {
        if io.outputs != head.outputs() {
            return Err(Error::Layer {
                layer: HEAD.to_owned(),
                rule: "a network gives as many raw outputs as its head needs",
                found: format!("{} for a head of {}", io.outputs, head.outputs()),
            });
        }
        let network = architecture.network(io, params)?;
        let dense = match network.features() {
            None => None,
            Some(features) => {
                let at = params.pp(HEAD);
                let weight = at.get(
                    "weight",
                    &[features, io.outputs],
                    architecture.head_init(features, io.outputs),
                )?;
                Some((weight, at.get("bias", &[io.outputs], Init::Constant(0.0))?))
            }
        };
        let graph = network.graph().cloned().map(|graph| match dense {
            None => graph,
            Some(_) => graph.layer(Layer::Dense(Dense {
                name: HEAD.to_owned(),
                units: io.outputs,
                bias: true,
                init: InitRule::GlorotUniform,
            })),
        });
        Ok(Self {
            network,
            dense,
            head,
            graph,
            length: io.length,
            dtype: params.dtype(),
        })
    }

    /// The description of the whole network with the layer `head`, where the architecture has one.
    /// Its names and shapes are those of the parameters; initial values of `head` come from
    /// [`Architecture::head_init`] and not from the description.
    pub fn graph(&self) -> Option<&Graph> {
        self.graph.as_ref()
    }

    /// The [description](Self::graph) and the head, without the network.
    pub fn into_parts(self) -> (Option<Graph>, Box<dyn Head>) {
        (self.graph, self.head)
    }

    /// The uncertainty head.
    pub fn head(&self) -> &dyn Head {
        self.head.as_ref()
    }

    /// The network below the last dense layer.
    pub fn network(&self) -> &dyn Network {
        self.network.as_ref()
    }

    /// Features before the last dense layer, `[N, F]` or `[N, B, F]`, or raw outputs of a network
    /// that makes them itself.
    ///
    /// # Errors
    ///
    /// As [`Network::forward`].
    pub fn features(&self, x: &Sequences, ctx: &mut Ctx<'_>) -> Result<Tensor> {
        self.network.forward(x, ctx)
    }

    /// Raw outputs, `[N, O]` or `[N, B, O]`.
    ///
    /// # Errors
    ///
    /// As [`Network::forward`].
    pub fn raw(&self, x: &Sequences, ctx: &mut Ctx<'_>) -> Result<Tensor> {
        let features = self.features(x, ctx)?;
        let Some((weight, bias)) = &self.dense else {
            return Ok(features);
        };
        let raw = ops::linear(&features, weight, Some(bias))?;
        ctx.tap(HEAD, &raw);
        Ok(raw)
    }

    /// The mean over passes with dropout; the spread between them (ddof 1) is the epistemic part.
    fn sampled(&self, x: &Sequences, passes: usize) -> Result<Prediction> {
        let streams = match x {
            Sequences::Codes(codes) => {
                let rows = codes.to_vec2::<u8>()?;
                Some(
                    rows.iter()
                        .map(|row| ops::sequence_stream(row))
                        .collect::<Vec<_>>(),
                )
            }
            Sequences::OneHot(_) => None,
        };
        let mut all = Vec::with_capacity(passes);
        for pass in 0..passes {
            let masks = streams.as_ref().map(|s| ops::sequence_masks(s, pass));
            let mut ctx = Ctx::new(Mode::Sample {
                dropout: Seed::root(0).child("samples"),
                step: pass as u64,
            });
            if let Some(masks) = &masks {
                ctx = ctx.with_masks(masks);
            }
            let raw = self.raw(x, &mut ctx)?;
            all.push(self.head.predict(&raw, &mut ctx)?);
        }
        let over = |values: Vec<&Tensor>| Tensor::stack(&values, 0);
        let means = over(all.iter().map(|p| &p.mean).collect())?;
        let mean = means.mean(0)?;
        let squares = means.broadcast_sub(&mean)?.sqr()?.sum(0)?;
        let spread = (squares / (passes as f64 - 1.0).max(1.0))?.sqrt()?;
        let mut prediction = Prediction::of_mean(mean);
        prediction.epistemic = Some(spread);
        let aleatoric: Vec<_> = all.iter().filter_map(|p| p.aleatoric.as_ref()).collect();
        if aleatoric.len() == passes {
            prediction.aleatoric = Some(over(aleatoric)?.sqr()?.mean(0)?.sqrt()?);
        }
        Ok(prediction)
    }
}

impl Predictor for Model {
    /// In the mode `Eval`, heads with stochastic passes average them; in every other mode there is
    /// one pass.
    fn forward(&self, x: &Sequences, ctx: &mut Ctx<'_>) -> Result<Prediction> {
        let passes = self.head.stochastic_passes();
        if passes > 0 && matches!(ctx.mode(), Mode::Eval) {
            return self.sampled(x, passes);
        }
        let raw = self.raw(x, ctx)?;
        self.head.predict(&raw, ctx)
    }

    fn dtype(&self) -> DType {
        self.dtype
    }

    fn length(&self) -> Option<usize> {
        Some(self.length)
    }
}
