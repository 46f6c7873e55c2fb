//! Which backend trains a network: the fused engine of its device where it can, autograd otherwise.

use candle_core::{DType, Device};
use degu_core::{Head, ModelIo, graph::Graph};
use degu_nn::{Model, ParamStore};

use super::{
    Autograd, Backend, BackendKind, Batch, Precision, Recipe, Weights, autograd, cpu::CpuNetwork,
    fused::Fused,
};
use crate::{Result, TrainError};

/// Samples that look for dropout in a network.
const PROBES: u64 = 16;

/// Makes the network of a recipe.
///
/// # Errors
///
/// [`BackendKind::Fused`] with a network that the engine does not cover, or whatever the plugins
/// fail with.
pub fn open(
    recipe: &Recipe<'_>,
    kind: BackendKind,
    device: &Device,
    max_batch: usize,
    threads: usize,
) -> Result<Box<dyn Backend>> {
    Ok(choose(recipe, kind, device, max_batch, threads)?.backend)
}

/// A backend, and why it is this one.
pub struct Chosen {
    /// The network.
    pub backend: Box<dyn Backend>,
    /// Why, as a clause for logs: "the engine has a kernel for every layer".
    pub why: String,
}

/// As [`open`], with the reason of the choice.
///
/// # Errors
///
/// As [`open`].
pub fn choose(
    recipe: &Recipe<'_>,
    kind: BackendKind,
    device: &Device,
    max_batch: usize,
    threads: usize,
) -> Result<Chosen> {
    let head = (recipe.head)()?;
    let io = ModelIo {
        length: recipe.length,
        outputs: head.outputs(),
        output: recipe.output,
    };
    let samples = head.stochastic_passes() > 0;
    let mut chosen = if kind == BackendKind::Autograd {
        with_autograd(recipe, head, &io, device, "asked for".to_owned())?
    } else {
        match fuse(recipe, head, &io, device, max_batch, threads) {
            Ok(backend) => Chosen {
                backend,
                why: "the engine has a kernel for every layer".to_owned(),
            },
            Err(fallback) if fallback.refused || kind == BackendKind::Fused => {
                return Err(fallback.error);
            }
            Err(Fallback { why, .. }) => {
                tracing::info!(reason = %why, "training with autograd instead of the fused engine");
                with_autograd(recipe, (recipe.head)()?, &io, device, why)?
            }
        }
    };
    if samples {
        require_dropout(chosen.backend.as_mut(), recipe.length)?;
    }
    Ok(chosen)
}

fn with_autograd(
    recipe: &Recipe<'_>,
    head: Box<dyn Head>,
    io: &ModelIo,
    device: &Device,
    why: String,
) -> Result<Chosen> {
    let network = Autograd::new(recipe.architecture, head, io, &recipe.seed, device)?
        .rounding(recipe.precision.rounding());
    Ok(Chosen {
        backend: Box::new(network),
        why,
    })
}

/// Why the fused engine does not train a network.
struct Fallback {
    /// As a clause for logs.
    why: String,
    /// What a request for the engine fails with.
    error: TrainError,
    /// Whether autograd must not take over.
    refused: bool,
}

impl Fallback {
    /// For something that the engine does not have.
    fn unsupported(why: &str, operation: &str, rule: &'static str) -> Self {
        Self {
            why: why.to_owned(),
            error: TrainError::Core(degu_core::Error::Unsupported {
                operation: operation.to_owned(),
                rule,
                help: "use `backend = \"auto\"`",
            }),
            refused: false,
        }
    }

    /// For an error of the engine that autograd does not meet.
    fn engine(error: impl Into<TrainError>) -> Self {
        let error = error.into();
        Self {
            why: error.to_string(),
            error,
            refused: false,
        }
    }
}

impl<E: Into<TrainError>> From<E> for Fallback {
    /// For an error that stops the training.
    fn from(error: E) -> Self {
        Self {
            refused: true,
            ..Self::engine(error)
        }
    }
}

