//! The training engine: a graph compiled to fused passes over base codes, in f32 on the CPU.
//!
//! *For*: training and prediction at full speed with the kernels of `degu-kernels`, one allocation
//! per engine, no tape; on GPUs the [`device`] engine. *Not for*: layers without a kernel
//! ([`EngineError::Unsupported`] names them; the autograd network runs every graph), other
//! precisions.
//!
//! # Determinism
//!
//! The batch is cut into a fixed number of chunks and partial sums are added in their order:
//! outputs, gradients and updates have the same bits for any number of threads. They differ in the
//! last bits between instruction sets.
//!
//! # Threads
//!
//! Work runs on the rayon pool that the caller is in (`pool.install(|| ..)`), in `threads` parts;
//! with one thread no pool is touched, so several engines can train side by side on threads of
//! their own.
//!
//! ```
//! use degu_core::graph::{Graph, NormStyle};
//! use degu_nn::engine::{AdamStep, DropoutSeed, Engine};
//! let graph = Graph::new(NormStyle::Torch).conv("conv1", 8, 5).batch_norm("norm1").relu().max_pool(2).flatten().dense("head", 1);
//! let mut engine = Engine::new(&graph, 12, 4, 1)?;
//! # let n = engine.read("head.weight")?.len();
//! engine.load("head.weight", &vec![0.1; n])?;
//! let codes = [0u8, 1, 2, 3, 0, 1, 2, 3, 4, 0, 1, 2].repeat(3);
//! let outputs = engine.forward_train(&codes, 3, DropoutSeed(7))?;
//! assert_eq!(outputs.len(), 3);
//! engine.backward(&[0.1, -0.2, 0.3])?;
//! engine.adam(&AdamStep::default());
//! # Ok::<(), degu_nn::engine::EngineError>(())
//! ```

mod arena;
mod backward;
mod compile;
mod convolution;
pub mod device;
mod error;
mod filters;
mod first;
mod forward;
mod keep;
mod layout;
mod norm;
mod operator_passes;
mod operators;
mod optimizer;
mod pass;
mod place;
mod plan;
mod predict;
mod probe;
mod recalibrate;
mod saliency;
mod strides;
#[cfg(test)]
mod tests;
mod train;

pub use degu_kernels::{AdamStep, Isa};
pub use error::EngineError;
pub use layout::TensorSpec;
pub use probe::{Edit, PairMultipliers, Probe, Slopes};

use arena::{Arena, Partials};
use degu_core::graph::Graph;
use filters::{Filters, Rule};
use forward::Op;
use layout::Layout;
use norm::Batch;
use operators::OperatorWeights;
use pass::{BlockWeights, Coefficients, Mode, Pass};
use plan::{Linear, Plan};

type Result<T> = std::result::Result<T, EngineError>;

/// The random stream of one training step: dropout masks are a hash of it, the layer's name, the
/// sample's place in the batch and the element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropoutSeed(pub u64);

/// A network that trains and predicts. See the [module](self).
#[derive(Debug)]
pub struct Engine {
    isa: Isa,
    threads: usize,
    capacity: usize,
    plan: Plan,
    layout: Layout,
    partials: Partials,
    parameters: Vec<f32>,
    buffers: Vec<f32>,
    gradients: Vec<f32>,
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
    steps: u64,
    weights: Vec<BlockWeights>,
    /// Whether the packed weights are those of `parameters`: for the forward pass, for the backward
    /// pass.
    packed: [bool; 2],
    norms: Vec<Coefficients>,
    running: Vec<Coefficients>,
    running_fresh: bool,
    batches: Vec<Batch>,
    forward_phases: Vec<(Vec<Op>, Option<usize>)>,
    backward_phases: Vec<(Vec<Op>, Option<usize>)>,
    arenas: Vec<Arena>,
    inference: Vec<Arena>,
    codes: Vec<u8>,
    outputs: Vec<f32>,
    pending: Option<Pending>,
}

/// The training pass that a backward pass and an update belong to.
#[derive(Clone, Copy, Debug)]
struct Pending {
    count: usize,
    seed: u64,
    differentiated: bool,
}

impl Engine {
    /// Compiles `graph` for sequences of `length` bp and batches of up to `max_batch`, on `threads`
    /// threads.
    ///
    /// All tensors start at zero except running variances, which start at one, and batch-norm
    /// scales (`gamma`), which start at one: load initial values with [`Engine::load`].
    ///
    /// # Errors
    ///
    /// [`EngineError::Unsupported`] for a layer without kernel, [`EngineError::Graph`] if the graph
    /// does not fit the length.
    pub fn new(graph: &Graph, length: usize, max_batch: usize, threads: usize) -> Result<Self> {
        Self::with_isa(graph, length, max_batch, threads, best_isa())
    }

    /// As [`Engine::new`], with the kernels of `isa`.
    ///
    /// # Errors
    ///
    /// As [`Engine::new`].
    pub fn with_isa(
        graph: &Graph,
        length: usize,
        max_batch: usize,
        threads: usize,
        isa: Isa,
    ) -> Result<Self> {
        Self::with_rule(graph, length, max_batch, threads, isa, Rule::FASTER)
    }

