//! What a run has found out about its predicted uncertainty, for the report and for the cards of
//! its models.

use degu_report::Uncertainty;
use degu_train::ModelCard;

use super::{CalibrationResult, Evaluation};

/// Raw spreads, calibrators and shifts in one place.
pub(super) fn gather(
    evaluation: &Evaluation,
    calibration: &[(String, CalibrationResult)],
    shift: &Uncertainty,
) -> Uncertainty {
    let mut all = evaluation.uncertainty.clone();
    for (_, result) in calibration {
        all.extend(result.uncertainty.clone());
    }
    all.extend(shift.clone());
    all
}

/// Puts calibrators that were fitted for a held-out set into a card, as `block@set`.
pub(super) fn fitted_for_sets(
    card: &mut ModelCard,
    block: &str,
    result: &CalibrationResult,
    model: &str,
) {
    for (set, fitted) in &result.fitted_for {
        if let Some(own) = fitted.get(model) {
            card.calibration
                .insert(format!("{block}@{set}"), own.clone());
        }
    }
}
