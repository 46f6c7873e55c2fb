//! Predictions of every model of a set.

use degu_train::{Backend, Device, HostForecast};

use crate::{ModelSet, Result, Window};

/// Predictions with every model of a set, one batch of sequences at a time.
pub struct Scorer {
    backends: Vec<Box<dyn Backend>>,
    members: Vec<usize>,
    window: Window,
    strands: bool,
    tasks: usize,
    batch: usize,
}

/// Predictions of some sequences.
#[derive(Debug, Clone, Default)]
pub struct ModelScores {
    /// Means of each model, `[model][row * tasks + task]`.
    pub mean: Vec<Vec<f64>>,
    /// Epistemic standard deviations of the models that predict one.
    pub epistemic: Vec<Option<Vec<f64>>>,
}

impl Scorer {
    /// Opens all models. `strands` averages the predictions of both strands of an element (flanks
    /// stay).
    ///
    /// # Errors
    ///
    /// A device that is not there, whatever a plugin fails with.
    pub fn open(
        models: &ModelSet,
        device: &Device,
        threads: usize,
        strands: bool,
        batch: usize,
    ) -> Result<Self> {
        let device = device.open()?;
        let mut backends = Vec::new();
        for model in &models.models {
            backends.push(model.saved.open(&device, threads.max(1))?);
        }
        Ok(Self {
            backends,
            members: models.members(),
            window: Window::of(models.card())?,
            strands,
            tasks: models.card().labels.tasks.len(),
            batch: batch.max(1),
        })
    }

    /// The models' input.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Number of tasks.
    pub fn tasks(&self) -> usize {
        self.tasks
    }

    /// Places of the members.
    pub fn members(&self) -> &[usize] {
        &self.members
    }

    /// Places of the models whose mean is the prediction: the members if there are several, else
    /// all models.
    pub(crate) fn averaged(&self) -> Vec<usize> {
        if self.members.len() > 1 {
            self.members.clone()
        } else {
            (0..self.backends.len()).collect()
        }
    }

    /// Predictions of whole inputs, row-major `[n, L]`, of models that predict one number a task.
    ///
    /// # Errors
    ///
    /// Whatever a model fails with.
    pub fn predict(&mut self, codes: &[u8]) -> Result<ModelScores> {
        let length = self.window.length();
        let reversed = self.strands.then(|| self.window.reverse_strand(codes));
        let mut scores = ModelScores::default();
        for backend in &mut self.backends {
            let mut forecast = |codes: &[u8]| -> Result<HostForecast> {
                let mut all = HostForecast::empty(self.tasks);
                for piece in codes.chunks(self.batch * length) {
                    all.extend(backend.predict(piece, piece.len() / length)?);
                }
                Ok(all)
            };
            let forward = forecast(codes)?;
            let reverse = reversed.as_deref().map(forecast).transpose()?;
            let mean = |forward: &[f32], reverse: Option<&[f32]>| -> Vec<f64> {
                let wide = forward.iter().map(|v| f64::from(*v));
                match reverse {
                    None => wide.collect(),
                    Some(reverse) => wide
                        .zip(reverse)
                        .map(|(a, b)| f64::midpoint(a, f64::from(*b)))
                        .collect(),
                }
            };
            let reverse = reverse.as_ref();
            scores.mean.push(mean(
                &forward.mean,
                reverse.map(|other| other.mean.as_slice()),
            ));
            let other = reverse.and_then(|other| other.epistemic.as_deref());
            let epistemic = forward.epistemic.as_deref().map(|own| mean(own, other));
            scores.epistemic.push(epistemic);
        }
        Ok(scores)
    }
}

/// Mean and standard deviation (ddof 1) of some numbers; no standard deviation of fewer than two.
pub(crate) fn mean_and_sd(values: &[f64]) -> (f64, Option<f64>) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n.max(1.0);
    let sd = (values.len() > 1).then(|| {
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        (squares / (n - 1.0)).sqrt()
    });
    (mean, sd)
}
