//! Predictions on the host.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use degu_core::Prediction;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::{Result, TrainError};

/// Predictions of all rows, row-major `[N, W]` with `W = T` or `B T`; spreads are standard
/// deviations in units of the target.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HostForecast {
    /// Rows `N`.
    pub rows: usize,
    /// Numbers per row `W`.
    pub width: usize,
    /// Means.
    pub mean: Vec<f32>,
    /// Spread between members.
    pub epistemic: Option<Vec<f32>>,
    /// Spread between replicates.
    pub aleatoric: Option<Vec<f32>>,
    /// Levels and values `[N, W, Q]` of predicted quantiles.
    pub quantiles: Option<(Vec<f32>, Vec<f32>)>,
}

impl HostForecast {
    /// An empty forecast that [`HostForecast::append`] fills.
    pub fn empty(width: usize) -> Self {
        Self {
            width,
            ..Self::default()
        }
    }

    /// Adds the rows of a prediction, `[n, T]` or `[n, B, T]`.
    ///
    /// # Errors
    ///
    /// If the prediction has another width, or other parts than the rows before.
    pub fn append(&mut self, prediction: &Prediction) -> Result<()> {
        let mean = host(&prediction.mean)?;
        let n = prediction.mean.dim(0)?;
        if mean.len() != n * self.width {
            return Err(TrainError::Core(degu_core::Error::Shape {
                name: "prediction",
                expected: "[n, W] of the forecast",
                got: prediction.mean.dims().to_vec(),
            }));
        }
        extend(
            &mut self.epistemic,
            prediction.epistemic.as_ref(),
            self.rows,
        )?;
        extend(
            &mut self.aleatoric,
            prediction.aleatoric.as_ref(),
            self.rows,
        )?;
        if let Some(q) = &prediction.quantiles {
            let levels: Vec<f32> = q.levels.iter().map(|l| *l as f32).collect();
            let (_, values) = self.quantiles.get_or_insert_with(|| (levels, Vec::new()));
            values.extend(host(&q.values)?);
        }
        self.mean.extend(mean);
        self.rows += n;
        Ok(())
    }

    /// Adds the rows of another forecast of the same parts.
    pub fn extend(&mut self, other: Self) {
        if self.rows == 0 {
            *self = other;
            return;
        }
        self.rows += other.rows;
        self.mean.extend(other.mean);
        for (all, part) in [
            (&mut self.epistemic, other.epistemic),
            (&mut self.aleatoric, other.aleatoric),
        ] {
            if let (Some(all), Some(part)) = (all, part) {
                all.extend(part);
            }
        }
        if let (Some((_, all)), Some((_, part))) = (&mut self.quantiles, other.quantiles) {
            all.extend(part);
        }
    }

    /// The rows of `index`, in that order.
    pub fn select(&self, index: &[usize]) -> Self {
        let pick = |values: &[f32], per_row: usize| -> Vec<f32> {
            index
                .iter()
                .flat_map(|&i| values[i * per_row..(i + 1) * per_row].iter().copied())
                .collect()
        };
        Self {
            rows: index.len(),
            width: self.width,
            mean: pick(&self.mean, self.width),
            epistemic: self.epistemic.as_deref().map(|v| pick(v, self.width)),
            aleatoric: self.aleatoric.as_deref().map(|v| pick(v, self.width)),
            quantiles: self
                .quantiles
                .as_ref()
                .map(|(levels, v)| (levels.clone(), pick(v, self.width * levels.len()))),
        }
    }

    /// Levels of the quantiles as they were written (0.05, not the nearest f32), and the quantiles
    /// in double precision.
    pub fn wide_quantiles(&self) -> Option<(Vec<f64>, Vec<f64>)> {
        let (levels, values) = self.quantiles.as_ref()?;
        // The shortest text that reads back as the f32 is the decimal that it was made of.
        let exact = |l: &f32| l.to_string().parse().unwrap_or_else(|_| f64::from(*l));
        Some((
            levels.iter().map(exact).collect(),
            values.iter().map(|v| f64::from(*v)).collect(),
        ))
    }

