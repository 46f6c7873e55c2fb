//! Networks that interpret a graph with the operations of this crate.

use candle_core::{DType, Tensor};
use degu_core::{
    Ctx, Error, ModelIo, Network, Params, Result, Sequences,
    graph::{Activation, Attention, Crop, Graph, Layer, ParameterSpec, Pool, Shape},
};

use crate::ops::{
    self, AttentionTensors, BatchNormOptions, BatchNormTensors, ConvOptions, LstmTensors,
};

/// A network made of a [`Graph`].
#[derive(Debug)]
pub struct GraphNetwork {
    graph: Graph,
    length: usize,
    features: usize,
    dtype: DType,
    steps: Vec<Step>,
}

impl GraphNetwork {
    /// The network of a graph for inputs of `io.length` bp, with its parameters from `params`.
    ///
    /// # Errors
    ///
    /// [`Error::Layer`] naming the first layer that does not fit its input.
    pub fn new(graph: Graph, io: &ModelIo, params: &Params<'_>) -> Result<Self> {
        let specs = graph.parameters(io.length)?;
        let features = graph.features(io.length)?;
        let mut builder = Builder {
            params,
            specs: specs.iter(),
            last: String::new(),
        };
        let steps = builder.steps(&graph.layers)?;
        Ok(Self {
            graph,
            length: io.length,
            features,
            dtype: params.dtype(),
            steps,
        })
    }

    /// As [`new`](Self::new), boxed: what an architecture returns.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn boxed(graph: Graph, io: &ModelIo, params: &Params<'_>) -> Result<Box<dyn Network>> {
        Ok(Box::new(Self::new(graph, io, params)?))
    }

    /// Shape of the features of one sequence.
    ///
    /// # Errors
    ///
    /// As [`Graph::output`].
    pub fn output(&self) -> Result<Shape> {
        self.graph.output(self.length)
    }
}

impl Network for GraphNetwork {
    fn features(&self) -> Option<usize> {
        Some(self.features)
    }

    fn forward(&self, x: &Sequences, ctx: &mut Ctx<'_>) -> Result<Tensor> {
        let (n, length) = x.dims()?;
        if n == 0 {
            return Err(Error::Shape {
                name: "sequences",
                expected: "[N, L] or [N, L, 4] with N at least 1",
                got: vec![n, length],
            });
        }
        if length != self.length {
            return Err(Error::Layer {
                layer: "input".to_owned(),
                rule: "sequences have the length the network was built for",
                found: format!("{length} bp instead of {}", self.length),
            });
        }
        let flow = run(&self.steps, Flow::Sequences(x), self.dtype, ctx)?;
        flow.tensor(self.dtype)
    }

    fn graph(&self) -> Option<&Graph> {
        Some(&self.graph)
    }
}

/// What passes between two layers; sequences stay codes until a layer needs numbers.
#[derive(Clone)]
enum Flow<'a> {
    Sequences(&'a Sequences),
    Tensor(Tensor),
}

impl Flow<'_> {
    fn tensor(self, dtype: DType) -> Result<Tensor> {
        match self {
            Self::Sequences(x) => x.one_hot(dtype),
            Self::Tensor(t) => Ok(t),
        }
    }
}

#[derive(Debug)]
struct Step {
    /// Path under which a tap sees the output.
    path: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Conv {
        weight: Tensor,
        bias: Option<Tensor>,
        options: ConvOptions,
    },
    Dense {
        weight: Tensor,
        bias: Option<Tensor>,
    },
    BatchNorm {
        name: String,
        tensors: BatchNormTensors,
        options: BatchNormOptions,
    },
    LayerNorm {
        weight: Tensor,
        bias: Tensor,
        epsilon: f64,
    },
    Activation(Activation),
    MaxPool(Pool),
    AvgPool(Pool),
    Crop(Crop),
    GlobalMean,
    GlobalMax,
    Dropout {
        name: String,
        p: f64,
    },
    Flatten,
    Residual(Vec<Step>),
    Parallel(Vec<Vec<Step>>),
    BiLstm(Box<[LstmTensors; 2]>),
    Attention(Box<AttentionTensors>),
}

/// Takes tensors in the order in which the graph lists them.
struct Builder<'a, 'p> {
    params: &'a Params<'p>,
    specs: std::slice::Iter<'a, ParameterSpec>,
    last: String,
}

impl Builder<'_, '_> {
    fn steps(&mut self, layers: &[Layer]) -> Result<Vec<Step>> {
        layers.iter().map(|layer| self.step(layer)).collect()
    }

    fn next(&mut self) -> Result<Tensor> {
        match self.specs.next() {
            Some(p) => self.params.get(&p.name, &p.shape, p.init),
            None => Err(Error::Layer {
                layer: self.last.clone(),
                rule: "a graph lists every tensor of its layers",
                found: "fewer tensors".to_owned(),
            }),
        }
    }

    fn optional(&mut self, present: bool) -> Result<Option<Tensor>> {
        if present {
            self.next().map(Some)
        } else {
            Ok(None)
        }
    }

