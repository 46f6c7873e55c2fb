//! What a run leaves behind: tables, predictions, model folders, figures, the report.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use degu_core::{Split, registry};
use degu_report::{
    ConfigurationRow, DatasetSummary, Epoch, Fact, Hole, HoleState, LearningCurve, MetricRow,
    ModelKind, NamedValue, Part, PluginNote, Point as ReportPoint, Provenance, ReportData, Scatter,
    ShiftCurve, SplitSummary, Task as ReportTask, Tone, Transfer,
};
use degu_stats::Alpha;
use degu_train::{FitReport, HostForecast, SavedModel};

use super::{
    AttributionSummary, CalibrationResult, Evaluation, PreparedData, Result, StageError, attribute,
    calibrate, evaluate,
    models::TaskRows,
    network,
    plan::{StudyPlan, Work, prefix},
    shift,
};
use crate::{
    config::{ReportFormat, Study},
    execute::RunSummary,
    run::RunError,
    store::{Artifact, Store},
};

/// Points of a scatter plot with names; more are thinned.
const SCATTER_POINTS: usize = 6000;

/// Writes everything below the run folder; returns the path of the report.
///
/// Nothing here is the truth: it can be deleted and written again from the store.
///
/// # Errors
///
/// A store or folder that fails, results that do not fit each other.
pub fn write(
    study: &Study,
    plan: &StudyPlan,
    store: &Store,
    run: &RunSummary,
    folder: &Path,
) -> Result<PathBuf, RunError> {
    let report = folder.join("report.html");
    let stamp = stamp(study, plan, run);
    let stamp_file = folder.join(".report");
    if run.finished.is_empty()
        && report.is_file()
        && fs_err::read_to_string(&stamp_file).is_ok_and(|s| s == stamp)
    {
        return Ok(report);
    }
    let results = Results::read(study, plan, store)?;
    let data = results.report(study, plan, run, folder)?;
    if study.report.formats.contains(&ReportFormat::Csv) {
        degu_report::write_tables(&data, &folder.join("tables"))?;
        results.resplit_table(&folder.join("tables"))?;
    }
    results.predictions(study, &folder.join("predictions.tsv.gz"))?;
    results.models(folder)?;
    degu_report::write_figures(&data, &folder.join("figures"))?;
    degu_report::write_report(&data, &report)?;
    fs_err::write(stamp_file, stamp)?;
    Ok(report)
}

