//! The record of a study: its data, where its numbers come from, what is missing, what its plugins
//! are.

use std::collections::BTreeSet;

use degu_core::{Slot, Split, registry};
use degu_report::{
    DatasetSummary, Epoch, Hole, HoleState, LearningCurve, ModelKind, NamedValue, PluginNote,
    Provenance, SplitSummary,
};

use crate::{
    plan::StudyPlan,
    results::{LeakageNote, PreparedData, TrainedModel},
};
use degu_config::Study;
use degu_workflow::execute::RunSummary;

pub(super) fn learning(model: &TrainedModel) -> Option<LearningCurve> {
    let curve = model.curve.as_ref()?;
    Some(LearningCurve {
        stage: model.stage.clone(),
        kind: model.kind(),
        epochs: curve
            .epochs
            .iter()
            .enumerate()
            .map(|(i, e)| Epoch {
                epoch: i as u32 + 1,
                train_loss: e.loss,
                validation_loss: Some(e.validation_loss),
                learning_rate: Some(e.learning_rate),
            })
            .collect(),
        best_epoch: Some(curve.best_epoch as u32),
    })
}

pub(super) fn dataset(study: &Study, prepared: &PreparedData, digest: &str) -> DatasetSummary {
    let mut notes = prepared.notes.clone();
    notes.extend(leakage(&prepared.leakage));
    let splits = Split::ALL
        .into_iter()
        .filter_map(|part| {
            let rows = prepared.rows(part);
            if rows.is_empty() {
                return None;
            }
            let mut groups: Vec<u64> = rows.iter().map(|r| prepared.group[*r]).collect();
            groups.sort_unstable();
            groups.dedup();
            let gc = rows
                .iter()
                .map(|r| prepared.gc(*r))
                .filter(|g| g.is_finite())
                .sum::<f64>()
                / rows.len() as f64;
            Some(SplitSummary {
                name: part.name().to_owned(),
                rows: rows.len(),
                groups: Some(groups.len()),
                gc: Some(gc),
            })
        })
        .collect();
    DatasetSummary {
        name: format!("{} ({})", prepared.info.title, study.dataset.plugin.name),
        length: Some(prepared.info.length),
        digest: digest.to_owned(),
        splits,
        notes,
    }
}

pub(super) fn provenance(study: &Study, plan: &StudyPlan, models: &[TrainedModel]) -> Provenance {
    let key = |id: &str| plan.plan.node(id).map(|n| n.key.short());
    let mut entries = vec![
        NamedValue::new("program", concat!("degu-lab ", env!("CARGO_PKG_VERSION"))),
        NamedValue::new("seed", study.identity.seed.to_string()),
        NamedValue::new("kernels", degu_train::backend::kernels()),
        NamedValue::new("device", String::from(study.training.device)),
    ];
    for id in ["prepare", "predict/teacher", "evaluate"] {
        if let Some(key) = key(id) {
            entries.push(NamedValue::new(format!("key of {id}"), key));
        }
    }
    for (kind, of) in [
        (ModelKind::Member, "members"),
        (ModelKind::Student, "students"),
        (ModelKind::Baseline, "controls"),
    ] {
        let own = models.iter().filter(|m| m.kind() == kind);
        let backends: BTreeSet<&str> = own.filter_map(|m| m.backend.as_deref()).collect();
        for backend in backends {
            entries.push(NamedValue::new(format!("{of} trained with"), backend));
        }
    }
    Provenance {
        entries,
        bitwise: Some(!matches!(
            study.training.device,
            degu_train::Device::Cuda(_)
        )),
    }
}

pub(super) fn holes(study: &Study, run: &RunSummary) -> Vec<Hole> {
    let again = format!("degu-lab resume {}", study.identity.name);
    let mut holes: Vec<Hole> = run
        .failed
        .iter()
        .map(|f| Hole {
            task: f.task.clone(),
            state: if matches!(f.error, degu_workflow::execute::TaskError::Diverged(_)) {
                HoleState::Diverged
            } else {
                HoleState::Failed
            },
            reason: f.error.chain(),
            remedy: again.clone(),
        })
        .collect();
    holes.extend(run.blocked.iter().map(|(task, by)| Hole {
        task: task.clone(),
        state: HoleState::Blocked,
        reason: format!("needs {by}"),
        remedy: again.clone(),
    }));
    holes.extend(
        run.interrupted
            .iter()
            .chain(&run.not_started)
            .map(|task| Hole {
                task: task.clone(),
                state: HoleState::Missing,
                reason: "the run was interrupted".to_owned(),
                remedy: again.clone(),
            }),
    );
    holes
}

pub(super) fn notes(study: &Study) -> Vec<PluginNote> {
    let mut wanted: Vec<(Slot, &str)> = vec![
        (Slot::Dataset, study.dataset.plugin.name),
        (Slot::Architecture, study.architecture.plugin.name),
        (Slot::UncertaintyHead, study.ensemble.head.plugin.name),
        (Slot::UncertaintyHead, study.distill.head.plugin.name),
    ];
    wanted.extend(
        study
            .distill
            .architecture
            .iter()
            .map(|own| (Slot::Architecture, own.plugin.name)),
    );
    wanted.extend(
        study
            .calibration
            .values()
            .map(|b| (Slot::Calibrator, b.plugin.name)),
    );
    wanted.extend(
        study
            .attribute
            .values()
            .map(|b| (Slot::Attributor, b.plugin.name)),
    );
    let augmentations = [&study.augmentation, &study.distill.augmentation];
    wanted.extend(
        augmentations
            .into_iter()
            .filter_map(|a| Some((Slot::Augmentation, a.0.as_ref()?.plugin.name))),
    );
    let shifts = study.shift.values();
    wanted.extend(shifts.map(|b| (Slot::Shift, b.plugin.name)));
    let Ok(all) = registry::all() else {
        return Vec::new();
    };
    all.into_iter()
        .filter(|e| wanted.contains(&(e.slot, e.name)))
        .map(|e| PluginNote {
            slot: e.slot.to_string(),
            name: e.name.to_owned(),
            revision: e.revision,
            citation: e.cite.unwrap_or_default().to_owned(),
            differs: degu_core::docs::differences(&e),
        })
        .collect()
}

/// Drops the folder of an absolute path: a report names no place of the machine it was made on.
pub(super) fn relative(text: &str) -> String {
    if !text.starts_with('/') {
        return text.to_owned();
    }
    let parts: Vec<&str> = text.rsplit('/').take(2).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

/// What parts share, one sentence for each pair that shares anything and one for all others.
fn leakage(found: &[LeakageNote]) -> Vec<String> {
    let total = |leak: &LeakageNote| leak.exact + leak.reverse_complement + leak.near_duplicate;
    let (leaks, clean): (Vec<&LeakageNote>, Vec<&LeakageNote>) =
        found.iter().partition(|leak| total(leak) > 0);
    let mut notes: Vec<String> = leaks
        .iter()
        .map(|leak| {
            format!(
                "{} of {} {} rows resemble a {} row ({} the same sequence, {} its reverse complement, {} near-duplicates)",
                total(leak), leak.of, leak.second.name(), leak.first.name(), leak.exact, leak.reverse_complement, leak.near_duplicate
            )
        })
        .collect();
    if !clean.is_empty() {
        let pairs: Vec<String> = clean
            .iter()
            .map(|leak| format!("{} and {}", leak.first.name(), leak.second.name()))
            .collect();
        notes.push(format!(
            "no sequence, reverse complement or near-duplicate is shared by {}",
            pairs.join(", ")
        ));
    }
    notes
}
