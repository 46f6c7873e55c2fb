//! Targets of training, and the rule for a student's labels.
//!
//! A student trains on what its teacher says and is judged by what was measured (Zhou et al. 2026):
//!
//! | rows | activity | epistemic | aleatoric |
//! |---|---|---|---|
//! | train | teacher mean | teacher spread | root of the mean of the members' aleatoric variances, or the replicate spread where members have none |
//! | validation, calibration, test | measured | teacher spread | measured replicate spread |
//!
//! Spreads combine on one scale only. A likelihood's aleatoric output (a heteroscedastic member) is
//! the spread of the target around the mean, and the target of several replicates is their mean:
//! that is not the spread *between* replicates, so students of such members take it from the
//! teacher for every row (`measured` is then given without a replicate spread).

use candle_core::{Device, Tensor};
use degu_core::{LabelWeights, Masked, OutputKind, Targets};

use crate::{HostForecast, Result, TrainError};

/// Labels of all rows, row-major `[N, W]` with `W = T` or `B T`; NaN where unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    /// Numbers per row.
    pub width: usize,
    /// Activity.
    pub mean: Vec<f32>,
    /// Spread between the members of a teacher, a standard deviation.
    pub epistemic: Option<Vec<f32>>,
    /// Spread between replicates, a standard deviation.
    pub aleatoric: Option<Vec<f32>>,
    /// Weight of each row, `[N]`.
    pub weight: Option<Vec<f32>>,
    /// Weight of each value, `[N, W]`, times that of its row.
    pub value_weight: Option<Vec<f32>>,
}

impl Labels {
    /// Measured labels.
    pub fn measured(
        width: usize,
        y: Vec<f32>,
        replicate_std: Option<Vec<f32>>,
        weight: Option<Vec<f32>>,
    ) -> Self {
        Self {
            width,
            mean: y,
            epistemic: None,
            aleatoric: replicate_std,
            weight,
            value_weight: None,
        }
    }

    /// The same labels, weighed as a head wants them.
    ///
    /// # Shapes
    ///
    /// * `barcodes` - `[N, W]`
    ///
    /// # Errors
    ///
    /// [`Error::Missing`](degu_core::Error::Missing) if barcodes are wanted and there are none.
    pub fn weighed(&self, weights: LabelWeights, barcodes: Option<&[f32]>) -> Result<Self> {
        let mut labels = self.clone();
        if weights != LabelWeights::Rows {
            let barcodes = barcodes.filter(|b| b.len() == self.mean.len()).ok_or(
                TrainError::Core(degu_core::Error::Missing {
                    what: "the number of barcodes behind each target",
                    by: "a head that weighs by barcodes",
                    help: "name the columns in `dataset.barcodes`, or leave the weights of the head at \"rows\"",
                }),
            )?;
            labels.value_weight = Some(barcodes.iter().map(|n| weights.of(*n)).collect());
        }
        Ok(labels)
    }

    /// Number of rows `N`.
    pub fn rows(&self) -> usize {
        self.mean.len() / self.width.max(1)
    }

    /// Whether the row has any known activity.
    pub fn has_activity(&self, row: usize) -> bool {
        self.mean[row * self.width..(row + 1) * self.width]
            .iter()
            .any(|v| v.is_finite())
    }

    /// Mean and standard deviation (ddof 0) of the known activities of `rows`, per task.
    pub fn moments(&self, rows: &[usize], tasks: usize) -> (Vec<f64>, Vec<f64>) {
        let mut sums = vec![(0usize, 0f64, 0f64); tasks];
        for &row in rows {
            for (j, v) in self.mean[row * self.width..(row + 1) * self.width]
                .iter()
                .enumerate()
            {
                if v.is_finite() {
                    let (n, mean, m2) = &mut sums[j % tasks];
                    *n += 1;
                    let delta = f64::from(*v) - *mean;
                    *mean += delta / *n as f64;
                    *m2 += delta * (f64::from(*v) - *mean);
                }
            }
        }
        sums.into_iter()
            .map(|(n, mean, m2)| (mean, (m2 / n.max(1) as f64).sqrt()))
            .unzip()
    }

