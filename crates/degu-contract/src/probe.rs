//! Networks under test: a head that adds nothing, sequences that are irregular, tensors as numbers.

use candle_core::{DType, Device, Tensor};
use degu_core::{
    Architecture, Ctx, Head, LabelInfo, ModelIo, OutputKind, Prediction, Result, Seed, Sequences,
    Spread, Targets,
};
use degu_nn::{Model, ParamStore, loss};
use rand::RngExt as _;

/// Root of every stream of the contract.
pub(super) fn root() -> Seed {
    Seed::root(1).child("contract")
}

/// A head whose prediction is the raw output.
pub(super) struct Plain(pub(super) usize);

impl Head for Plain {
    fn outputs(&self) -> usize {
        self.0
    }

    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        loss::mse(raw, &targets.mean)
    }

    fn predict(&self, raw: &Tensor, _ctx: &mut Ctx<'_>) -> Result<Prediction> {
        Ok(Prediction::of_mean(raw.clone()))
    }
}

/// A network with its parameters.
pub(super) struct Probe {
    pub(super) model: Model,
    pub(super) store: ParamStore,
}

impl Probe {
    /// The network of an architecture with initial values from `seed`.
    pub(super) fn new(
        architecture: &dyn Architecture,
        io: &ModelIo,
        dtype: DType,
        seed: Seed,
    ) -> Result<Self> {
        let store = ParamStore::new(seed, dtype, &Device::Cpu);
        let head = Box::new(Plain(io.outputs));
        let model = Model::new(architecture, head, io, &store.params())?;
        Ok(Self { model, store })
    }

    /// Raw outputs in evaluation mode.
    pub(super) fn eval(&self, x: &Sequences) -> Result<Tensor> {
        self.model.raw(x, &mut Ctx::eval())
    }
}

/// Irregular codes `[rows, length]`; with `unknown`, about one base in 16 is N.
pub(super) fn codes(label: &str, rows: usize, length: usize, unknown: bool) -> Vec<u8> {
    let mut rng = root().child(label).rng();
    (0..rows * length)
        .map(|_| {
            if unknown && rng.random_range(0..16) == 0 {
                4
            } else {
                rng.random_range(0..4u8)
            }
        })
        .collect()
}

/// Codes as sequences.
pub(super) fn sequences(codes: &[u8], length: usize) -> Result<Sequences> {
    let rows = codes.len() / length;
    Ok(Sequences::Codes(Tensor::from_slice(
        codes,
        (rows, length),
        &Device::Cpu,
    )?))
}

/// Values of a tensor in double precision.
pub(super) fn values(t: &Tensor) -> Result<Vec<f64>> {
    Ok(t.to_dtype(DType::F64)?
        .contiguous()?
        .flatten_all()?
        .to_vec1()?)
}

/// Largest difference relative to the largest value (at least 1e-300); infinite if a value is not
/// finite or the sizes differ.
pub(super) fn difference(a: &Tensor, b: &Tensor) -> Result<f64> {
    Ok(apart(&values(a)?, &values(b)?))
}

/// As [`difference`], of slices.
pub(super) fn apart(a: &[f64], b: &[f64]) -> f64 {
    if a.len() != b.len() || a.iter().chain(b).any(|v| !v.is_finite()) {
        return f64::INFINITY;
    }
    let largest = a.iter().chain(b).fold(1e-300, |m: f64, v| m.max(v.abs()));
    let worst = a
        .iter()
        .zip(b)
        .fold(0.0, |m: f64, (a, b)| m.max((a - b).abs()));
    worst / largest
}

/// Label information of `tasks` tasks with both spreads.
pub(super) fn labels(tasks: usize, epistemic: bool, aleatoric: bool) -> LabelInfo {
    LabelInfo {
        tasks: (0..tasks).map(|t| format!("task_{t}")).collect(),
        mean: (0..tasks).map(|t| 0.5 - t as f64).collect(),
        std: (0..tasks).map(|t| 1.0 + 0.5 * t as f64).collect(),
        epistemic,
        aleatoric,
        spread: Spread::Std,
    }
}

/// What a scalar network is asked for.
pub(super) fn io(length: usize, outputs: usize, output: OutputKind) -> ModelIo {
    ModelIo {
        length,
        outputs,
        output,
    }
}
