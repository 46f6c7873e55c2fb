//! Maps of one model and target, with a checkpoint each.

use candle_core::{Device, Tensor};
use degu_core::{Attributor, Form, Predictor, Target};
use degu_train::{backend::Weights, model_file};

use crate::{error::Result, results::PreparedData};
use degu_workflow::execute::TaskContext;

/// Sequences that pass through a network at once.
const BATCH: usize = 16;

/// Explains the chosen sequences with one model, or goes on from the checkpoint of a killed task.
pub(super) struct Explainer<'a> {
    pub(super) attributor: Box<dyn Attributor>,
    pub(super) data: &'a PreparedData,
    pub(super) rows: &'a [usize],
    pub(super) seeds: Vec<degu_core::Seed>,
    pub(super) context: &'a TaskContext<'a>,
}

/// Maps of one model and target, and the error of each.
pub(super) type Maps = (Vec<f32>, Option<Vec<f32>>, Form);

impl Explainer<'_> {
    pub(super) fn explain(
        &self,
        model: &dyn Predictor,
        target: Target,
        number: usize,
    ) -> Result<Maps> {
        let checkpoint = format!("maps-{number}");
        if let Some(bytes) = self.context.partial().load(&checkpoint)?
            && let Some(found) = read(&bytes)
        {
            return Ok(found);
        }
        let length = self.data.info.length;
        let mut values = Vec::with_capacity(self.rows.len() * length * 4);
        let mut delta: Option<Vec<f32>> = None;
        let mut form = Form::Hypothetical;
        for (batch, seeds) in self.rows.chunks(BATCH).zip(self.seeds.chunks(BATCH)) {
            self.context.check()?;
            let mut codes = Vec::new();
            self.data.examples.gather(batch, &mut codes);
            let codes = Tensor::from_vec(codes, (batch.len(), length), &Device::Cpu)?;
            let map = self
                .attributor
                .attribute_one(model, &codes, target, seeds)?;
            form = map.form;
            values.extend(map.values.flatten_all()?.to_vec1::<f32>()?);
            if let Some(found) = map.delta {
                let found = found.into_iter().map(|d| d as f32);
                delta.get_or_insert_default().extend(found);
            }
        }
        let found = (values, delta, form);
        self.context.partial().save(&checkpoint, &write(&found)?)?;
        Ok(found)
    }

    /// Error of the sums of maps against what they explain, over sequences without N.
    pub(super) fn completeness(&self, (values, delta, form): &Maps) -> Option<(usize, f64, f64)> {
        let delta = delta.as_ref()?;
        let per = self.data.info.length * 4;
        let (mut n, mut error, mut size, mut largest) = (0usize, 0.0f64, 0.0f64, 0.0f64);
        for ((row, map), delta) in self.rows.iter().zip(values.chunks(per)).zip(delta) {
            let codes = self.data.examples.row(*row);
            if codes.iter().any(|c| *c > 3) {
                continue;
            }
            let delta = f64::from(*delta);
            let sum: f64 = observed(*form, map, codes).map(f64::from).sum();
            n += 1;
            error += delta.abs();
            size += (sum - delta).abs();
            largest = largest.max(delta.abs());
        }
        let count = n.max(1) as f64;
        Some((n, error / count / (size / count).max(1e-12), largest))
    }
}

/// What each position contributes.
pub(super) fn observed<'a>(
    form: Form,
    map: &'a [f32],
    codes: &'a [u8],
) -> impl Iterator<Item = f32> + 'a {
    map.chunks(4)
        .zip(codes)
        .map(move |(four, code)| match form {
            Form::ShapValues => four.iter().sum(),
            Form::Hypothetical | Form::Observed => {
                four.get(usize::from(*code)).copied().unwrap_or(0.0)
            }
        })
}

fn write((values, delta, form): &Maps) -> Result<Vec<u8>> {
    let mut tensors = Weights::new();
    tensors.insert("values".to_owned(), (vec![values.len()], values.clone()));
    if let Some(delta) = delta {
        tensors.insert("delta".to_owned(), (vec![delta.len()], delta.clone()));
    }
    let form = match form {
        Form::Hypothetical => 0.0,
        Form::Observed => 1.0,
        Form::ShapValues => 2.0,
    };
    tensors.insert("form".to_owned(), (vec![1], vec![form]));
    Ok(model_file::weights_to_bytes(&tensors)?)
}

fn read(bytes: &[u8]) -> Option<Maps> {
    let mut tensors = model_file::weights_from_bytes(bytes).ok()?;
    let form = match tensors.remove("form")?.1.first().copied()? as u8 {
        0 => Form::Hypothetical,
        1 => Form::Observed,
        _ => Form::ShapValues,
    };
    let delta = tensors.remove("delta").map(|(_, values)| values);
    Some((tensors.remove("values")?.1, delta, form))
}
