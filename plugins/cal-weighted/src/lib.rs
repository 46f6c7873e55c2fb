//! Weighted conformal intervals: calibration rows count by how typical they are of the sequences
//! that intervals are wanted for.
//!
//! Use it where the sequences of interest differ from the calibration rows in composition and their
//! labels are unknown. It needs overlap: if no calibration row looks like them, few rows carry all
//! the weight and intervals become infinite. Without a shift `split-conformal` is narrower.
//!
//! # Model
//!
//! A logistic classifier tells calibration rows from target rows by their features (GC content,
//! k-mers, the prediction itself); its odds estimate the density ratio, cross-fitted over five
//! folds and clipped at a quantile of themselves. A target row's quantile is that of the weighted
//! scores with its own weight at infinity. The effective sample size (sum w)^2 / sum w^2 is always
//! told; below max(50, 1 / alpha) the two sets hardly overlap and intervals are infinite, or an
//! error, unless `force` is set.
//!
//! It repairs a shift of the sequences alone. Where the same sequence has another activity (another
//! cell type, another batch), new measurements are needed.
//!
//! # Parameters
//!
//! See [`WeightedConfig`].
//!
//! # Citation
//!
//! Tibshirani, Barber, Candes, Ramdas, NeurIPS (2019), arXiv:1904.06019; fixed weights: Barber et
//! al., Annals of Statistics 51:816 (2023), doi:10.1214/23-AOS2276.
//!
//! # Differs from the original in
//!
//! - the ratio is cross-fitted and clipped, and the effective size decides whether there are
//!   intervals at all.
//!
//! # Source of golden numbers
//!
//! Weighted quantiles of puncc, through the fixtures of `degu-stats`.

mod config;
mod fitted;

pub use config::{Feature, Weight, WeightedConfig, WeightedScore};

use degu_core::{
    Calibration, CalibrationSet, Calibrator, Error, Forecast, Result,
    calibration::{CalibratorNeeds, Covariate},
};
use serde::Deserialize as _;

use fitted::Fitted;

impl Calibrator for WeightedConfig {
    fn tuning_fraction(&self) -> f64 {
        if self.scaled().is_some_and(|s| s.tunes()) {
            1.0 / 3.0
        } else {
            0.0
        }
    }

    fn needs(&self) -> CalibratorNeeds {
        CalibratorNeeds {
            target: true,
            ..self.scaled().map(|s| s.needs()).unwrap_or_default()
        }
    }

    fn covariates(&self) -> Vec<Covariate> {
        let mut all = Vec::new();
        if self.features.contains(&Feature::Gc) {
            all.push(Covariate::Gc);
        }
        if self.features.contains(&Feature::Kmers) {
            all.push(Covariate::Kmers { k: self.k });
        }
        all
    }

    fn fit(
        &self,
        tune: Option<&CalibrationSet<'_>>,
        set: &CalibrationSet<'_>,
        target: Option<&Forecast<'_>>,
    ) -> Result<Box<dyn Calibration>> {
        let target = target.ok_or(Error::Missing {
            what: "the sequences that intervals are wanted for",
            by: "weighted-conformal",
            help: "the framework gives the test rows, or a set of `[split.hold_out]`",
        })?;
        Ok(Box::new(Fitted::fit(self, tune, set, target)?))
    }

    fn restore(&self, state: &serde_json::Value) -> Result<Box<dyn Calibration>> {
        let fitted = Fitted::deserialize(state).map_err(|e| Error::State {
            of: "weighted-conformal",
            problem: e.to_string(),
        })?;
        Ok(Box::new(fitted))
    }
}

degu_core::register!(Calibrator "weighted-conformal", WeightedConfig, revision = 1,
    "conformal intervals for sequences that differ from the calibration set, by estimated density ratios",
    cite = "arXiv:1904.06019");

degu_core::document!("lib.rs");
