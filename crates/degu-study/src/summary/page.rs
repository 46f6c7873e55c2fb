//! The report: headline, sections, tables.

use degu_config::Study;
use degu_core::Split;
use degu_report::{
    ConfigurationRow, Fact, ModelKind, ReportData, Task as ReportTask, Tone, Uncertainty,
};
use degu_workflow::execute::RunSummary;

use super::{maps, record};
use crate::{
    compare::Views,
    error::Result,
    plan::StudyPlan,
    results::{CalibrationResult, PointResults},
};

/// Everything that the report shows.
pub(super) fn report(
    base: &PointResults<'_>,
    views: Views,
    study: &Study,
    plan: &StudyPlan,
    run: &RunSummary,
) -> Result<ReportData> {
    let title = study.report.title.clone();
    let title = title.or_else(|| study.identity.title.clone());
    let mut data = ReportData::new(
        &study.identity.name,
        title.unwrap_or_else(|| study.identity.name.clone()),
        concat!("degu-lab ", env!("CARGO_PKG_VERSION")),
    );
    if let Some((prepared, digest)) = &base.prepared {
        let task = |name: &String| ReportTask {
            name: name.clone(),
            unit: prepared.info.unit.clone(),
        };
        data.tasks = prepared.info.tasks.iter().map(task).collect();
        data.dataset = Some(record::dataset(study, prepared, digest));
    }
    data.summary = summary_text(study);
    data.headline = headline(base);
    data.provenance = Some(record::provenance(study, plan, &base.models));
    data.learning = base.models.iter().filter_map(record::learning).collect();
    data.scatter = base.scatter();
    data.transfer = base.transfer()?;
    for result in &base.calibration {
        data.calibration.extend(result.rows.iter().cloned());
        data.conditional.extend(result.conditional.iter().cloned());
    }
    if let Some(evaluation) = &base.evaluation {
        data.metrics.clone_from(&evaluation.metrics);
        data.gap_closed.clone_from(&evaluation.gap_closed);
    }
    data.uncertainty = uncertainty(base);
    maps::extend(&mut data, study, base)?;
    data.shift = base.shift.iter().flat_map(|s| s.curves.clone()).collect();
    data.comparisons = views.comparisons;
    data.arms = views.arms;
    data.sweeps = views.sweeps;
    data.settings = views.settings;
    data.holes = record::holes(study, run);
    let listing = study.listing().into_iter();
    let setting = listing.map(|l| ConfigurationRow {
        path: l.path,
        value: l.value,
        origin: record::relative(&l.origin.to_string()),
    });
    data.configuration = setting.collect();
    data.notes = record::notes(study);
    let file = study.config().layers().last();
    data.reproduce = format!(
        "degu-lab run {}",
        file.map_or_else(String::new, |l| record::relative(l))
    );
    Ok(data)
}

/// Raw spreads, calibrators and shifts in one place.
fn uncertainty(base: &PointResults<'_>) -> Uncertainty {
    let mut all = Uncertainty::default();
    let evaluation = base.evaluation.iter().map(|e| &e.uncertainty);
    let calibration = base.calibration.iter().map(|c| &c.uncertainty);
    let shift = base.shift.iter().map(|s| &s.uncertainty);
    for found in evaluation.chain(calibration).chain(shift) {
        all.extend(found.clone());
    }
    all
}

/// The first things to see: accuracy of each task, and coverage of each calibration.
fn headline(base: &PointResults<'_>) -> Vec<Fact> {
    let tasks = base.prepared.iter().flat_map(|(p, _)| &p.info.tasks);
    let accuracy = tasks.filter_map(|task| accuracy(base, task));
    accuracy
        .chain(base.calibration.iter().filter_map(coverage))
        .collect()
}

fn accuracy(base: &PointResults<'_>, task: &str) -> Option<Fact> {
    let value = |kind: ModelKind| -> Option<f64> {
        let test = Split::Test.name();
        let mut rows = base.metrics().iter();
        rows.find(|r| r.kind == kind && r.metric == "pearson" && r.task == task && r.split == test)
            .map(|r| r.value)
    };
    let member = value(ModelKind::MeanMember)?;
    let ensemble = value(ModelKind::Ensemble)?;
    let student = value(ModelKind::MeanStudent);
    let reached = student.unwrap_or(ensemble);
    let (model, detail) = match student {
        Some(_) => (
            "student",
            format!("test Pearson of one network {member:.3}, of the ensemble {ensemble:.3}"),
        ),
        None => (
            "ensemble",
            format!("test Pearson; one network reaches {member:.3}"),
        ),
    };
    Some(Fact {
        label: format!("{task}: {model}"),
        value: format!("{reached:.3}"),
        detail,
        tone: if reached >= member {
            Tone::Good
        } else {
            Tone::Caution
        },
    })
}

fn coverage(result: &CalibrationResult) -> Option<Fact> {
    let row = result.rows.first()?;
    let band = row.band_low.zip(row.band_high);
    let inside = band.map(|(low, high)| (low..=high).contains(&row.coverage));
    let unbounded = row.k > row.n;
    let few = if unbounded {
        format!(
            ", but the intervals are unbounded: {} calibration rows are too few for this level",
            row.n
        )
    } else {
        String::new()
    };
    let level = 100.0 * (1.0 - row.alpha);
    Some(Fact {
        label: format!("{level:.0} % intervals, {}", row.calibrator),
        value: format!("{:.1} %", 100.0 * row.coverage),
        detail: format!(
            "of the measured {} values lie inside{few}; {}",
            row.task, row.guarantee
        ),
        tone: match inside {
            _ if unbounded => Tone::Caution,
            Some(true) => Tone::Good,
            Some(false) => Tone::Caution,
            None => Tone::Neutral,
        },
    })
}

fn summary_text(study: &Study) -> String {
    let members = study.ensemble.members;
    let architecture = study.architecture.plugin.name;
    if study.distill.enabled {
        format!(
            "{members} networks ({architecture}) were trained from different starts; the mean of their predictions is the ensemble. \
             {} student{} {} then learned the ensemble's mean and how far its members disagree, so that one \
             network predicts activity and how far to trust it.",
            study.distill.students,
            if study.distill.students == 1 { "" } else { "s" },
            match study.distill.architecture.as_ref() {
                None => "of the same architecture".to_owned(),
                Some(own) if own.plugin.name == architecture => {
                    "of the same architecture with other parameters".to_owned()
                }
                Some(own) => format!("({})", own.plugin.name),
            }
        )
    } else {
        format!(
            "{members} networks ({architecture}) were trained from different starts; the mean of their predictions is the ensemble."
        )
    }
}
