//! Questions of attribution methods, answered by the fused engine: f32, on the CPU, for networks
//! that it covers.
//!
//! The engine passes the network, the head is candle's: its nonlinearities follow the same rules on
//! a few numbers per sequence. [`degu_core::explain`] answers the same questions for every network
//! and is the reference.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};
use degu_core::{
    Ctx, Error, Head, Mode, Multipliers, Result, Substitution, Target, explain::select,
    graph::Graph,
};

use crate::engine::{Edit, Engine, EngineError, PairMultipliers, Probe, Slopes};

/// A frozen network under a head.
#[derive(Debug)]
pub struct Explainer {
    probe: Probe,
}

impl Explainer {
    /// Compiles a network whose last layer is the head's; `tensors` by the names of the graph.
    ///
    /// # Errors
    ///
    /// [`EngineError::Unsupported`] for a layer without a kernel, [`EngineError::UnknownTensor`]
    /// for one that `tensors` lacks.
    pub fn new(
        graph: &Graph,
        length: usize,
        tensors: &BTreeMap<String, Vec<f32>>,
    ) -> Result<Self, EngineError> {
        let mut engine = Engine::new(graph, length, 1, 1)?;
        if let Some(layer) = engine.operator() {
            return Err(EngineError::Unsupported {
                layer: layer.to_owned(),
                what: "rescale rule and no windowed substitutions for this kind of layer",
            });
        }
        let names: Vec<String> = engine.parameters().iter().map(|s| s.name.clone()).collect();
        for name in names {
            let values = tensors
                .get(&name)
                .ok_or_else(|| EngineError::UnknownTensor { name: name.clone() })?;
            engine.load(&name, values)?;
        }
        Ok(Self {
            probe: Probe::new(engine),
        })
    }

    /// Whether `head` reads one number per raw output and needs one pass: profiles and Monte Carlo
    /// dropout are autograd's.
    pub fn serves(&self, head: &dyn Head) -> bool {
        head.stochastic_passes() == 0 && self.probe.outputs_per_sequence() == head.outputs()
    }

    /// As [`Predictor::values`](degu_core::Predictor::values), for `n` sequences.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn values(
        &self,
        head: &dyn Head,
        codes: &[u8],
        n: usize,
        targets: &[Target],
    ) -> Result<Vec<Vec<f64>>> {
        let mut raw = vec![0.0; n * self.probe.outputs_per_sequence()];
        self.probe.predict(codes, n, &mut raw).map_err(failed)?;
        targets_of(head, raw, n, targets)
    }

    /// As [`Predictor::substitutions`](degu_core::Predictor::substitutions).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn substitutions(
        &self,
        head: &dyn Head,
        codes: &[u8],
        edits: &[Substitution],
        targets: &[Target],
    ) -> Result<Vec<Vec<f64>>> {
        let edits: Vec<Edit> = edits.iter().map(|e| (e.position, e.base)).collect();
        let mut raw = vec![0.0; edits.len() * self.probe.outputs_per_sequence()];
        self.probe
            .substitutions(codes, &edits, &mut raw)
            .map_err(failed)?;
        targets_of(head, raw, edits.len(), targets)
    }

    /// Gradients of targets at `n` sequences, each `[n, L, 4]`.
    ///
    /// # Errors
    ///
    /// As [`Predictor::gradients`](degu_core::Predictor::gradients).
    pub fn gradients(
        &self,
        head: &dyn Head,
        codes: &[u8],
        n: usize,
        targets: &[Target],
    ) -> Result<Vec<Tensor>> {
        let slopes = |own: &[f32], other: &[f32]| self.slopes(head, own, other, targets);
        let all = self
            .probe
            .multipliers(codes, n, None, targets.len(), &slopes)
            .map_err(failed)?;
        let shape = (n, self.probe.length(), 4);
        all.into_iter()
            .map(|m| Ok(Tensor::from_vec(m.values, shape, &Device::Cpu)?))
            .collect()
    }

    /// Multipliers of targets for `n` sequences and `k` references of each.
    ///
    /// # Errors
    ///
    /// As [`Predictor::rescale`](degu_core::Predictor::rescale).
    pub fn rescale(
        &self,
        head: &dyn Head,
        codes: &[u8],
        n: usize,
        references: (&[u8], usize),
        targets: &[Target],
    ) -> Result<Vec<Multipliers>> {
        let slopes = |own: &[f32], other: &[f32]| self.slopes(head, own, other, targets);
        let all = self
            .probe
            .multipliers(codes, n, Some(references), targets.len(), &slopes)
            .map_err(failed)?;
        let shape = (n, references.1, self.probe.length(), 4);
        let finish = |m: PairMultipliers| {
            Ok(Multipliers {
                values: Tensor::from_vec(m.values, shape, &Device::Cpu)?,
                own: m.own.into_iter().step_by(references.1).collect(),
                references: m.references,
            })
        };
        all.into_iter().map(finish).collect()
    }

    /// The head's multipliers of raw outputs `[P, O]` of sequences and of their references.
    fn slopes(
        &self,
        head: &dyn Head,
        own: &[f32],
        other: &[f32],
        targets: &[Target],
    ) -> Result<Vec<Slopes>> {
        let size = self.probe.outputs_per_sequence();
        let pairs = own.len() / size;
        let both = Tensor::from_vec([own, other].concat(), (2 * pairs, size), &Device::Cpu)?;
        let raw = Var::from_tensor(&both)?;
        let prediction = head.predict(raw.as_tensor(), &mut Ctx::new(Mode::Rescale))?;
        let of = |target: &Target| {
            let y = select(&prediction, *target)?;
            let upper = y.narrow(0, 0, pairs)?;
            let slopes = match upper.sum_all()?.backward()?.get(raw.as_tensor()) {
                Some(g) => g.narrow(0, 0, pairs)?.flatten_all()?.to_vec1()?,
                None => vec![0.0; pairs * size],
            };
            Ok(Slopes {
                slopes,
                own: host(&upper)?,
                references: host(&y.narrow(0, pairs, pairs)?)?,
            })
        };
        targets.iter().map(of).collect()
    }
}

/// Targets of raw outputs, `[n, O]`.
fn targets_of(
    head: &dyn Head,
    raw: Vec<f32>,
    n: usize,
    targets: &[Target],
) -> Result<Vec<Vec<f64>>> {
    let raw = Tensor::from_vec(raw, (n, head.outputs()), &Device::Cpu)?;
    let prediction = head.predict(&raw, &mut Ctx::eval())?;
    targets
        .iter()
        .map(|t| host(&select(&prediction, *t)?))
        .collect()
}

fn host(vector: &Tensor) -> Result<Vec<f64>> {
    Ok(vector.detach().to_dtype(DType::F64)?.to_vec1()?)
}

fn failed(error: EngineError) -> Error {
    match error {
        EngineError::Graph(error) => error,
        other => Error::State {
            of: "the fused engine",
            problem: other.to_string(),
        },
    }
}
