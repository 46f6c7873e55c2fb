//! From a graph to blocks.

use super::error::EngineError;
use super::first;
use super::keep::{self, Keep};
use super::layout::Layout;
use super::plan::{Block, Drop, Linear, Norm, Plan, Root, Source, Value, Weights};
use super::special::{BiLstm, Groups, Special};
use degu_core::graph::{self, Graph, Layer};
use degu_kernels::{Activation, Pool};

type Result<T> = std::result::Result<T, EngineError>;

/// Compiles `graph` for sequences of `length` bp.
pub(super) fn compile(graph: &Graph, length: usize, layout: &Layout) -> Result<Plan> {
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
    let end = compiler.layers(&graph.layers, codes)?;
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
    halos(&mut plan)?;
    stack(&mut plan);
    gradients(&mut plan);
    keep::decide(&mut plan);
    first::decide(&mut plan);
    Ok(plan)
}

/// How far the block under construction has come; a layer must come later than what is there, or it starts a new block.
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
                let special = Special::LayerNorm {
                    gamma: self.layout.range(&n.name, "weight")?,
                    beta: self.layout.range(&n.name, "bias")?,
                    epsilon: n.epsilon,
                };
                let shape = flow.shape;
                self.special(special, shape, flow)
            }
            Layer::Activation(graph::Activation::Softmax) => {
                let shape = flow.shape;
                self.special(Special::Softmax, shape, flow)
            }
            Layer::BiLstm(l) => {
                let (rows, cols) = flow.shape;
                let special = Special::BiLstm(BiLstm::new(l, cols, self.layout)?);
                self.special(special, (rows, 2 * l.units), flow)
            }
            Layer::Crop(c) => {
                let (rows, cols) = flow.shape;
                let rows = rows.saturating_sub(c.left + c.right);
                self.special(Special::Crop { left: c.left }, (rows, cols), flow)
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
            Layer::Residual(body) => self.residual(body, flow),
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
            cols,
            col: 0,
            pitch: cols,
        }
    }

    fn conv(&mut self, c: &graph::Conv, flow: Flow) -> Result<Flow> {
        let (left, _) = c.pad();
        let rows = c.output_length(flow.shape.0).unwrap_or(0);
        if c.groups != 1 {
            return self.groups(c, left, rows, flow);
        }
        self.linear(
            &c.name,
            [c.width, c.dilation, left],
            (rows, c.filters),
            c.bias,
            flow,
        )
    }

    fn dense(&mut self, d: &graph::Dense, flow: Flow) -> Result<Flow> {
        let rows = flow.shape.0;
        self.linear(&d.name, [1, 1, 0], (rows, d.units), d.bias, flow)
    }

    fn linear(
        &mut self,
        name: &str,
        [taps, dilation, left]: [usize; 3],
        shape: (usize, usize),
        bias: bool,
        flow: Flow,
    ) -> Result<Flow> {
        let closed = self.close(flow, None)?;
        let (rows_in, c_in) = closed.shape;
        let (rows, c_out) = shape;
        let weights = Weights {
            taps,
            dilation,
            left,
            c_in,
            c_out,
            weight: self.layout.range(name, "weight")?,
            bias: if bias {
                Some(self.layout.range(name, "bias")?)
            } else {
                None
            },
            stacked: false,
        };
        let linear = match closed.at {
            Source::Codes => Linear::Lookup(weights),
            Source::Value(_) => Linear::Conv(weights),
        };
        let mut block = Block::new(closed.at, linear, rows, c_out);
        block.front = (taps - 1) * dilation - left;
        block.back = rows_in + left - rows;
        Ok(Flow {
            at: closed.at,
            shape,
            open: Some((block, Stage::Linear)),
        })
    }

    fn groups(&mut self, c: &graph::Conv, left: usize, rows: usize, flow: Flow) -> Result<Flow> {
        let (rows_in, c_in) = flow.shape;
        let weights = Weights {
            taps: c.width,
            dilation: c.dilation,
            left,
            c_in,
            c_out: c.filters,
            weight: self.layout.range(&c.name, "weight")?,
            bias: if c.bias {
                Some(self.layout.range(&c.name, "bias")?)
            } else {
                None
            },
            stacked: false,
        };
        let special = Special::Groups(Groups {
            weights,
            groups: c.groups,
        });
        let mut flow = self.special(special, (rows, c.filters), flow)?;
        if let Some((block, _)) = &mut flow.open {
            block.front = (c.width - 1) * c.dilation - left;
            block.back = rows_in + left - rows;
        }
        Ok(flow)
    }

    /// A block that starts with another layer than a convolution of all channels.
    fn special(&mut self, special: Special, shape: (usize, usize), flow: Flow) -> Result<Flow> {
        let closed = self.close(flow, None)?;
        if closed.at == Source::Codes {
            return Err(EngineError::unsupported(
                "input",
                "kernel for a first layer other than a convolution of all channels",
            ));
        }
        let block = Block::new(closed.at, Linear::Special(special), shape.0, shape.1);
        Ok(Flow {
            at: closed.at,
            shape,
            open: Some((block, Stage::Linear)),
        })
    }

    fn norm(&self, b: &graph::BatchNorm) -> Result<Norm> {
        Ok(Norm {
            gamma: self.layout.range(&b.name, "weight")?,
            beta: self.layout.range(&b.name, "bias")?,
            mean: self.layout.range(&b.name, "running_mean")?,
            var: self.layout.range(&b.name, "running_var")?,
            epsilon: b.epsilon,
            momentum: b.momentum,
            unbiased: b.unbiased,
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
            return self.special(Special::Windows { pool, stride }, (rows, cols), flow);
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

    fn residual(&mut self, body: &[Layer], flow: Flow) -> Result<Flow> {
        let closed = self.close(flow, None)?;
        let Source::Value(x) = closed.at else {
            return Err(EngineError::unsupported(
                "residual",
                "kernel for a skip connection around the first layer",
            ));
        };
        let mut end = self.layers(
            body,
            Flow {
                open: None,
                ..closed
            },
        )?;
        // A block without linear part that starts at x itself would read x twice: finish it first.
        let again = matches!(&end.open, Some((b, _)) if matches!(b.linear, Linear::None) && b.input == Source::Value(x));
        if again || end.open.is_none() {
            end = self.close(end, None)?;
        }
        match &mut end.open {
            Some((block, stage)) if *stage < Stage::Skip => {
                block.skip = Some(x);
                *stage = Stage::Skip;
                Ok(end)
            }
            Some((block, _)) => {
                block.add = Some(x);
                self.close(end, None)
            }
            None => self.extend(end, Stage::Skip, |block| block.skip = Some(x)),
        }
    }

    fn parallel(&mut self, branches: &[Vec<Layer>], flow: Flow) -> Result<Flow> {
        let closed = self.close(flow, None)?;
        let start = |closed: &Flow| Flow {
            at: closed.at,
            shape: closed.shape,
            open: None,
        };
        let mut ends = Vec::new();
        for branch in branches {
            ends.push(self.layers(branch, start(&closed))?);
        }
        let rows = ends.first().map_or(0, |e| e.shape.0);
        let total = ends.iter().map(|e| e.shape.1).sum();
        let joined = self.root(rows, total);
        let mut col = 0;
        for end in ends {
            let cols = end.shape.1;
            self.close(
                end,
                Some(Value {
                    cols,
                    col,
                    ..joined
                }),
            )?;
            col += cols;
        }
        Ok(Flow {
            at: Source::Value(joined),
            shape: (rows, total),
            open: None,
        })
    }
}

impl Block {
    fn new(input: Source, linear: Linear, rows: usize, channels: usize) -> Self {
        Self {
            input,
            linear,
            rows,
            channels,
            front: 0,
            back: 0,
            norm: None,
            skip: None,
            activation: Activation::Identity,
            before: None,
            pool: Pool::NONE,
            after: None,
            add: None,
            output: Value {
                root: usize::MAX,
                rows: 0,
                cols: 0,
                col: 0,
                pitch: 0,
            },
            keep: Keep::All,
            counted: false,
            input_accumulates: false,
            skip_accumulates: false,
            add_accumulates: false,
        }
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

/// The stream of masks of a dropout layer: FNV-1a of its name, so that adding a layer does not change the others' masks.
pub(super) fn stream(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Gives each matrix the zero rows that its readers need.
fn halos(plan: &mut Plan) -> Result<()> {
    for block in &plan.blocks {
        if let (Source::Value(x), Some(w)) = (&block.input, block.weights()) {
            let root = &mut plan.roots[x.root];
            root.front = root.front.max(w.left);
            root.back = root
                .back
                .max((block.rows + (w.taps - 1) * w.dilation).saturating_sub(w.left + x.rows));
            if root.flat && root.front + root.back > 0 {
                return Err(EngineError::unsupported(
                    "flatten",
                    "kernel for a matrix that is both flattened and convolved",
                ));
            }
        }
    }
    Ok(())
}

/// Rows of a sequence up to which the dense layers of a chunk are computed as one product.
const STACKED_ROWS: usize = 16;

fn stack(plan: &mut Plan) {
    for b in 0..plan.blocks.len() {
        let Source::Value(x) = plan.blocks[b].input else {
            continue;
        };
        let contiguous = plan.contiguous(&x);
        let block = &mut plan.blocks[b];
        if let Linear::Conv(w) = &mut block.linear {
            w.stacked = w.taps == 1 && block.rows <= STACKED_ROWS && contiguous;
        }
    }
}

/// Decides which gradients accumulate, and gives matrices whose gradients never live together the same place.
fn gradients(plan: &mut Plan) {
    let mut live = vec![false; plan.roots.len()];
    // Matrices that a stacked product reads or writes lie densely, so they get a place of their own.
    let mut dense = vec![false; plan.roots.len()];
    for block in &plan.blocks {
        if let (Source::Value(x), true) = (block.input, block.product()) {
            dense[x.root] = true;
        }
    }
    let mut free: Vec<usize> = vec![];
    let Plan {
        roots,
        blocks,
        slots,
        output,
        ..
    } = plan;
    let mut claim =
        |roots: &mut Vec<Root>, live: &mut Vec<bool>, free: &mut Vec<usize>, root: usize| {
            let met = live[root];
            if !met {
                live[root] = true;
                let reused = if dense[root] { None } else { free.pop() };
                let slot = reused.unwrap_or_else(|| {
                    slots.push(0);
                    slots.len() - 1
                });
                slots[slot] = slots[slot].max(roots[root].elements());
                roots[root].slot = slot;
            }
            met
        };
    claim(roots, &mut live, &mut free, output.root);
    // A matrix of branches is done when the first of its writers is.
    let mut first_writer = vec![usize::MAX; roots.len()];
    for (b, block) in blocks.iter().enumerate().rev() {
        first_writer[block.output.root] = b;
    }
    for (b, block) in blocks.iter_mut().enumerate().rev() {
        if let Some(add) = block.add {
            block.add_accumulates = claim(roots, &mut live, &mut free, add.root);
        }
        if let Some(skip) = block.skip {
            block.skip_accumulates = claim(roots, &mut live, &mut free, skip.root);
        }
        if let Source::Value(x) = block.input {
            block.input_accumulates = claim(roots, &mut live, &mut free, x.root);
        }
        let done = block.output.root;
        if first_writer[done] == b && !dense[done] {
            free.push(roots[done].slot);
        }
    }
}
