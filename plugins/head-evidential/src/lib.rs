//! Head `evidential`: a normal-inverse-gamma distribution per task, from one network and one pass.
//!
//! Use it to compare with work that does: it predicts both spreads from one network at no extra
//! cost. Its epistemic spread is not one that data identify, and often only follows the aleatoric
//! one; an ensemble, or a student of it, is the better measure.
//!
//! # Model
//!
//! Four raw outputs per task in blocks `[gamma | nu | alpha | beta]` of T columns; nu, alpha - 1
//! and beta are `ln(1 + exp(raw))`. The loss is the negative logarithm of the Student t evidence
//! with `2 alpha` degrees of freedom, plus `penalty |y - gamma| (2 nu + alpha)`, which takes
//! evidence away from rows that are predicted badly. Then
//!
//! | part | variance |
//! |---|---|
//! | aleatoric | `beta / (alpha - 1)` |
//! | epistemic | `beta / (nu (alpha - 1))` |
//!
//! Evidential spreads depend on `penalty` and are no posterior: take them as a score to calibrate,
//! and never as the only baseline.
//!
//! # Parameters
//!
//! See [`Evidential`].
//!
//! # Citation
//!
//! Amini et al., NeurIPS 2020, arXiv:1910.02600.
//!
//! # Differs from the original in
//!
//! - targets are in units of each task's standard deviation, so `penalty` has no unit;
//! - `alpha - 1` is at least 1e-6 in predictions, nu and beta at least 1e-12: the variances diverge
//!   without;
//! - the head published under this name with DEGU is a normal likelihood whose standard deviation
//!   is read as the logarithm of the variance: see the head `gaussian-logvar-min1`.
//!
//! # Source of golden numbers
//!
//! `heads/nig` of the uncertainty fixtures: loss and gradient against analytic values, and against
//! the Student t density.

use candle_core::Tensor;
use degu_core::{
    Components, Ctx, Head, LabelInfo, PluginConfig, Prediction, Result, Targets, UncertaintyHead,
};
use degu_nn::{
    columns::{block, in_units, per_task, scales},
    loss::{self, Evidence},
    ops,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Smallest `alpha - 1` of a prediction.
const ALPHA_FLOOR: f64 = 1e-6;
/// Smallest nu and beta.
const FLOOR: f64 = 1e-12;

/// Mean, epistemic and aleatoric standard deviation by the evidence of a normal-inverse-gamma
/// distribution.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Evidential {
    /// Weight of the evidence of wrong predictions (lambda): 0.01 in the paper, 1 by default in its
    /// public code.
    #[schemars(range(min = 0.0))]
    pub penalty: f64,
}

impl Default for Evidential {
    fn default() -> Self {
        Self { penalty: 0.01 }
    }
}

impl PluginConfig for Evidential {}

impl UncertaintyHead for Evidential {
    fn labels(&self) -> Components {
        Components::default()
    }

    fn components(&self, _labels: Components) -> Components {
        Components {
            aleatoric: true,
            epistemic: true,
        }
    }

    fn bind(&self, info: &LabelInfo) -> Result<Box<dyn Head>> {
        Ok(Box::new(Bound {
            scales: scales(info),
            penalty: self.penalty,
        }))
    }
}

struct Bound {
    scales: Vec<f64>,
    penalty: f64,
}

impl Bound {
    fn block(&self, raw: &Tensor, k: usize) -> Result<Tensor> {
        block(raw, k, self.scales.len())
    }

    /// A positive parameter in training.
    fn positive(&self, raw: &Tensor, k: usize) -> Result<Tensor> {
        let value = ops::softplus(&self.block(raw, k)?, &Ctx::eval())?;
        // Far below any useful value, and only there to keep the logarithm finite.
        ops::clamp(&value, FLOOR, f64::MAX, &Ctx::eval())
    }

    /// The logarithm of a positive parameter: of logarithms, spreads are linear up to one
    /// exponential, and can be attributed.
    fn log_positive(&self, raw: &Tensor, k: usize, floor: f64, ctx: &Ctx<'_>) -> Result<Tensor> {
        ops::ln_softplus(&self.block(raw, k)?, floor, ctx)
    }

    /// `exp(log_var / 2)` in units of the target.
    fn std(&self, log_var: &Tensor, ctx: &Ctx<'_>) -> Result<Tensor> {
        let std = ops::exp(&(log_var * 0.5)?, ctx)?;
        Ok(std.broadcast_mul(&per_task(log_var, &self.scales)?)?)
    }
}

impl Head for Bound {
    fn outputs(&self) -> usize {
        4 * self.scales.len()
    }

    fn loss(&self, raw: &Tensor, targets: &Targets) -> Result<Tensor> {
        let gamma = self.block(raw, 0)?;
        let evidence = Evidence {
            gamma: gamma.broadcast_div(&per_task(raw, &self.scales)?)?,
            nu: self.positive(raw, 1)?,
            alpha: (self.positive(raw, 2)? + 1.0)?,
            beta: self.positive(raw, 3)?,
        };
        let target = in_units(&targets.mean, &self.scales)?;
        loss::evidential(&evidence, &target, self.penalty)
    }

    fn predict(&self, raw: &Tensor, ctx: &mut Ctx<'_>) -> Result<Prediction> {
        let nu = self.log_positive(raw, 1, FLOOR, ctx)?;
        let alpha = self.log_positive(raw, 2, ALPHA_FLOOR, ctx)?;
        let beta = self.log_positive(raw, 3, FLOOR, ctx)?;
        let aleatoric = (beta - alpha)?;
        let mut prediction = Prediction::of_mean(self.block(raw, 0)?);
        prediction.aleatoric = Some(self.std(&aleatoric, ctx)?);
        prediction.epistemic = Some(self.std(&(aleatoric - nu)?, ctx)?);
        Ok(prediction)
    }
}

degu_core::register!(UncertaintyHead "evidential", Evidential, revision = 1,
    "mean, epistemic and aleatoric spread by the evidence of a normal-inverse-gamma distribution",
    cite = "arXiv:1910.02600");

degu_core::document!("lib.rs");