    /// The targets of some rows as tensors, `[n, T]` or `[n, B, T]`; missing values are 0 under a
    /// mask of 0.
    ///
    /// # Errors
    ///
    /// A tensor that cannot be made on the device.
    pub fn targets(
        &self,
        index: &[usize],
        tasks: usize,
        output: OutputKind,
        device: &Device,
    ) -> Result<Targets> {
        let masked = |values: &[f32]| self.masked(values, index, tasks, output, device);
        Ok(Targets {
            mean: masked(&self.mean)?,
            epistemic: self.epistemic.as_deref().map(masked).transpose()?,
            aleatoric: self.aleatoric.as_deref().map(masked).transpose()?,
        })
    }

    fn masked(
        &self,
        values: &[f32],
        index: &[usize],
        tasks: usize,
        output: OutputKind,
        device: &Device,
    ) -> Result<Masked> {
        let mut value = Vec::with_capacity(index.len() * self.width);
        let mut mask = Vec::with_capacity(index.len() * self.width);
        for &row in index {
            let weight = self.weight.as_ref().map_or(1.0, |w| w[row]);
            for at in row * self.width..(row + 1) * self.width {
                let v = values[at];
                let weight = weight * self.value_weight.as_ref().map_or(1.0, |w| w[at]);
                value.push(if v.is_finite() { v } else { 0.0 });
                mask.push(if v.is_finite() { weight } else { 0.0 });
            }
        }
        let shape = match output {
            OutputKind::Scalar => vec![index.len(), tasks],
            OutputKind::Profile { bins } => vec![index.len(), bins, tasks],
        };
        Ok(Masked {
            value: Tensor::from_vec(value, shape.as_slice(), device)?,
            mask: Tensor::from_vec(mask, shape.as_slice(), device)?,
        })
    }
}

/// What a student learns from.
#[derive(Debug, Clone, Copy)]
pub struct StudentLabels<'a> {
    /// What was measured.
    pub measured: &'a Labels,
    /// What the teacher says of every row.
    pub teacher: &'a HostForecast,
    /// Rows of the training split.
    pub train: &'a [usize],
    /// Whether the student learns the spread between members.
    pub epistemic: bool,
    /// Whether the student learns the spread between replicates.
    pub aleatoric: bool,
}