/// The network in the fused engine of its device.
fn fuse(
    recipe: &Recipe<'_>,
    head: Box<dyn Head>,
    io: &ModelIo,
    device: &Device,
    max_batch: usize,
    threads: usize,
) -> Result<Box<dyn Backend>, Fallback> {
    if recipe.precision == Precision::Bf16 {
        return Err(Fallback::unsupported(
            "the fused engine computes in 32 bits",
            "training with `precision = \"bf16\"`",
            "fused kernel",
        ));
    }
    // An architecture states its graph with the layers that it builds; they ask the store for their
    // initial values, and the engine takes them from there.
    let store = ParamStore::new(recipe.seed.child("init"), DType::F32, &Device::Cpu);
    let model = Model::new(recipe.architecture, head, io, &store.params())?;
    let (graph, head) = model.into_parts();
    let graph = graph.ok_or_else(|| {
        Fallback::unsupported(
            "the architecture has no description as a graph",
            "this architecture",
            "description as a graph",
        )
    })?;
    let weights = autograd::weights(&store)?;
    if !device.is_cpu() {
        return fuse_on_gpu(
            recipe.precision,
            &graph,
            io,
            head,
            &weights,
            device,
            max_batch,
        );
    }
    let fused = CpuNetwork::new(&graph, io.length, max_batch, threads)
        .and_then(|network| Fused::new(network, io, head, &weights, device));
    Ok(Box::new(fused.map_err(Fallback::engine)?))
}

/// A network that a GPU computes otherwise than the CPU stops a training; without a kernel, or a
/// compiler of kernels, autograd goes on.
#[cfg(feature = "cuda")]
fn fuse_on_gpu(
    precision: Precision,
    graph: &Graph,
    io: &ModelIo,
    head: Box<dyn Head>,
    weights: &Weights,
    place: &Device,
    max_batch: usize,
) -> Result<Box<dyn Backend>, Fallback> {
    use degu_nn::engine::EngineError;
    use degu_nn::engine::device::{DeviceEngine, Products, on_cuda};
    let gpu = on_cuda(place).map_err(Fallback::engine)?;
    let products = match precision {
        Precision::Tf32 => Products::Tf32,
        Precision::F32 | Precision::Bf16 => Products::F32,
    };
    let engine = DeviceEngine::new(graph, io.length, max_batch, &gpu)
        .and_then(|engine| engine.rounding(products))
        .map_err(|error| match error {
            EngineError::Unsupported { .. } => Fallback::engine(error),
            error => error.into(),
        })?;
    let mut fused = Fused::new(engine, io, head, weights, place)?;
    fused.network().check(graph)?;
    Ok(Box::new(fused))
}

#[cfg(not(feature = "cuda"))]
fn fuse_on_gpu(
    _: Precision,
    _: &Graph,
    _: &ModelIo,
    _: Box<dyn Head>,
    _: &Weights,
    _: &Device,
    _: usize,
) -> Result<Box<dyn Backend>, Fallback> {
    Err(Fallback::unsupported(
        "this binary has the fused engine of the CPU only",
        "this device",
        "fused engine",
    ))
}

/// Refuses a network whose samples are all alike.
fn require_dropout(network: &mut dyn Backend, length: usize) -> Result<()> {
    // Dropout is looked for where it acts, in the outputs, so that networks without a description
    // are covered as well.
    let codes: Vec<u8> = (0..4 * length)
        .map(|i| ((i * i / 3 + i) % 4) as u8)
        .collect();
    let mut first: Option<Vec<f32>> = None;
    for pass in 0..PROBES {
        let raw = network.sample(&Batch::plain(&codes, 4), &[pass; 4])?;
        let raw = crate::forecast::host(&raw)?;
        match &first {
            Some(first) if *first != raw => return Ok(()),
            Some(_) => {}
            None => first = Some(raw),
        }
    }
    Err(TrainError::Core(degu_core::Error::Missing {
        what: "dropout in the network",
        by: "the head, which samples it (`mc-dropout`)",
        help: "give the architecture a dropout rate above 0, as in `architecture.dropout = 0.2`, or take another head",
    }))
}
