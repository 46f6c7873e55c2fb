//! From a graph to blocks.

mod branches;
mod trim;
mod weighted;

use super::error::EngineError;
use super::filters::Rule;
use super::first;
use super::keep;
use super::layout::Layout;
use super::operators::{Attention, BiLstm, Operator};
use super::place;
use super::plan::{Block, Drop, Linear, Plan, Root, Source, Value};
use degu_core::graph::{self, Graph, Layer};
use degu_kernels::{Activation, Pool};
use trim::Step;

type Result<T> = std::result::Result<T, EngineError>;

/// Compiles `graph` for sequences of `length` bp.
pub(super) fn compile(graph: &Graph, length: usize, layout: &Layout, rule: Rule) -> Result<Plan> {
    let mut compiler = Compiler {
        layout,
        roots: vec![],
        blocks: vec![],
    };
    let codes = Flow {
        at: Source::Codes,
        shape: (length, 4),
        open: None,
    };
    let end = compiler.steps(&trim::trim(&graph.layers), codes)?;
    let Source::Value(output) = compiler.close(end, None)?.at else {
        return Err(EngineError::unsupported(
            "the network",
            "kernel for a network without layers",
        ));
    };
    // The result is read as one row of numbers.
    compiler.roots[output.root].flat = true;
    let Compiler { roots, blocks, .. } = compiler;
    let mut plan = Plan {
        length,
        roots,
        blocks,
        output,
        slots: vec![],
    };
    place::halos(&mut plan)?;
    place::products(&mut plan, rule);
    place::gradients(&mut plan);
    keep::decide(&mut plan);
    first::decide(&mut plan);
    Ok(plan)
}

/// How far the block under construction has come; a layer must come later than what is there, or it
/// starts a new block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Linear,
    Norm,
    Skip,
    Activation,
    Before,
    Pool,
    After,
}

/// The end of a chain of layers: a finished matrix, or a block under construction on one.
struct Flow {
    at: Source,
    /// Rows and columns at this end.
    shape: (usize, usize),
    open: Option<(Block, Stage)>,
}

struct Compiler<'a> {
    layout: &'a Layout,
    roots: Vec<Root>,
    blocks: Vec<Block>,
}

