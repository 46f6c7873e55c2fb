//! What members and students can say: spreads and quantiles for calibrators.

use std::collections::BTreeMap;

use degu_core::{Calibrator, Component, Components};

use super::Rules;
use crate::{
    error::suggestion,
    sections::{CalibrationKeys, Distill, Ensemble, Partial, SplitKind},
    slot::Slotted,
};

/// The blocks of `[calibration]`, by name.
type Calibrations = BTreeMap<String, Slotted<dyn Calibrator, CalibrationKeys>>;

/// All fractions that intervals may miss.
pub(super) fn alphas(calibration: &Calibrations) -> Vec<f64> {
    let alphas = calibration.values().flat_map(|block| &block.keys.alpha);
    alphas.copied().collect()
}

impl Rules<'_> {
    /// Rules of `[calibration.NAME]`, and of what reads its intervals.
    pub(super) fn calibrations(&mut self, partial: &Partial) {
        let Some(calibration) = &partial.calibration else {
            return;
        };
        if let Some(evaluation) = &partial.evaluation {
            self.intervals(evaluation, &alphas(calibration));
        }
        if let (Some(split), Some(name)) = (&partial.split, calibration.keys().next())
            && split.calibration <= 0.0
            && matches!(
                split.kind,
                SplitKind::Random | SplitKind::Cluster | SplitKind::Chromosome
            )
        {
            let message = format!(
                "[calibration.{name}] needs rows of its own, but nothing is held out for calibration"
            );
            let help = "write calibration = 0.5, or remove the calibration";
            self.refuse(&["split", "calibration"], message, "no rows", help);
        }
        if let Some(name) = partial.report.as_ref().and_then(|r| r.intervals.as_ref())
            && !calibration.contains_key(name)
        {
            let names: Vec<&str> = calibration.keys().map(String::as_str).collect();
            let label = suggestion(name, names.iter().copied(), '`', "not known");
            let message = format!(
                "no block [calibration.{name}]; the study has: {}",
                names.join(", ")
            );
            let help = "name one of the calibrations, or add the block";
            self.refuse(&["report", "intervals"], message, &label, help);
        }
        let Some(ensemble) = &partial.ensemble else {
            return;
        };
        self.calibrated_spread(ensemble, calibration);
        if let Some(distill) = &partial.distill {
            self.calibrated_parts(ensemble, distill, calibration);
        }
        for (name, block) in calibration {
            let built = block.plugin.build();
            self.left_out(ensemble, name, built.is_ok_and(|c| c.needs().members));
        }
    }

    /// A calibrator that scales by an epistemic spread needs a model that predicts one.
    fn calibrated_spread(&mut self, ensemble: &Ensemble, calibration: &Calibrations) {
        let head = ensemble.head.plugin.build();
        let predicted = head.is_ok_and(|head| head.components(Components::default()).epistemic);
        if ensemble.members > 1 || predicted {
            return;
        }
        for (name, block) in calibration {
            let built = block.plugin.build();
            if built.is_ok_and(|built| built.needs().epistemic) {
                let message = format!(
                    "[calibration.{name}] takes an epistemic spread, and one member without a spread of its own gives none"
                );
                self.refuse(
                    &["calibration", name],
                    message,
                    "no spread",
                    "raise ensemble.members, take a head such as `mc-dropout`, or score = \"absolute\"",
                );
            }
        }
    }

    /// A calibrator that takes quantiles or an aleatoric spread needs a head that predicts them.
    fn calibrated_parts(
        &mut self,
        ensemble: &Ensemble,
        distill: &Distill,
        calibration: &Calibrations,
    ) {
        let all = Components {
            aleatoric: true,
            epistemic: true,
        };
        let learned = Components {
            aleatoric: distill.targets.contains(&Component::Aleatoric),
            epistemic: distill.targets.contains(&Component::Epistemic),
        };
        let students = distill.enabled.then_some((&distill.head, learned));
        let (mut quantiles, mut aleatoric) = (false, false);
        for (head, labels) in [Some((&ensemble.head, all)), students]
            .into_iter()
            .flatten()
        {
            let Ok(head) = head.plugin.build() else {
                return;
            };
            quantiles |= head.has_quantiles();
            aleatoric |= head.components(labels).aleatoric;
        }
        for (name, block) in calibration {
            let Ok(needs) = block.plugin.build().map(|built| built.needs()) else {
                continue;
            };
            for (what, lacks, help) in [
                (
                    "quantiles",
                    needs.quantiles && !quantiles,
                    "as in ensemble.head = { plugin = \"quantile\" }, or band = \"normal\" where a spread is predicted",
                ),
                (
                    "an aleatoric spread",
                    needs.aleatoric && !aleatoric,
                    "as in ensemble.head = { plugin = \"gaussian\" }, or score = \"absolute\"",
                ),
            ] {
                if lacks {
                    let message = format!(
                        "[calibration.{name}] takes {what}, which neither members nor students predict"
                    );
                    self.refuse(&["calibration", name], message, "not predicted", help);
                }
            }
        }
    }
}