    fn step(&mut self, layer: &Layer) -> Result<Step> {
        let path = match layer {
            Layer::Conv(_)
            | Layer::Dense(_)
            | Layer::BatchNorm(_)
            | Layer::LayerNorm(_)
            | Layer::Dropout(_)
            | Layer::BiLstm(_)
            | Layer::Attention(_) => layer.label(),
            _ if self.last.is_empty() => layer.label(),
            _ => format!("{}/{}", self.last, layer.label()),
        };
        self.last.clone_from(&path);
        let kind = match layer {
            Layer::Conv(c) => Kind::Conv {
                weight: self.next()?,
                bias: self.optional(c.bias)?,
                options: ConvOptions::of(c),
            },
            Layer::Dense(d) => Kind::Dense {
                weight: self.next()?,
                bias: self.optional(d.bias)?,
            },
            Layer::BatchNorm(b) => Kind::BatchNorm {
                name: self.params.path_of(&b.name),
                tensors: BatchNormTensors {
                    weight: self.next()?,
                    bias: self.next()?,
                    running_mean: self.next()?,
                    running_var: self.next()?,
                },
                options: BatchNormOptions::of(b),
            },
            Layer::LayerNorm(l) => Kind::LayerNorm {
                weight: self.next()?,
                bias: self.next()?,
                epsilon: l.epsilon,
            },
            Layer::Activation(a) => Kind::Activation(*a),
            Layer::MaxPool(p) => Kind::MaxPool(*p),
            Layer::AvgPool(p) => Kind::AvgPool(*p),
            Layer::Crop(c) => Kind::Crop(*c),
            Layer::GlobalMean => Kind::GlobalMean,
            Layer::GlobalMax => Kind::GlobalMax,
            Layer::Dropout(d) => Kind::Dropout {
                name: self.params.path_of(&d.name),
                p: d.p,
            },
            Layer::Flatten => Kind::Flatten,
            Layer::Residual(body) => Kind::Residual(self.steps(body)?),
            Layer::Parallel(branches) => Kind::Parallel(
                branches
                    .iter()
                    .map(|b| self.steps(b))
                    .collect::<Result<_>>()?,
            ),
            Layer::BiLstm(_) => Kind::BiLstm(Box::new([self.direction()?, self.direction()?])),
            Layer::Attention(a) => Kind::Attention(Box::new(self.attention(a)?)),
            other => {
                return Err(Error::Unsupported {
                    operation: other.label(),
                    rule: "interpreter in degu-nn",
                    help: "implement `Network` with the functions of `degu_nn::ops`",
                });
            }
        };
        Ok(Step { path, kind })
    }

    fn attention(&mut self, a: &Attention) -> Result<AttentionTensors> {
        let mut map = |bias: bool| -> Result<_> { Ok((self.next()?, self.optional(bias)?)) };
        let query = map(a.project_bias)?;
        let key = map(a.project_bias)?;
        let value = map(a.project_bias)?;
        let (output, output_bias) = map(a.output_bias)?;
        Ok(AttentionTensors {
            project: [query.0, key.0, value.0],
            project_bias: match (query.1, key.1, value.1) {
                (Some(q), Some(k), Some(v)) => Some([q, k, v]),
                _ => None,
            },
            output,
            output_bias,
            heads: a.heads,
        })
    }

    fn direction(&mut self) -> Result<LstmTensors> {
        Ok(LstmTensors {
            weight: self.next()?,
            recurrent: self.next()?,
            bias: self.next()?,
        })
    }
}

fn run<'a>(steps: &[Step], x: Flow<'a>, dtype: DType, ctx: &mut Ctx<'_>) -> Result<Flow<'a>> {
    let mut flow = x;
    for step in steps {
        let y = step.kind.apply(flow, dtype, ctx)?;
        ctx.tap(&step.path, &y);
        flow = Flow::Tensor(y);
    }
    Ok(flow)
}

impl Kind {
    fn apply(&self, x: Flow<'_>, dtype: DType, ctx: &mut Ctx<'_>) -> Result<Tensor> {
        let x = match (self, x) {
            (
                Self::Conv {
                    weight,
                    bias,
                    options,
                },
                Flow::Sequences(Sequences::Codes(codes)),
            ) if options.groups == 1 => {
                return ops::conv1d_codes(codes, weight, bias.as_ref(), options);
            }
            (Self::Residual(body), x) => {
                let y = run(body, x.clone(), dtype, ctx)?.tensor(dtype)?;
                return Ok((x.tensor(dtype)? + y)?);
            }
            (Self::Parallel(branches), x) => {
                let mut parts = Vec::with_capacity(branches.len());
                for branch in branches {
                    parts.push(run(branch, x.clone(), dtype, ctx)?.tensor(dtype)?);
                }
                let axis = parts.first().map_or(1, |p| p.rank() - 1);
                return Ok(Tensor::cat(&parts, axis)?);
            }
            (_, x) => x.tensor(dtype)?,
        };
        match self {
            Self::Conv {
                weight,
                bias,
                options,
            } => ops::conv1d(&x, weight, bias.as_ref(), options),
            Self::Dense { weight, bias } => ops::linear(&x, weight, bias.as_ref()),
            Self::BatchNorm {
                name,
                tensors,
                options,
            } => ops::batch_norm(&x, tensors, *options, name, ctx),
            Self::LayerNorm {
                weight,
                bias,
                epsilon,
            } => ops::layer_norm(&x, weight, bias, *epsilon, ctx),
            Self::Activation(a) => ops::activation(&x, *a, ctx),
            Self::MaxPool(p) => ops::max_pool(&x, *p, ctx),
            Self::AvgPool(p) => ops::avg_pool(&x, *p),
            Self::Crop(c) => {
                let length = x.dim(1)?;
                Ok(x.narrow(1, c.left, length - c.left - c.right)?
                    .contiguous()?)
            }
            Self::GlobalMean => ops::global_mean(&x),
            Self::GlobalMax => ops::global_max(&x, ctx),
            Self::Dropout { name, p } => ops::dropout(&x, *p, name, ctx),
            Self::Flatten => Ok(x.flatten_from(1)?),
            Self::BiLstm(d) => ops::bi_lstm(&x, &d[0], &d[1], ctx),
            Self::Attention(tensors) => ops::attention(&x, tensors, ctx),
            Self::Residual(_) | Self::Parallel(_) => Ok(x),
        }
    }
}
