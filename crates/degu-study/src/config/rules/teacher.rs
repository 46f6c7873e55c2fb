//! What a teacher can say: labels of changed sequences, spreads for calibrators.

use std::collections::BTreeMap;

use degu_core::{Calibrator, LabelNeeds};

use super::Rules;
use crate::config::{
    sections::{CalibrationKeys, Distill, Ensemble, Labels},
    slot::Slotted,
};

impl Rules<'_> {
    /// A teacher labels sequences; noise on the one-hot input leaves none.
    pub(super) fn dynamic_noise(&mut self, distill: &Distill) {
        let dynamic = distill.enabled && distill.labels == Labels::Dynamic;
        let Some(augmentation) = distill.augmentation.0.as_ref().filter(|_| dynamic) else {
            return;
        };
        let built = augmentation.plugin.build();
        if built.is_ok_and(|built| built.adds_noise()) {
            let message = format!(
                "`{}` adds noise to the one-hot input, which a teacher cannot label (labels = \"dynamic\")",
                augmentation.plugin.name
            );
            self.refuse(
                &["distill", "augmentation"],
                message,
                "adds noise",
                "as in operations = [\"deletion\", \"translocation\", \"mutation\"], or labels = \"static\"",
            );
        }
    }

    /// A calibrator that scales by an epistemic spread needs a model that predicts one.
    pub(super) fn calibrated_spread(
        &mut self,
        ensemble: &Ensemble,
        calibration: &BTreeMap<String, Slotted<dyn Calibrator, CalibrationKeys>>,
    ) {
        let head = ensemble.head.plugin.build();
        let own = head.is_ok_and(|head| head.gives(LabelNeeds::default()).epistemic);
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
        let students = distill.enabled.then_some(&distill.head);
        let heads: Option<Vec<_>> = [Some(&ensemble.head), students]
            .into_iter()
            .flatten()
            .map(|head| head.plugin.build().ok())
            .collect();
        let Some(heads) = heads else { return };
        let all = LabelNeeds {
            aleatoric: true,
            epistemic: true,
        };
        let quantiles = heads.iter().any(|head| head.gives_quantiles());
        let aleatoric = heads.iter().any(|head| head.gives(all).aleatoric);
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
