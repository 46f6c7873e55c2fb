//! Example: occlusion, the loss of a prediction when a base is unknown.
//!
//! Use it as a check of gradients: it asks the model only for predictions, and is easy to explain.
//! It sees one position at a time, so two sites that stand in for each other both look unimportant;
//! and it needs one prediction for each position.
//!
//! # Model
//!
//! `f(x) - f(x with N at the position)` at the base that the sequence has, 0 at the other bases.
//!
//! # Parameters
//!
//! None.
//!
//! # Citation
//!
//! Zeiler and Fergus 2013, arXiv:1311.2901, for images.
//!
//! # Differs from the original in
//!
//! - single bases instead of squares of pixels.
//!
//! # Source of golden numbers
//!
//! On a linear model the map is its weights (contract suite).

use candle_core::Tensor;
use degu_core::{
    Attribution, Attributor, Form, PluginConfig, Predictor, Result, Seed, Target, explain,
};
use degu_genome::N;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Loss of a predicted number when a base is unknown.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Example {}

impl PluginConfig for Example {}

impl Attributor for Example {
    fn attribute(
        &self,
        model: &dyn Predictor,
        codes: &Tensor,
        targets: &[Target],
        _seeds: &[Seed],
    ) -> Result<Vec<Attribution>> {
        let (n, length) = explain::check_codes(model, codes)?;
        let own = model.values(codes, targets)?;
        let mut maps = vec![vec![0.0; n * length * 4]; targets.len()];
        for (i, row) in codes.to_vec2::<u8>()?.iter().enumerate() {
            let mut hidden = row.repeat(length);
            for position in 0..length {
                hidden[position * length + position] = N;
            }
            let hidden = Tensor::from_vec(hidden, (length, length), codes.device())?;
            let values = model.values(&hidden, targets)?;
            for ((map, values), own) in maps.iter_mut().zip(values).zip(&own) {
                for (position, (base, value)) in row.iter().zip(values).enumerate() {
                    if *base < N {
                        map[(i * length + position) * 4 + usize::from(*base)] = own[i] - value;
                    }
                }
            }
        }
        // One map for each target, in the method's own form.
        let map = |values: Vec<f64>| -> Result<Attribution> {
            let values = Tensor::from_vec(values, (n, length, 4), codes.device())?;
            let values = values.to_dtype(model.dtype())?;
            Ok(Attribution::new(Form::Observed, values))
        };
        maps.into_iter().map(map).collect()
    }
}

degu_core::register!(Attributor "example", Example, revision = 1,
    "loss of a prediction when a base is unknown",
    cite = "arXiv:1311.2901");

degu_core::document!("lib.rs");