    /// As safetensors.
    ///
    /// # Errors
    ///
    /// If the tensors do not serialize.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
        let shape = vec![self.rows, self.width];
        tensors.insert("mean".into(), (shape.clone(), bytes(&self.mean)));
        for (name, part) in [
            ("epistemic", &self.epistemic),
            ("aleatoric", &self.aleatoric),
        ] {
            if let Some(values) = part {
                tensors.insert(name.into(), (shape.clone(), bytes(values)));
            }
        }
        if let Some((levels, values)) = &self.quantiles {
            tensors.insert("levels".into(), (vec![levels.len()], bytes(levels)));
            tensors.insert(
                "quantiles".into(),
                (vec![self.rows, self.width, levels.len()], bytes(values)),
            );
        }
        serialize(&tensors, None)
    }

    /// Reads [`HostForecast::to_bytes`].
    ///
    /// # Errors
    ///
    /// If the bytes are not such a file.
    pub fn from_bytes(data: &[u8]) -> Result<Self> {
        let tensors = deserialize(data)?;
        let part = |name: &str| tensors.get(name).map(|(_, v)| v.clone());
        let Some((shape, mean)) = tensors.get("mean") else {
            return Err(bad_file("a forecast has a tensor `mean`"));
        };
        let [rows, width] = shape[..] else {
            return Err(bad_file("`mean` of a forecast is [rows, width]"));
        };
        Ok(Self {
            rows,
            width,
            mean: mean.clone(),
            epistemic: part("epistemic"),
            aleatoric: part("aleatoric"),
            quantiles: part("levels").zip(part("quantiles")),
        })
    }
}

/// Values of a tensor, row-major, as f32.
pub(crate) fn host(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor
        .to_dtype(DType::F32)?
        .contiguous()?
        .flatten_all()?
        .to_vec1::<f32>()?)
}

fn extend(all: &mut Option<Vec<f32>>, part: Option<&Tensor>, rows_before: usize) -> Result<()> {
    match (part, all.as_mut()) {
        (Some(t), Some(all)) => all.extend(host(t)?),
        (Some(t), None) if rows_before == 0 => *all = Some(host(t)?),
        (None, None) => {}
        _ => {
            return Err(TrainError::Core(degu_core::Error::Shape {
                name: "prediction",
                expected: "the same parts (mean, epistemic, aleatoric) in every batch",
                got: vec![rows_before],
            }));
        }
    }
    Ok(())
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn bad_file(problem: &str) -> TrainError {
    TrainError::File {
        path: "safetensors".into(),
        problem: problem.to_owned(),
    }
}

/// Named f32 tensors as safetensors.
pub(crate) fn serialize(
    tensors: &BTreeMap<String, (Vec<usize>, Vec<u8>)>,
    metadata: Option<BTreeMap<String, String>>,
) -> Result<Vec<u8>> {
    let mut views = Vec::with_capacity(tensors.len());
    for (name, (shape, data)) in tensors {
        let view = TensorView::new(Dtype::F32, shape.clone(), data)
            .map_err(|e| bad_file(&e.to_string()))?;
        views.push((name.clone(), view));
    }
    let metadata = metadata.map(|m| m.into_iter().collect());
    safetensors::serialize(views, metadata).map_err(|e| bad_file(&e.to_string()))
}

/// Reads named f32 tensors.
pub(crate) fn deserialize(data: &[u8]) -> Result<BTreeMap<String, (Vec<usize>, Vec<f32>)>> {
    let file = SafeTensors::deserialize(data).map_err(|e| bad_file(&e.to_string()))?;
    let mut all = BTreeMap::new();
    for (name, view) in file.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(bad_file(&format!(
                "`{name}` is {:?}, expected F32",
                view.dtype()
            )));
        }
        let values = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        all.insert(name, (view.shape().to_vec(), values));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forecasts_survive_a_file_bit_for_bit() {
        let forecast = HostForecast {
            rows: 2,
            width: 1,
            mean: vec![0.1, -0.0],
            epistemic: Some(vec![1e-30, f32::NAN]),
            aleatoric: None,
            quantiles: Some((vec![0.1, 0.9], vec![1., 2., 3., 4.])),
        };
        let back = HostForecast::from_bytes(&forecast.to_bytes().unwrap()).unwrap();
        assert_eq!(format!("{forecast:?}"), format!("{back:?}"));
        assert_eq!(back.select(&[1]).quantiles.unwrap().1, [3., 4.]);
        let levels = back.wide_quantiles().unwrap().0;
        assert_eq!(
            levels,
            [0.1, 0.9],
            "levels are decimals, not the nearest f32"
        );
    }
}