impl StudentLabels<'_> {
    /// The labels by the rule of the module documentation.
    ///
    /// # Errors
    ///
    /// If teacher and measurements differ in size, or an aleatoric target is wanted and neither has
    /// one.
    pub fn assemble(&self) -> Result<Labels> {
        let (measured, teacher) = (self.measured, self.teacher);
        if teacher.mean.len() != measured.mean.len() {
            return Err(TrainError::Core(degu_core::Error::Shape {
                name: "teacher forecast",
                expected: "one value per measured value",
                got: vec![teacher.mean.len(), measured.mean.len()],
            }));
        }
        let missing = |what, help| {
            TrainError::Core(degu_core::Error::Missing {
                what,
                by: "`distill.targets`",
                help,
            })
        };
        let width = measured.width;
        let mut labels = measured.clone();
        labels.epistemic = match (self.epistemic, &teacher.epistemic) {
            (false, _) => None,
            (true, Some(spread)) => Some(spread.clone()),
            (true, None) => {
                return Err(missing(
                    "a spread between members",
                    "use at least 2 members",
                ));
            }
        };
        labels.aleatoric = match (self.aleatoric, &measured.aleatoric, &teacher.aleatoric) {
            (false, _, _) => None,
            (true, Some(replicates), _) => Some(replicates.clone()),
            // Without replicates a heteroscedastic teacher is the only source, for every split.
            (true, None, Some(teacher)) => Some(teacher.clone()),
            (true, None, None) => {
                return Err(missing(
                    "an aleatoric spread",
                    "give the dataset replicate columns, or the members a head with an aleatoric output",
                ));
            }
        };
        for &row in self.train {
            let range = row * width..(row + 1) * width;
            labels.mean[range.clone()].copy_from_slice(&teacher.mean[range.clone()]);
            if let (Some(labels), Some(teacher)) = (&mut labels.aleatoric, &teacher.aleatoric) {
                labels[range.clone()].copy_from_slice(&teacher[range]);
            }
        }
        Ok(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn teacher(aleatoric: bool) -> HostForecast {
        HostForecast {
            rows: 3,
            width: 2,
            mean: vec![10., 11., 12., 13., 14., 15.],
            epistemic: Some(vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
            aleatoric: aleatoric.then(|| vec![1.1, 1.2, 1.3, 1.4, 1.5, 1.6]),
            quantiles: None,
        }
    }

    #[test]
    fn train_rows_follow_the_teacher_and_the_rest_the_measurement() {
        let measured = Labels::measured(
            2,
            vec![1., 2., f32::NAN, 4., 5., 6.],
            Some(vec![0.5; 6]),
            None,
        );
        let teacher = teacher(true);
        let rule = StudentLabels {
            measured: &measured,
            teacher: &teacher,
            train: &[1],
            epistemic: true,
            aleatoric: true,
        };
        let labels = rule.assemble().unwrap();
        assert_eq!(labels.mean, [1., 2., 12., 13., 5., 6.]);
        assert_eq!(labels.epistemic.unwrap(), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
        assert_eq!(labels.aleatoric.unwrap(), [0.5, 0.5, 1.3, 1.4, 0.5, 0.5]);
    }

    #[test]
    fn an_aleatoric_target_needs_a_source() {
        let measured = Labels::measured(2, vec![0.; 6], None, None);
        let teacher = teacher(false);
        let rule = StudentLabels {
            measured: &measured,
            teacher: &teacher,
            train: &[],
            epistemic: false,
            aleatoric: true,
        };
        assert!(
            rule.assemble()
                .unwrap_err()
                .to_string()
                .contains("replicate columns")
        );
    }

    #[test]
    fn missing_values_are_masked_and_weights_enter_the_mask() {
        let labels = Labels::measured(2, vec![1., f32::NAN, 3., 4.], None, Some(vec![2., 0.5]));
        let targets = labels
            .targets(&[1, 0], 2, OutputKind::Scalar, &Device::Cpu)
            .unwrap();
        assert_eq!(
            targets.mean.value.to_vec2::<f32>().unwrap(),
            [[3., 4.], [1., 0.]]
        );
        assert_eq!(
            targets.mean.mask.to_vec2::<f32>().unwrap(),
            [[0.5, 0.5], [2., 0.]]
        );
    }

    #[test]
    fn barcodes_weigh_values_and_an_unknown_number_does_not() {
        let labels = Labels::measured(2, vec![1., 2., 3., f32::NAN], None, Some(vec![1., 2.]));
        let half = LabelWeights::Barcodes { half: 10.0 };
        let weighed = labels
            .weighed(half, Some(&[10.0, f32::NAN, 30.0, 30.0]))
            .unwrap();
        let targets = weighed
            .targets(&[0, 1], 2, OutputKind::Scalar, &Device::Cpu)
            .unwrap();
        assert_eq!(
            targets.mean.mask.to_vec2::<f32>().unwrap(),
            [[0.5, 1.0], [1.5, 0.0]]
        );
        assert!(
            labels
                .weighed(half, None)
                .unwrap_err()
                .to_string()
                .contains("dataset.barcodes")
        );
        let plain = labels.weighed(LabelWeights::Rows, None).unwrap();
        assert_eq!(plain.value_weight, None);
    }

    #[test]
    fn moments_skip_missing_values() {
        let labels = Labels::measured(1, vec![1., f32::NAN, 3.], None, None);
        let (mean, std) = labels.moments(&[0, 1, 2], 1);
        assert_eq!((mean[0], std[0]), (2.0, 1.0));
    }
}
