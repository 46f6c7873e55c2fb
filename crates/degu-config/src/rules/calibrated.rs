//! What members and students can say: spreads and quantiles for calibrators.

use std::collections::BTreeMap;

use degu_core::{Calibrator, Component, Components};

use super::Rules;
use crate::{
    sections::{CalibrationKeys, Distill, Ensemble},
    slot::Slotted,
};

impl Rules<'_> {
    /// A calibrator that scales by an epistemic spread needs a model that predicts one.
    pub(super) fn calibrated_spread(
        &mut self,
        ensemble: &Ensemble,
        calibration: &BTreeMap<String, Slotted<dyn Calibrator, CalibrationKeys>>,
    ) {
        let head = ensemble.head.plugin.build();
        let own = head.is_ok_and(|head| head.components(Components::default()).epistemic);
        if ensemble.members > 1 || own {
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
    pub(super) fn calibrated_parts(
        &mut self,
        ensemble: &Ensemble,
        distill: &Distill,
        calibration: &BTreeMap<String, Slotted<dyn Calibrator, CalibrationKeys>>,
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