impl Compiler<'_> {
    fn steps(&mut self, steps: &[Step], flow: Flow) -> Result<Flow> {
        steps.iter().try_fold(flow, |flow, step| match step {
            Step::Layer(layer) => self.layer(layer, flow),
            Step::Residual { body, cut } => {
                self.residual(*cut, flow, |compiler, flow| compiler.steps(body, flow))
            }
        })
    }

    fn layers(&mut self, layers: &[Layer], flow: Flow) -> Result<Flow> {
        layers
            .iter()
            .try_fold(flow, |flow, layer| self.layer(layer, flow))
    }

    fn layer(&mut self, layer: &Layer, flow: Flow) -> Result<Flow> {
        match layer {
            Layer::Conv(c) => self.conv(c, flow),
            Layer::Dense(d) => self.dense(d, flow),
            Layer::BatchNorm(b) => {
                let norm = self.norm(b)?;
                self.extend(flow, Stage::Norm, |block| block.norm = Some(norm))
            }
            Layer::LayerNorm(n) => {
                let operator = Operator::LayerNorm {
                    gamma: self.layout.range(&n.name, "weight")?,
                    beta: self.layout.range(&n.name, "bias")?,
                    epsilon: n.epsilon,
                };
                let shape = flow.shape;
                self.operator(operator, shape, flow)
            }
            Layer::Activation(graph::Activation::Softmax) => {
                let shape = flow.shape;
                self.operator(Operator::Softmax, shape, flow)
            }
            Layer::BiLstm(l) => {
                let (rows, cols) = flow.shape;
                let operator = Operator::BiLstm(BiLstm::new(l, cols, self.layout)?);
                self.operator(operator, (rows, 2 * l.units), flow)
            }
            Layer::Attention(a) => {
                let (rows, cols) = flow.shape;
                let operator = Operator::Attention(Attention::new(a, cols, self.layout)?);
                self.operator(operator, (rows, a.channels), flow)
            }
            Layer::Crop(c) => {
                let (rows, cols) = flow.shape;
                let rows = rows.saturating_sub(c.left + c.right);
                self.operator(Operator::Crop { left: c.left }, (rows, cols), flow)
            }
            Layer::Activation(a) => {
                let activation = activation(*a)?;
                self.extend(flow, Stage::Activation, |block| {
                    block.activation = activation;
                })
            }
            Layer::Dropout(d) => {
                let drop = Some(Drop {
                    stream: stream(&d.name),
                    rate: d.p,
                });
                let late = matches!(&flow.open, Some((_, stage)) if *stage >= Stage::Before);
                if late {
                    self.extend(flow, Stage::After, |block| block.after = drop)
                } else {
                    self.extend(flow, Stage::Before, |block| block.before = drop)
                }
            }
            Layer::MaxPool(p) => self.pool(Pool::Max(p.size), p.stride, flow),
            Layer::AvgPool(p) => self.pool(Pool::Mean(p.size), p.stride, flow),
            Layer::GlobalMean => self.pool(Pool::Mean(flow.shape.0), flow.shape.0, flow),
            Layer::GlobalMax => self.pool(Pool::Max(flow.shape.0), flow.shape.0, flow),
            Layer::Flatten => self.flatten(flow),
            Layer::Residual(body) => self.residual((0, 0), flow, |c, flow| c.layers(body, flow)),
            Layer::Parallel(branches) => self.parallel(branches, flow),
            other => Err(EngineError::unsupported(
                other.label(),
                "kernel for this kind of layer",
            )),
        }
    }

    /// Adds to the block under construction, or starts one without linear part.
    fn extend(&mut self, flow: Flow, stage: Stage, set: impl FnOnce(&mut Block)) -> Result<Flow> {
        let mut flow = match &flow.open {
            Some((_, reached)) if *reached < stage => flow,
            _ => {
                let closed = self.close(flow, None)?;
                let Source::Value(input) = closed.at else {
                    return Err(EngineError::unsupported(
                        "input",
                        "kernel for a first layer other than a convolution",
                    ));
                };
                let block = Block::new(closed.at, Linear::None, input.rows, input.cols);
                Flow {
                    open: Some((block, Stage::Linear)),
                    ..closed
                }
            }
        };
        if let Some((block, reached)) = &mut flow.open {
            set(block);
            *reached = stage;
            flow.shape.0 = block.rows / block.pool.size();
        }
        Ok(flow)
    }

    /// Finishes the block under construction, writing into `target` or a new matrix.
    fn close(&mut self, flow: Flow, target: Option<Value>) -> Result<Flow> {
        let (rows, cols) = flow.shape;
        match (flow.open, target) {
            (None, None) => Ok(Flow { open: None, ..flow }),
            (None, Some(_)) => {
                let Source::Value(input) = flow.at else {
                    return Err(EngineError::unsupported(
                        "parallel",
                        "kernel for a branch that is the input itself",
                    ));
                };
                let copy = Block::new(flow.at, Linear::None, input.rows, input.cols);
                self.close(
                    Flow {
                        open: Some((copy, Stage::Linear)),
                        ..flow
                    },
                    target,
                )
            }
            (Some((mut block, _)), target) => {
                let output = target.unwrap_or_else(|| self.root(rows, cols));
                block.output = output;
                self.blocks.push(block);
                Ok(Flow {
                    at: Source::Value(output),
                    shape: (rows, cols),
                    open: None,
                })
            }
        }
    }

    /// A new matrix.
    fn root(&mut self, rows: usize, cols: usize) -> Value {
        let root = self.roots.len();
        self.roots.push(Root {
            rows,
            cols,
            front: 0,
            back: 0,
            flat: false,
            slot: 0,
        });
        Value {
            root,
            rows,
            row: 0,
            cols,
            col: 0,
            pitch: cols,
        }
    }

    /// A block that starts with another layer than a convolution of all channels.
    fn operator(&mut self, operator: Operator, shape: (usize, usize), flow: Flow) -> Result<Flow> {
        let closed = self.close(flow, None)?;
        if closed.at == Source::Codes {
            return Err(EngineError::unsupported(
                "input",
                "kernel for a first layer other than a convolution of all channels",
            ));
        }
        let block = Block::new(closed.at, Linear::Operator(operator), shape.0, shape.1);
        Ok(Flow {
            at: closed.at,
            shape,
            open: Some((block, Stage::Linear)),
        })
    }

    fn pool(&mut self, pool: Pool, stride: usize, flow: Flow) -> Result<Flow> {
        if stride != pool.size() {
            let (rows, cols) = flow.shape;
            let windows = graph::Pool {
                size: pool.size(),
                stride,
            };
            let rows = windows.output_length(rows);
            return self.operator(Operator::Windows { pool, stride }, (rows, cols), flow);
        }
        self.extend(flow, Stage::Pool, |block| block.pool = pool)
    }

    fn flatten(&mut self, flow: Flow) -> Result<Flow> {
        let closed = self.close(flow, None)?;
        let Source::Value(value) = closed.at else {
            return Err(EngineError::unsupported(
                "flatten",
                "kernel for flattened codes",
            ));
        };
        let (rows, cols) = closed.shape;
        if value.col != 0 || value.cols != self.roots[value.root].cols {
            return Err(EngineError::unsupported(
                "flatten",
                "kernel for flattening inside a branch",
            ));
        }
        self.roots[value.root].flat = true;
        let flat = Value {
            rows: 1,
            cols: rows * cols,
            pitch: rows * cols,
            ..value
        };
        Ok(Flow {
            at: Source::Value(flat),
            shape: (1, rows * cols),
            open: None,
        })
    }
}

fn activation(a: graph::Activation) -> Result<Activation> {
    use graph::Activation as From;
    Ok(match a {
        From::Relu => Activation::Relu,
        From::Silu => Activation::Silu,
        From::Elu => Activation::Elu,
        From::Gelu => Activation::Gelu,
        From::Softplus => Activation::Softplus,
        From::Sigmoid => Activation::Sigmoid,
        From::Tanh => Activation::Tanh,
        From::Exp => Activation::Exp,
        From::Softmax => {
            return Err(EngineError::unsupported(
                "softmax",
                "kernel for this activation",
            ));
        }
    })
}

/// The stream of masks of a dropout layer: FNV-1a of its name, so that adding a layer does not
/// change the others' masks.
pub(super) fn stream(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}