/// Changes whenever the report would.
fn stamp(study: &Study, plan: &StudyPlan, run: &RunSummary) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.update(study.locked_toml().as_bytes());
    for node in plan.plan.nodes() {
        hasher.update(node.key.full().as_bytes());
    }
    for failure in &run.failed {
        hasher.update(failure.task.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// A model of the base point with its predictions.
struct Model {
    kind: ModelKind,
    name: String,
    forecast: HostForecast,
    curve: Option<FitReport>,
    saved: Option<SavedModel>,
    stage: String,
}

/// What the base point has produced so far.
struct Results {
    prepared: Option<PreparedData>,
    digest: String,
    models: Vec<Model>,
    evaluation: Evaluation,
    calibration: Vec<(String, CalibrationResult)>,
    attribution: Vec<(String, AttributionSummary, degu_train::backend::Weights)>,
    shift: Vec<ShiftCurve>,
    comparisons: Vec<degu_report::Comparison>,
    sweeps: Vec<degu_report::Sweep>,
}

impl Results {
    fn read(study: &Study, plan: &StudyPlan, store: &Store) -> Result<Self, RunError> {
        let mut results = Self {
            prepared: None,
            digest: String::new(),
            models: Vec::new(),
            evaluation: Evaluation::default(),
            calibration: Vec::new(),
            attribution: Vec::new(),
            shift: Vec::new(),
            comparisons: super::compare::comparisons(study, plan, store)?,
            sweeps: super::compare::sweeps(study, plan, store)?,
        };
        let Some(point) = plan.points.first() else {
            return Ok(results);
        };
        let start = prefix(point);
        for (id, assigned) in &plan.work {
            let Some(stage) = id.strip_prefix(&start) else {
                continue;
            };
            if start.is_empty() && stage.contains(':') {
                continue;
            }
            let Some(node) = plan.plan.node(id) else {
                continue;
            };
            let Some(artifact) = store.get(&node.key)? else {
                continue;
            };
            results
                .take(&assigned.work, stage, &artifact)
                .map_err(RunError::Stage)?;
        }
        results
            .models
            .sort_by_key(|m| (m.kind, m.name.len(), m.name.clone()));
        Ok(results)
    }

    fn take(&mut self, work: &Work, stage: &str, artifact: &Artifact<'_>) -> Result<()> {
        match work {
            Work::Prepare => {
                self.prepared = Some(PreparedData::read(artifact)?);
                self.digest = artifact.key().short();
            }
            Work::Member(k) => {
                self.model(ModelKind::Member, format!("member-{k}"), stage, artifact)?;
            }
            Work::Student(s) => {
                self.model(ModelKind::Student, format!("student-{s}"), stage, artifact)?;
            }
            Work::Control(s) => {
                self.model(ModelKind::Baseline, format!("control-{s}"), stage, artifact)?;
            }
            Work::Teacher => self.models.push(Model {
                kind: ModelKind::Ensemble,
                name: "ensemble".to_owned(),
                forecast: HostForecast::from_bytes(&artifact.bytes(network::PREDICTIONS)?)?,
                curve: None,
                saved: None,
                stage: stage.to_owned(),
            }),
            Work::Evaluate => self.evaluation = artifact.json(evaluate::FILE)?,
            Work::Calibrate(name) => self
                .calibration
                .push((name.clone(), artifact.json(calibrate::FILE)?)),
            Work::Attribute(name) => {
                let maps =
                    degu_train::model_file::weights_from_bytes(&artifact.bytes(attribute::MAPS)?)?;
                self.attribution
                    .push((name.clone(), artifact.json(attribute::SUMMARY)?, maps));
            }
            Work::Shift(_) => {
                let result: shift::ShiftResult = artifact.json(shift::FILE)?;
                self.shift.extend(result.curves);
            }
        }
        Ok(())
    }

    fn model(
        &mut self,
        kind: ModelKind,
        name: String,
        stage: &str,
        artifact: &Artifact<'_>,
    ) -> Result<()> {
        let saved = network::saved(artifact).map_err(|e| StageError::Study {
            what: e.to_string(),
            help: "see `degu-lab verify`",
        })?;
        self.models.push(Model {
            kind,
            name,
            forecast: HostForecast::from_bytes(&artifact.bytes(network::PREDICTIONS)?)?,
            curve: Some(artifact.json(network::CURVE)?),
            saved: Some(saved),
            stage: stage.to_owned(),
        });
        Ok(())
    }

    fn ensemble(&self) -> Option<&Model> {
        self.models.iter().find(|m| m.kind == ModelKind::Ensemble)
    }

    fn of_kind(&self, kind: ModelKind) -> impl Iterator<Item = &Model> {
        self.models.iter().filter(move |m| m.kind == kind)
    }

    /// The model that a user would take: the first student, or the ensemble.
    fn best(&self) -> Option<&Model> {
        self.of_kind(ModelKind::Student)
            .next()
            .or_else(|| self.ensemble())
    }

    fn report(
        &self,
        study: &Study,
        plan: &StudyPlan,
        run: &RunSummary,
        folder: &Path,
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
            data.dataset = Some(dataset(study, prepared, &self.digest));
        }
        data.summary = summary_text(study);
        data.headline = self.headline();
        data.provenance = Some(provenance(study, plan, folder));
        data.metrics.clone_from(&self.evaluation.metrics);
        data.gap_closed.clone_from(&self.evaluation.gap_closed);
        data.learning = self.models.iter().filter_map(learning).collect();
        data.scatter = self.scatter();
        data.transfer = self.transfer()?;
        for (_, result) in &self.calibration {
            data.calibration.extend(result.rows.iter().cloned());
            data.conditional.extend(result.conditional.iter().cloned());
        }
        super::map_figures::extend(&mut data, study, self.prepared.as_ref(), &self.attribution)?;
        data.shift.clone_from(&self.shift);
        data.comparisons.clone_from(&self.comparisons);
        data.sweeps.clone_from(&self.sweeps);
        data.holes = holes(study, run);
        data.configuration = study
            .listing()
            .into_iter()
            .map(|l| ConfigurationRow {
                path: l.path,
                value: l.value,
                origin: relative(&l.origin.to_string()),
            })
            .collect();
        data.notes = notes(study);
        data.reproduce = format!(
            "degu-lab run {}",
            study
                .config()
                .layers()
                .last()
                .map_or_else(String::new, |l| relative(l))
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
                let inside = row.band_low.is_none_or(|low| row.coverage >= low)
                    && row.band_high.is_none_or(|high| row.coverage <= high);
                facts.push(Fact {
                    label: format!(
                        "{:.0} % intervals, {}",
                        100.0 * (1.0 - row.alpha),
                        row.calibrator
                    ),
                    value: format!("{:.1} %", 100.0 * row.coverage),
                    detail: format!(
                        "of the measured {} values lie inside; {}",
                        row.task, row.guarantee
                    ),
                    tone: if inside { Tone::Good } else { Tone::Caution },
                });
            }
        }
        facts
    }

    fn scatter(&self) -> Vec<Scatter> {
        let Some(prepared) = &self.prepared else {
            return Vec::new();
        };
        let rows = prepared.rows(Split::Test);
        let mut all = Vec::new();
        for model in [self.best(), self.ensemble()].into_iter().flatten() {
            if all.iter().any(|s: &Scatter| s.model == model.name) {
                continue;
            }
            for (task, name) in prepared.info.tasks.iter().enumerate() {
                let own = TaskRows::new(
                    &model.forecast,
                    &prepared.measured.mean,
                    &rows,
                    task,
                    prepared.tasks(),
                );
                let step = own.rows.len().div_ceil(SCATTER_POINTS).max(1);
                let metric = |metric: &str| self.metric(model, metric, name);
                let points = (0..own.rows.len())
                    .step_by(step)
                    .map(|i| ReportPoint {
                        id: prepared.ids[own.rows[i]].clone(),
                        measured: own.y[i],
                        mean: own.mean[i],
                        epistemic: own.epistemic.as_ref().map(|v| v[i]),
                        aleatoric: own.aleatoric.as_ref().map(|v| v[i]),
                    })
                    .collect();
                all.push(Scatter {
                    kind: model.kind,
                    model: model.name.clone(),
                    split: Split::Test.name().to_owned(),
                    task: name.clone(),
                    pearson: metric("pearson"),
                    rmse: metric("rmse"),
                    points,
                });
            }
        }
        all
    }

    fn metric(&self, model: &Model, metric: &str, task: &str) -> Option<f64> {
        let fits = |r: &&MetricRow| {
            r.model == model.name
                && r.metric == metric
                && r.task == task
                && r.split == Split::Test.name()
        };
        self.evaluation.metrics.iter().find(fits).map(|r| r.value)
    }

    fn transfer(&self) -> Result<Vec<Transfer>> {
        let (Some(prepared), Some(teacher), Some(student)) = (
            &self.prepared,
            self.ensemble(),
            self.of_kind(ModelKind::Student).next(),
        ) else {
            return Ok(Vec::new());
        };
        let rows = prepared.rows(Split::Test);
        let step = rows.len().div_ceil(SCATTER_POINTS).max(1);
        let rows: Vec<usize> = rows.into_iter().step_by(step).collect();
        let mut all = Vec::new();
        for (task, name) in prepared.info.tasks.iter().enumerate() {
            let column = |values: &[f32], width: usize| -> Vec<f64> {
                rows.iter()
                    .flat_map(|r| {
                        (task..width)
                            .step_by(prepared.tasks())
                            .map(move |j| r * width + j)
                    })
                    .map(|at| f64::from(values[at]))
                    .collect()
            };
            let parts = [
                (
                    Part::Mean,
                    Some(&teacher.forecast.mean),
                    Some(&student.forecast.mean),
                ),
                (
                    Part::Epistemic,
                    teacher.forecast.epistemic.as_ref(),
                    student.forecast.epistemic.as_ref(),
                ),
                (
                    Part::Aleatoric,
                    teacher.forecast.aleatoric.as_ref(),
                    student.forecast.aleatoric.as_ref(),
                ),
            ];
            for (part, from, to) in parts {
                let (Some(from), Some(to)) = (from, to) else {
                    continue;
                };
                let (from, to) = (
                    column(from, teacher.forecast.width),
                    column(to, student.forecast.width),
                );
                let correlation = degu_stats::metrics::pearson(&from, &to)?;
                let ceiling = (part == Part::Epistemic)
                    .then(|| {
                        let rows = self.evaluation.metrics.iter();
                        rows.clone()
                            .find(|r| r.kind == ModelKind::Ceiling && &r.task == name)
                            .map(|r| r.value)
                    })
                    .flatten();
                all.push(Transfer {
                    model: student.name.clone(),
                    split: Split::Test.name().to_owned(),
                    task: name.clone(),
                    part,
                    teacher: from,
                    student: to,
                    correlation,
                    ceiling,
                });
            }
        }
        Ok(all)
    }

    /// Writes `predictions.tsv.gz`: every row, task by task, with intervals of the first calibrator.
    fn predictions(&self, study: &Study, path: &Path) -> Result<(), RunError> {
        let (Some(prepared), Some(model)) = (&self.prepared, self.best()) else {
            return Ok(());
        };
        let beside = path.with_extension("partial");
        let file = std::io::BufWriter::new(fs_err::File::create(&beside)?);
        let mut out = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        let intervals = self
            .intervals(study, model, prepared)
            .map_err(RunError::Stage)?;
        let mut header =
            "id\tsplit\ttask\tmodel\tmeasured\tmean\tepistemic\taleatoric\ttotal".to_owned();
        for (alpha, _) in &intervals {
            header.push_str(&format!("\tlower@{alpha}\tupper@{alpha}"));
        }
        writeln!(out, "{header}")?;
        let (width, tasks) = (model.forecast.width, prepared.tasks());
        let number = |v: f32| {
            if v.is_finite() {
                v.to_string()
            } else {
                String::new()
            }
        };
        for row in 0..model.forecast.rows {
            let split = prepared.part[row].map_or("unused", Split::name);
            for j in 0..width {
                let at = row * width + j;
                let epistemic = model.forecast.epistemic.as_ref().map(|v| v[at]);
                let aleatoric = model.forecast.aleatoric.as_ref().map(|v| v[at]);
                let total = match (epistemic, aleatoric) {
                    (Some(e), Some(a)) => Some(e.hypot(a)),
                    (one, other) => one.or(other),
                };
                let task = &prepared.info.tasks[j % tasks];
                let name = if width == tasks {
                    task.clone()
                } else {
                    format!("{task}:{}", j / tasks)
                };
                write!(
                    out,
                    "{}\t{split}\t{name}\t{}\t{}\t{}\t{}\t{}\t{}",
                    prepared.ids[row],
                    model.name,
                    number(prepared.measured.mean[at]),
                    number(model.forecast.mean[at]),
                    epistemic.map(number).unwrap_or_default(),
                    aleatoric.map(number).unwrap_or_default(),
                    total.map(number).unwrap_or_default(),
                )?;
                for (_, bounds) in &intervals {
                    write!(out, "\t{}\t{}", bounds.lower[at], bounds.upper[at])?;
                }
                writeln!(out)?;
            }
        }
        out.finish()?
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?
            .sync_all()?;
        fs_err::rename(&beside, path)?;
        Ok(())
    }

    fn intervals(
        &self,
        study: &Study,
        model: &Model,
        prepared: &PreparedData,
    ) -> Result<Vec<(Alpha, degu_core::Intervals)>> {
        let mut all = Vec::new();
        let Some((name, result)) = self.calibration.first() else {
            return Ok(all);
        };
        let (Some(card), Some(block)) =
            (result.fitted.get(&model.name), study.calibration.get(name))
        else {
            return Ok(all);
        };
        let fitted = block.plugin.build()?.restore(&card.state)?;
        let wide = |v: &Vec<f32>| -> Vec<f64> { v.iter().map(|v| f64::from(*v)).collect() };
        let mean = wide(&model.forecast.mean);
        let (epistemic, aleatoric) = (
            model.forecast.epistemic.as_ref().map(wide),
            model.forecast.aleatoric.as_ref().map(wide),
        );
        let forecast = degu_core::Forecast {
            rows: prepared.ids.len(),
            outputs: model.forecast.width,
            mean: &mean,
            epistemic: epistemic.as_deref(),
            aleatoric: aleatoric.as_deref(),
            quantiles: None,
            bin: None,
            features: None,
        };
        for alpha in &block.keys.alpha {
            let alpha = Alpha::from_f64(*alpha)?;
            all.push((alpha, fitted.intervals(&forecast, alpha)?));
        }
        Ok(all)
    }

    /// Writes `models/student-0`, `models/member-0` and so on, with their calibration and test metrics.
    fn models(&self, folder: &Path) -> Result<(), RunError> {
        // Members too: the spread of an effect or of a map is theirs.
        let wanted = self
            .of_kind(ModelKind::Student)
            .chain(self.of_kind(ModelKind::Member));
        for model in wanted {
            let Some(saved) = &model.saved else { continue };
            let mut card = saved.card.clone();
            for (name, result) in &self.calibration {
                if let Some(fitted) = result.fitted.get(&model.name) {
                    card.calibration.insert(name.clone(), fitted.clone());
                }
            }
            for row in self
                .evaluation
                .metrics
                .iter()
                .filter(|r| r.model == model.name && r.split == Split::Test.name())
            {
                card.metrics
                    .insert(format!("{}/{}", row.metric, row.task), row.value);
            }
            let complete = SavedModel::new(card, saved.weights().clone())
                .map_err(|e| RunError::Stage(e.into()))?;
            complete
                .save(&folder.join("models").join(&model.name))
                .map_err(|e| RunError::Stage(e.into()))?;
        }
        Ok(())
    }

    /// Coverage over random cuts, as a table.
    fn resplit_table(&self, folder: &Path) -> Result<(), RunError> {
        let mut text =
            "calibrator,model,task,alpha,cuts,mean_coverage,expected,within_band\n".to_owned();
        let mut any = false;
        for (name, result) in &self.calibration {
            for r in &result.resplits {
                any = true;
                text.push_str(&format!(
                    "{name},{},{},{},{},{},{},{}\n",
                    r.model, r.task, r.alpha, r.cuts, r.mean_coverage, r.expected, r.within_band
                ));
            }
        }
        if any {
            fs_err::create_dir_all(folder)?;
            fs_err::write(folder.join("coverage_resplits.csv"), text)?;
        }
        Ok(())
    }
}

