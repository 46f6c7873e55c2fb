//! After an epoch: running statistics of batch norms, and the validation rows.

use super::Fitter;
use crate::{Backend, Result, examples::shuffled};

/// Rows of a validation pass that are evaluated at once.
const VALIDATION_ROWS: usize = 4096;

impl Fitter<'_> {
    /// Computes running statistics anew from unchanged training rows, if asked for.
    pub(super) fn recalibrate(
        &self,
        backend: &mut dyn Backend,
        train: &[usize],
        epoch: usize,
        batch_size: usize,
    ) -> Result<()> {
        let Some(count) = self.options.recalibrate else {
            return Ok(());
        };
        let stream = self.stream("recalibration").child(format!("epoch/{epoch}"));
        let mut rows = shuffled(train, &stream);
        rows.truncate(count.max(2));
        let mut codes = Vec::new();
        self.data.examples.gather(&rows, &mut codes);
        backend.recalibrate(&codes, rows.len(), batch_size)
    }

    /// Loss and mean Pearson correlation on the validation rows.
    pub(super) fn validate(
        &self,
        backend: &mut dyn Backend,
        validation: &[usize],
    ) -> Result<(f64, Option<f64>)> {
        let (tasks, output) = (self.data.examples.tasks, self.data.examples.output);
        let (mut total, mut rows) = (0.0, 0);
        let mut codes = Vec::new();
        let mut pairs: Vec<(Vec<f64>, Vec<f64>)> = vec![(Vec::new(), Vec::new()); tasks];
        for index in validation.chunks(VALIDATION_ROWS) {
            self.data.examples.gather(index, &mut codes);
            let targets =
                self.data
                    .labels
                    .targets(index, tasks, output, backend.tensor_device())?;
            let (loss, forecast) = backend.evaluate(&codes, index.len(), &targets)?;
            total += loss * index.len() as f64;
            rows += index.len();
            let width = self.data.examples.width();
            for (k, &row) in index.iter().enumerate() {
                for j in 0..width {
                    let y = self.data.labels.mean[row * width + j];
                    if y.is_finite() {
                        let (a, b) = &mut pairs[j % tasks];
                        a.push(f64::from(y));
                        b.push(f64::from(forecast.mean[k * width + j]));
                    }
                }
            }
        }
        let correlations: Vec<f64> = pairs
            .iter()
            .filter_map(|(a, b)| degu_stats::metrics::pearson(a, b).ok().flatten())
            .collect();
        let pearson =
            (correlations.len() == tasks).then(|| correlations.iter().sum::<f64>() / tasks as f64);
        Ok((total / rows as f64, pearson))
    }
}