    fn with_rule(
        graph: &Graph,
        length: usize,
        max_batch: usize,
        threads: usize,
        isa: Isa,
        rule: Rule,
    ) -> Result<Self> {
        let layout = Layout::new(graph, length)?;
        let plan = compile::compile(graph, length, &layout, rule)?;
        let partials = Partials::new(&plan);
        let weights = plan.blocks.iter().map(|b| match &b.linear {
            Linear::Conv(w) => BlockWeights {
                forward: Some(Filters::new(isa, w.taps, [w.c_in, w.c_out], w.winograd)),
                backward: w.backward(isa),
                ..BlockWeights::default()
            },
            Linear::Lookup(w) => BlockWeights {
                backward: w.backward(isa),
                ..BlockWeights::default()
            },
            Linear::Operator(operator) => BlockWeights {
                operator: OperatorWeights::new(isa, operator),
                ..BlockWeights::default()
            },
            Linear::None => BlockWeights::default(),
        });
        let output = plan.output.rows * plan.output.cols;
        let mut engine = Self {
            isa,
            threads: threads.max(1),
            capacity: max_batch,
            parameters: vec![0.0; layout.trained],
            buffers: vec![0.0; layout.buffers],
            gradients: vec![0.0; layout.trained],
            first_moment: vec![0.0; layout.trained],
            second_moment: vec![0.0; layout.trained],
            steps: 0,
            weights: weights.collect(),
            packed: [false; 2],
            norms: plan.blocks.iter().map(Coefficients::new).collect(),
            running: plan.blocks.iter().map(Coefficients::new).collect(),
            running_fresh: false,
            batches: plan.blocks.iter().map(Batch::new).collect(),
            forward_phases: forward::phases(&plan),
            backward_phases: backward::phases(&plan, true),
            arenas: vec![],
            inference: vec![],
            codes: vec![0; length * max_batch],
            outputs: vec![0.0; output * max_batch],
            pending: None,
            plan,
            layout,
            partials,
        };
        for norm in engine.plan.blocks.iter().filter_map(|b| b.norm.as_ref()) {
            engine.parameters[norm.gamma.clone()].fill(1.0);
            engine.buffers[norm.var.clone()].fill(1.0);
        }
        Ok(engine)
    }

    /// Every tensor, sorted by name.
    pub fn parameters(&self) -> &[TensorSpec] {
        &self.layout.tensors
    }

    /// Numbers that the network gives per sequence: outputs are `[N, O]`, or `[N, B, T]` flattened.
    pub fn outputs_per_sequence(&self) -> usize {
        self.plan.output.rows * self.plan.output.cols
    }

    /// The first layer that is neither a convolution nor a dense layer nor part of what follows
    /// them (an LSTM, a layer norm, ...): passes with rules of their own, such as rescale rules,
    /// have to know it.
    pub fn operator(&self) -> Option<&'static str> {
        let mut operators = self.plan.blocks.iter().filter_map(|b| b.operator());
        operators.next().map(operators::Operator::kind)
    }

    /// The kernels in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Sets a tensor, trained or buffer.
    ///
    /// # Errors
    ///
    /// [`EngineError::UnknownTensor`], [`EngineError::Length`], [`EngineError::NonFinite`].
    pub fn load(&mut self, name: &str, values: &[f32]) -> Result<()> {
        let spec = self.layout.find(name)?;
        EngineError::length("a tensor", spec.range.len(), values.len())?;
        EngineError::finite(&format!("tensor `{name}`"), values)?;
        let flat = if spec.trained {
            &mut self.parameters
        } else {
            &mut self.buffers
        };
        flat[spec.range.clone()].copy_from_slice(values);
        self.changed();
        Ok(())
    }

    /// The values of a tensor, trained or buffer.
    ///
    /// # Errors
    ///
    /// [`EngineError::UnknownTensor`].
    pub fn read(&self, name: &str) -> Result<&[f32]> {
        let spec = self.layout.find(name)?;
        let flat = if spec.trained {
            &self.parameters
        } else {
            &self.buffers
        };
        Ok(&flat[spec.range.clone()])
    }

    /// A pass over `codes` of the current batch. The arenas are moved out while it runs.
    fn pass(&self, mode: Mode) -> Pass<'_> {
        Pass {
            isa: self.isa,
            plan: &self.plan,
            partials: &self.partials,
            parameters: &self.parameters,
            weights: &self.weights,
            norms: if matches!(mode, Mode::Eval | Mode::Sample) {
                &self.running
            } else {
                &self.norms
            },
            codes: &self.codes,
            mode,
            masks: &[],
        }
    }

    /// Notes that parameters or running statistics have changed.
    fn changed(&mut self) {
        self.packed = [false; 2];
        self.running_fresh = false;
    }

    /// Packs the weights that a pass needs and that have changed.
    fn pack(&mut self, wanted: [bool; 2]) {
        use rayon::prelude::*;
        let todo = [wanted[0] && !self.packed[0], wanted[1] && !self.packed[1]];
        if todo == [false; 2] {
            return;
        }
        let (blocks, parameters) = (&self.plan.blocks, &self.parameters);
        let pack = |(weights, block): (&mut BlockWeights, &plan::Block)| {
            if let Some(operator) = block.operator() {
                weights.operator.pack(operator, parameters, todo);
            }
            let Some(w) = block.weights() else { return };
            let values = &parameters[w.weight.clone()];
            if let (true, Some(packed)) = (todo[0], &mut weights.forward) {
                packed.pack(values);
            }
            if todo[1] {
                w.pack_backward(&mut weights.backward, values);
            }
        };
        if self.threads == 1 {
            self.weights.iter_mut().zip(blocks).for_each(pack);
        } else {
            self.weights
                .par_iter_mut()
                .zip(blocks)
                .with_max_len(1)
                .for_each(pack);
        }
        self.packed = [self.packed[0] || wanted[0], self.packed[1] || wanted[1]];
    }

    fn check(&self, codes: &[u8], n: usize, capacity: usize) -> Result<()> {
        if n > capacity {
            return Err(EngineError::Batch { found: n, capacity });
        }
        EngineError::length("base codes", n * self.plan.length, codes.len())
    }
}

/// The fastest kernels of this processor.
fn best_isa() -> Isa {
    Isa::available().last().copied().unwrap_or(Isa::PORTABLE)
}