fn learning(model: &Model) -> Option<LearningCurve> {
    let curve = model.curve.as_ref()?;
    Some(LearningCurve {
        stage: model.stage.clone(),
        kind: model.kind,
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

fn dataset(study: &Study, prepared: &PreparedData, digest: &str) -> DatasetSummary {
    let mut notes = prepared.notes.clone();
    for leak in &prepared.leakage {
        let total = leak.exact + leak.reverse_complement + leak.near_duplicate;
        notes.push(format!(
            "{} of {} {} rows resemble a training row ({} the same sequence, {} its reverse complement, {} near-duplicates)",
            total, leak.of, leak.second.name(), leak.exact, leak.reverse_complement, leak.near_duplicate
        ));
    }
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

fn summary_text(study: &Study) -> String {
    let members = study.ensemble.members;
    let architecture = study.architecture.plugin.name;
    if study.distill.enabled {
        format!(
            "{members} networks ({architecture}) were trained from different starts; the mean of their predictions is the ensemble. \
             {} student{} of the same architecture then learned the ensemble's mean and how far its members disagree, so that one \
             network predicts activity and how far to trust it.",
            study.distill.students,
            if study.distill.students == 1 { "" } else { "s" }
        )
    } else {
        format!(
            "{members} networks ({architecture}) were trained from different starts; the mean of their predictions is the ensemble."
        )
    }
}

fn provenance(study: &Study, plan: &StudyPlan, _folder: &Path) -> Provenance {
    let key = |id: &str| plan.plan.node(id).map(|n| n.key.short());
    let mut entries = vec![
        NamedValue::new("program", concat!("degu-lab ", env!("CARGO_PKG_VERSION"))),
        NamedValue::new("seed", study.identity.seed.to_string()),
        NamedValue::new("kernels", degu_train::backend::kernels()),
        NamedValue::new("device", study.training.device.to_string()),
    ];
    for id in ["prepare", "predict/teacher", "evaluate"] {
        if let Some(key) = key(id) {
            entries.push(NamedValue::new(format!("key of {id}"), key));
        }
    }
    Provenance {
        entries,
        bitwise: Some(!matches!(
            study.training.device,
            crate::config::DeviceChoice::Cuda(_)
        )),
    }
}

fn holes(study: &Study, run: &RunSummary) -> Vec<Hole> {
    let again = format!("degu-lab resume {}", study.identity.name);
    let mut holes: Vec<Hole> = run
        .failed
        .iter()
        .map(|f| Hole {
            task: f.task.clone(),
            state: if matches!(f.error, crate::execute::TaskError::Diverged(_)) {
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

fn notes(study: &Study) -> Vec<PluginNote> {
    let mut wanted: Vec<(degu_core::Slot, &str)> = vec![
        (degu_core::Slot::Dataset, study.dataset.plugin.name),
        (
            degu_core::Slot::Architecture,
            study.architecture.plugin.name,
        ),
        (
            degu_core::Slot::UncertaintyHead,
            study.ensemble.head.plugin.name,
        ),
        (
            degu_core::Slot::UncertaintyHead,
            study.distill.head.plugin.name,
        ),
    ];
    wanted.extend(
        study
            .calibration
            .values()
            .map(|b| (degu_core::Slot::Calibrator, b.plugin.name)),
    );
    wanted.extend(
        study
            .attribute
            .values()
            .map(|b| (degu_core::Slot::Attributor, b.plugin.name)),
    );
    wanted.dedup();
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
            differs: Vec::new(),
        })
        .collect()
}

/// Drops the folder of an absolute path: a report names no place of the machine it was made on.
fn relative(text: &str) -> String {
    if !text.starts_with('/') {
        return text.to_owned();
    }
    let parts: Vec<&str> = text.rsplit('/').take(2).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}
