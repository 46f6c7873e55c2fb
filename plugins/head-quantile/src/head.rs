//! The head bound to its labels.

use candle_core::{D, Tensor};
use degu_core::{Ctx, Error, Head, LabelInfo, Mode, Prediction, Quantiles, Result, Targets};
use degu_nn::{
    columns::{block, per_task, scales},
    loss, ops,
};
use degu_stats::special::normal_quantile;

use crate::{Aleatoric, Crossing, Quantile};

pub(crate) struct Bound {
    config: Quantile,
    scales: Vec<f64>,
    /// Place of the median among the levels.
    centre: usize,
}

impl Bound {
    pub(crate) fn new(config: Quantile, info: &LabelInfo) -> Self {
        Self {
            // The parameters were checked when they were read.
            centre: config.centre().unwrap_or_default(),
            scales: scales(info),
            config,
        }
    }

    /// Column block of a level: the median, then the levels below outwards, then those above.
    fn block_of(&self, level: usize) -> usize {
        match level {
            l if l == self.centre => 0,
            l if l < self.centre => self.centre - l,
            l => l,
        }
    }

    /// Values by level, `[.., T]` each; in training and prediction alike, unless they are free and
    /// to be sorted.
    fn values(&self, raw: &Tensor, ctx: &Ctx<'_>) -> Result<Vec<Tensor>> {
        let tasks = self.scales.len();
        let own = |level: usize| block(raw, self.block_of(level), tasks);
        let levels = self.config.levels.len();
        if self.config.crossing == Crossing::Sorted {
            return (0..levels).map(own).collect();
        }
        let scale = per_task(raw, &self.scales)?;
        let step = |level: usize| -> Result<Tensor> {
            Ok(ops::softplus(&own(level)?, ctx)?.broadcast_mul(&scale)?)
        };
        let median = own(self.centre)?;
        let mut below = Vec::new();
        for level in (0..self.centre).rev() {
            let inner = below.last().unwrap_or(&median);
            below.push((inner - step(level)?)?);
        }
        let mut values: Vec<Tensor> = below.into_iter().rev().collect();
        values.push(median);
        for level in self.centre + 1..levels {
            let next = (&values[level - 1] + step(level)?)?;
            values.push(next);
        }
        Ok(values)
    }

    /// Sorts the levels of each row and task by exchanges, through which gradients flow.
    fn sort(values: &mut [Tensor]) -> Result<()> {
        for round in 0..values.len() {
            for k in (round % 2..values.len().saturating_sub(1)).step_by(2) {
                let (low, high) = (
                    values[k].minimum(&values[k + 1])?,
                    values[k].maximum(&values[k + 1])?,
                );
                values[k] = low;
                values[k + 1] = high;
            }
        }
        Ok(())
    }

    /// `sum z (q - median) / sum z^2` with the normal quantiles `z` of the levels: not negative,
    /// because quantiles do not cross.
    fn normal_std(&self, values: &[Tensor]) -> Result<Tensor> {
        let z: Vec<f64> = self
            .config
            .levels
            .iter()
            .map(|l| normal_quantile(*l))
            .collect();
        let squares: f64 = z.iter().map(|z| z * z).sum();
        let median = &values[self.centre];
        let mut sum = median.zeros_like()?;
        for (value, z) in values.iter().zip(z) {
            sum = (sum + ((value - median)? * (z / squares))?)?;
        }
        Ok(sum)
    }
}

impl Head for Bound {
    fn outputs(&self) -> usize {
        self.config.levels.len() * self.scales.len()
    }

    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        let values = self.values(raw, &Ctx::eval())?;
        let values = Tensor::stack(&values, D::Minus1)?;
        loss::pinball(&values, &self.config.levels, &targets.mean)
    }

    fn predict(&self, raw: &Tensor, ctx: &mut Ctx<'_>) -> Result<Prediction> {
        let mut values = self.values(raw, ctx)?;
        if self.config.crossing == Crossing::Sorted {
            if matches!(ctx.mode(), Mode::Rescale) {
                return Err(Error::Unsupported {
                    operation: "sorting the quantiles of a row".to_owned(),
                    rule: "rescale rule (DeepLIFT)",
                    help: "train with `crossing = \"steps\"`, or use another attribution method",
                });
            }
            Self::sort(&mut values)?;
        }
        let mut prediction = Prediction::of_mean(values[self.centre].clone());
        if self.config.aleatoric == Aleatoric::Normal {
            prediction.aleatoric = Some(self.normal_std(&values)?);
        }
        prediction.quantiles = Some(Quantiles {
            levels: self.config.levels.clone(),
            values: Tensor::stack(&values, D::Minus1)?,
        });
        Ok(prediction)
    }
}
