//! The engine of the CPU on threads of its own.

use candle_core::{Device, Tensor};
use degu_core::graph::Graph;
use degu_nn::engine::{AdamStep, DropoutSeed, Engine, EngineError, TensorSpec};

use super::flat::{FlatNetwork, Moments};
use crate::TrainError;

type Result<T> = std::result::Result<T, EngineError>;

/// A network compiled by [`degu_nn::engine`].
pub(super) struct CpuNetwork {
    engine: Engine,
    pool: Option<rayon::ThreadPool>,
}

impl CpuNetwork {
    /// Compiles a network for batches of up to `max_batch` sequences of `length` bp.
    ///
    /// # Errors
    ///
    /// A layer that the engine does not cover, or threads that the system does not give.
    pub(super) fn new(
        graph: &Graph,
        length: usize,
        max_batch: usize,
        threads: usize,
    ) -> crate::Result<Self> {
        let engine = Engine::new(graph, length, max_batch, threads)?;
        let pool = if threads > 1 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            Some(pool.map_err(|e| TrainError::Engine(Box::new(e)))?)
        } else {
            None
        };
        Ok(Self { engine, pool })
    }

    /// Runs `work` on the threads of this network.
    fn on_pool<T: Send>(&mut self, work: impl FnOnce(&mut Engine) -> T + Send) -> T {
        let engine = &mut self.engine;
        match &self.pool {
            Some(pool) => pool.install(|| work(engine)),
            None => work(engine),
        }
    }
}

impl FlatNetwork for CpuNetwork {
    fn kernels(&self) -> String {
        self.engine.isa().name().to_owned()
    }

    fn tensors(&self) -> &[TensorSpec] {
        self.engine.parameters()
    }

    fn load(&mut self, name: &str, values: &[f32]) -> Result<()> {
        self.engine.load(name, values)
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        self.engine.read(name).map(<[f32]>::to_vec)
    }

    fn moments(&self) -> Result<Moments> {
        let (first, second, steps) = self.engine.moments();
        Ok((first.to_vec(), second.to_vec(), steps))
    }

    fn set_moments(&mut self, (first, second, steps): &Moments) -> Result<()> {
        self.engine.set_moments(first, second, *steps)
    }

    fn forward(
        &mut self,
        codes: &[u8],
        rows: usize,
        dropout: DropoutSeed,
        shape: &[usize],
        device: &Device,
    ) -> Result<Tensor> {
        let outputs = self.on_pool(|engine| {
            engine
                .forward_train(codes, rows, dropout)
                .map(<[f32]>::to_vec)
        })?;
        Ok(Tensor::from_vec(outputs, shape, device)?)
    }

    fn backward(&mut self, gradient: &Tensor) -> Result<()> {
        let gradient = gradient.contiguous()?.flatten_all()?.to_vec1::<f32>()?;
        self.on_pool(|engine| engine.backward(&gradient))
    }

    fn adam(&mut self, step: &AdamStep, clip: Option<f64>) -> Result<()> {
        self.on_pool(|engine| {
            if let Some(limit) = clip {
                scale_to(engine.gradients_mut(), limit);
            }
            engine.adam(step);
        });
        Ok(())
    }

    fn predict(
        &mut self,
        codes: &[u8],
        rows: usize,
        masks: Option<&[u64]>,
        out: &mut [f32],
    ) -> Result<()> {
        self.on_pool(|engine| match masks {
            None => engine.predict(codes, rows, out),
            Some(masks) => engine.sample(codes, rows, masks, out),
        })
    }

    fn recalibrate(&mut self, codes: &[u8], rows: usize, batch: usize) -> Result<()> {
        self.on_pool(|engine| engine.recalibrate(codes, rows, batch))
    }
}

/// Scales a flat gradient so that its norm is at most `limit`.
fn scale_to(gradients: &mut [f32], limit: f64) {
    let norm = degu_nn::clip::global_norm([&*gradients]);
    if norm.is_finite() && norm > limit {
        let scale = (limit / norm) as f32;
        for g in gradients {
            *g *= scale;
        }
    }
}
