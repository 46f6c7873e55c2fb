//! Which backend trains a network: the fused engine of its device where it can, autograd otherwise.

use degu_core::{ModelIo, graph::Graph};

use super::{Autograd, Backend, BackendKind, Batch, Fused, Precision, Recipe};
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
    device: &candle_core::Device,
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
    device: &candle_core::Device,
    max_batch: usize,
    threads: usize,
) -> Result<Chosen> {
    let head = (recipe.head)()?;
    let io = ModelIo {
        length: recipe.length,
        outputs: head.outputs(),
        output: recipe.output,
    };
    let passes = head.stochastic_passes();
    let mut autograd = Autograd::new(recipe.architecture, head, &io, &recipe.seed, device)?
        .rounding(recipe.precision.rounding());
    if passes > 0 {
        require_dropout(&mut autograd, recipe.length)?;
    }
    if kind == BackendKind::Autograd {
        return Ok(taped(autograd, "asked for".to_owned()));
    }
    match fuse(recipe, &autograd, &io, device, max_batch, threads) {
        Ok(backend) => Ok(Chosen {
            backend,
            why: "the engine has a kernel for every layer".to_owned(),
        }),
        Err(obstacle) if obstacle.stops || kind == BackendKind::Fused => Err(obstacle.error),
        Err(obstacle) => {
            tracing::info!(reason = %obstacle.why, "training with autograd instead of the fused engine");
            Ok(taped(autograd, obstacle.why))
        }
    }
}

fn taped(autograd: Autograd, why: String) -> Chosen {
    Chosen {
        backend: Box::new(autograd),
        why,
    }
}

/// Why the fused engine does not train a network.
struct Obstacle {
    /// As a clause for logs.
    why: String,
    /// For whoever asked for the engine.
    error: TrainError,
    /// Whether autograd must not hide it.
    stops: bool,
}

impl Obstacle {
    /// Something that the engine has not.
    fn lack(why: &str, operation: &str, rule: &'static str) -> Self {
        Self {
            why: why.to_owned(),
            error: TrainError::Core(degu_core::Error::Unsupported {
                operation: operation.to_owned(),
                rule,
                help: "use `backend = \"auto\"`",
            }),
            stops: false,
        }
    }

    /// An error that autograd may do without.
    fn error(error: TrainError) -> Self {
        Self {
            why: error.to_string(),
            error,
            stops: false,
        }
    }
}

impl From<TrainError> for Obstacle {
    fn from(error: TrainError) -> Self {
        Self {
            stops: true,
            ..Self::error(error)
        }
    }
}

/// The network in the fused engine of its device.
fn fuse(
    recipe: &Recipe<'_>,
    autograd: &Autograd,
    io: &ModelIo,
    device: &candle_core::Device,
    max_batch: usize,
    threads: usize,
) -> std::result::Result<Box<dyn Backend>, Obstacle> {
    if recipe.precision == Precision::Bf16 {
        return Err(Obstacle::lack(
            "the fused engine computes in 32 bits",
            "training with `precision = \"bf16\"`",
            "fused kernel",
        ));
    }
    let graph = autograd.graph().ok_or_else(|| {
        Obstacle::lack(
            "the architecture has no description as a graph",
            "this architecture",
            "description as a graph",
        )
    })?;
    if !device.is_cpu() {
        return fuse_on_gpu(recipe, &graph, autograd, io, device, max_batch);
    }
    let weights = autograd.weights()?;
    let head = (recipe.head)().map_err(TrainError::Core)?;
    let fused = Fused::new(&graph, io, &weights, head, max_batch, threads);
    Ok(Box::new(fused.map_err(Obstacle::error)?))
}

/// A network that a GPU computes otherwise than the CPU stops a training; without a kernel, or a
/// compiler of kernels, autograd goes on.
#[cfg(feature = "cuda")]
fn fuse_on_gpu(
    recipe: &Recipe<'_>,
    graph: &Graph,
    autograd: &Autograd,
    io: &ModelIo,
    place: &candle_core::Device,
    max_batch: usize,
) -> std::result::Result<Box<dyn Backend>, Obstacle> {
    use degu_nn::engine::EngineError;
    use degu_nn::engine::device::{Products, on_cuda};
    let gpu = on_cuda(place).map_err(|e| Obstacle::error(super::fused::engine_error(e)))?;
    let products = match recipe.precision {
        Precision::Tf32 => Products::Tf32,
        Precision::F32 | Precision::Bf16 => Products::F32,
    };
    let weights = autograd.weights()?;
    let head = (recipe.head)().map_err(TrainError::Core)?;
    let network = super::on_device::OnDevice::new(
        graph, io, &weights, head, max_batch, products, &gpu, place,
    );
    match network {
        Ok(network) => Ok(Box::new(network)),
        Err(TrainError::Engine(error))
            if matches!(error.downcast_ref(), Some(EngineError::Unsupported { .. })) =>
        {
            Err(Obstacle::error(TrainError::Engine(error)))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(feature = "cuda"))]
fn fuse_on_gpu(
    _: &Recipe<'_>,
    _: &Graph,
    _: &Autograd,
    _: &ModelIo,
    _: &candle_core::Device,
    _: usize,
) -> std::result::Result<Box<dyn Backend>, Obstacle> {
    Err(Obstacle::lack(
        "this binary has the fused engine of the CPU only",
        "this device",
        "fused engine",
    ))
}

/// Refuses a network whose samples are all alike.
fn require_dropout(network: &mut Autograd, length: usize) -> Result<()> {
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
