//! The report: headline, sections, tables.

use degu_core::Split;
use degu_report::{ConfigurationRow, Fact, ModelKind, ReportData, Task as ReportTask, Tone};

use super::{
    super::{Result, map_figures, plan::StudyPlan, trust},
    record,
    results::Results,
};
use degu_config::Study;
use degu_workflow::execute::RunSummary;

impl Results {
    pub(super) fn report(
        &self,
        study: &Study,
        plan: &StudyPlan,
        run: &RunSummary,
    ) -> Result<ReportData> {
        let title = study
            .report
            .title
            .clone()
            .or_else(|| study.identity.title.clone())
            .unwrap_or_else(|| study.identity.name.clone());
        let mut data = ReportData::new(
            &study.identity.name,
            title,
            concat!("degu-lab ", env!("CARGO_PKG_VERSION")),
        );
        if let Some(prepared) = &self.prepared {
            data.tasks = prepared
                .info
                .tasks
                .iter()
                .map(|name| ReportTask {
                    name: name.clone(),
                    unit: prepared.info.unit.clone(),
                })
                .collect();
            data.dataset = Some(record::dataset(study, prepared, &self.digest));
        }
        data.summary = summary_text(study);
        data.headline = self.headline();
        data.provenance = Some(record::provenance(study, plan, &self.models));
        data.metrics.clone_from(&self.evaluation.metrics);
        data.gap_closed.clone_from(&self.evaluation.gap_closed);
        data.learning = self.models.iter().filter_map(record::learning).collect();
        data.scatter = self.scatter();
        data.transfer = self.transfer()?;
        for (_, result) in &self.calibration {
            data.calibration.extend(result.rows.iter().cloned());
            data.conditional.extend(result.conditional.iter().cloned());
        }
        data.uncertainty = trust::gather(&self.evaluation, &self.calibration, &self.uncertainty);
        map_figures::extend(&mut data, study, self.prepared.as_ref(), &self.attribution)?;
        data.shift.clone_from(&self.shift);
        data.comparisons.clone_from(&self.comparisons);
        data.arms.clone_from(&self.arms);
        data.sweeps.clone_from(&self.sweeps);
        data.settings.clone_from(&self.settings);
        data.holes = record::holes(study, run);
        data.configuration = study
            .listing()
            .into_iter()
            .map(|l| ConfigurationRow {
                path: l.path,
                value: l.value,
                origin: record::relative(&l.origin.to_string()),
            })
            .collect();
        data.notes = record::notes(study);
        data.reproduce = format!(
            "degu-lab run {}",
            study
                .config()
                .layers()
                .last()
                .map_or_else(String::new, |l| record::relative(l))
        );
        Ok(data)
    }

    fn headline(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        let value = |kind: ModelKind, metric: &str, task: &str| -> Option<f64> {
            let test = Split::Test.name();
            self.evaluation
                .metrics
                .iter()
                .find(|r| r.kind == kind && r.metric == metric && r.task == task && r.split == test)
                .map(|r| r.value)
        };
        let tasks = self
            .prepared
            .as_ref()
            .map(|p| p.info.tasks.clone())
            .unwrap_or_default();
        for task in &tasks {
            let (Some(member), Some(ensemble)) = (
                value(ModelKind::MeanMember, "pearson", task),
                value(ModelKind::Ensemble, "pearson", task),
            ) else {
                continue;
            };
            let student = value(ModelKind::MeanStudent, "pearson", task);
            let detail = match student {
                Some(_) => format!(
                    "test Pearson of one network {member:.3}, of the ensemble {ensemble:.3}"
                ),
                None => format!("test Pearson; one network reaches {member:.3}"),
            };
            let better = student.unwrap_or(ensemble) >= member;
            facts.push(Fact {
                label: format!(
                    "{task}: {}",
                    if student.is_some() {
                        "student"
                    } else {
                        "ensemble"
                    }
                ),
                value: format!("{:.3}", student.unwrap_or(ensemble)),
                detail,
                tone: if better { Tone::Good } else { Tone::Caution },
            });
        }
        for (_, result) in &self.calibration {
            if let Some(row) = result.rows.first() {
                let inside = row
                    .band_low
                    .zip(row.band_high)
                    .map(|(low, high)| (low..=high).contains(&row.coverage));
                facts.push(Fact {
                    label: format!(
                        "{:.0} % intervals, {}",
                        100.0 * (1.0 - row.alpha),
                        row.calibrator
                    ),
                    value: format!("{:.1} %", 100.0 * row.coverage),
                    detail: format!(
                        "of the measured {} values lie inside{}; {}",
                        row.task,
                        if row.k > row.n {
                            format!(
                                ", but the intervals are unbounded: {} calibration rows are too few for this level",
                                row.n
                            )
                        } else {
                            String::new()
                        },
                        row.guarantee
                    ),
                    tone: match inside {
                        _ if row.k > row.n => Tone::Caution,
                        Some(true) => Tone::Good,
                        Some(false) => Tone::Caution,
                        None => Tone::Neutral,
                    },
                });
            }
        }
        facts
    }
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
