//! The device's numbers beside the CPU's, before a training relies on them.

use super::super::{DropoutSeed, Engine, EngineError, Result};
use super::{DeviceEngine, Products};
use degu_core::graph::Graph;

/// Sequences of a comparison at most.
const SEQUENCES: usize = 8;
/// Largest distances relative to the norm: of outputs, and of a tensor's gradient. A pre-activation
/// within rounding of a kink may fall on either side of it, which changes single terms of a
/// gradient; a wrong kernel changes the whole.
struct Tolerances {
    outputs: f64,
    gradients: f64,
}

const EXACT: Tolerances = Tolerances {
    outputs: 1e-4,
    gradients: 1e-2,
};
/// Factors of 10 bits; one value in a thousand may fall on the other side of a kink.
const ROUNDED: Tolerances = Tolerances {
    outputs: 2e-2,
    gradients: 0.2,
};
/// Norms below this share of the largest gradient's are rounding.
const NOTHING: f64 = 1e-4;

impl DeviceEngine {
    /// Compares a training pass, its gradients and a prediction on pseudo-random sequences with the
    /// CPU's, for the weights of the moment. `graph` is the one that this engine was made of.
    /// Weights, statistics and optimizer stay as they are; a training pass before it can no longer
    /// be differentiated.
    ///
    /// A first comparison that disagrees is made again on two other batches, which must both agree.
    /// An engine that rounds products is compared without and then with rounding.
    ///
    /// # Errors
    ///
    /// [`EngineError::Disagrees`] names the tensor; [`EngineError::Device`].
    pub fn check(&mut self, graph: &Graph) -> Result<()> {
        let n = self.capacity.min(SEQUENCES);
        if n == 0 {
            return Ok(());
        }
        let mut cpu = Engine::new(graph, self.plan.length, n, 1)?;
        for spec in self.layout.tensors.clone() {
            cpu.load(&spec.name, &self.read(&spec.name)?)?;
        }
        let products = std::mem::take(&mut self.products);
        let exact = self.compare_batches(&mut cpu, n, &EXACT);
        self.products = products;
        exact?;
        match products {
            Products::F32 => Ok(()),
            Products::Tf32 => self.compare_batches(&mut cpu, n, &ROUNDED),
        }
    }

    fn compare_batches(&mut self, cpu: &mut Engine, n: usize, most: &Tolerances) -> Result<()> {
        if self.compare(cpu, n, 1, most).is_ok() {
            return Ok(());
        }
        self.compare(cpu, n, 2, most)?;
        self.compare(cpu, n, 3, most)
    }

    fn compare(&mut self, cpu: &mut Engine, n: usize, seed: u64, most: &Tolerances) -> Result<()> {
        let mut noise = Noise(seed);
        let codes: Vec<u8> = (0..n * self.plan.length).map(|_| noise.code()).collect();
        let size = n * self.outputs_per_sequence();
        let d_outputs: Vec<f32> = (0..size).map(|_| noise.value()).collect();
        let dropout = DropoutSeed(seed);
        let wanted = cpu.forward_train(&codes, n, dropout)?.to_vec();
        self.forward_train(&codes, n, dropout)?;
        agree(
            "the outputs of a training pass",
            &self.outputs()?,
            &wanted,
            0.0,
            most.outputs,
        )?;
        cpu.backward(&d_outputs)?;
        self.backward(&d_outputs)?;
        let (found, wanted) = (self.gradients()?, cpu.gradients());
        let trained = self.layout.tensors.iter().filter(|s| s.trained);
        let floor = NOTHING
            * trained
                .clone()
                .map(|s| norm(&wanted[s.range.clone()]))
                .fold(0.0, f64::max);
        for spec in trained {
            let name = format!("the gradient of `{}`", spec.name);
            let range = spec.range.clone();
            agree(
                &name,
                &found[range.clone()],
                &wanted[range],
                floor,
                most.gradients,
            )?;
        }
        let (mut found, mut wanted) = (vec![0.0; size], vec![0.0; size]);
        self.predict(&codes, n, &mut found)?;
        cpu.predict(&codes, n, &mut wanted)?;
        // Predictions are not rounded.
        agree("the predictions", &found, &wanted, 0.0, EXACT.outputs)
    }
}

fn norm(values: &[f32]) -> f64 {
    values
        .iter()
        .map(|v| f64::from(*v).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// Stops where the distance of two vectors exceeds `tolerance` of the second's norm, or of `floor`
/// if that is larger.
fn agree(what: &str, found: &[f32], wanted: &[f32], floor: f64, tolerance: f64) -> Result<()> {
    let distance: Vec<f32> = found.iter().zip(wanted).map(|(a, b)| a - b).collect();
    let error = norm(&distance) / norm(wanted).max(floor).max(1e-30);
    // A NaN is no agreement.
    if error <= tolerance {
        Ok(())
    } else {
        Err(EngineError::Disagrees {
            what: what.to_owned(),
            error,
            tolerance,
        })
    }
}

/// A fixed stream of numbers.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_add(0x9e37_79b9_7f4a_7c15)
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// A base, or N once in 32.
    fn code(&mut self) -> u8 {
        match self.next() % 128 {
            0..4 => 4,
            x => (x % 4) as u8,
        }
    }

    /// A value in +-1.
    fn value(&mut self) -> f32 {
        self.next() as f32 / (1u32 << 30) as f32 - 1.0
    }
}
