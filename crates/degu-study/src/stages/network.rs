//! Trains one network: a member, a student, a control.

use std::collections::BTreeMap;

use degu_core::{Augmentation, LabelInfo, Part, Seed, Split, Spread, UncertaintyHead};
use degu_train::{
    Backend, BackendKind, EpochRecord, FitData, FitOptions, FitOutcome, FitReport, Fitter,
    HostForecast, Labels, ModelCard, SavedModel, StudentLabels, Teacher, TrainError,
    backend::{Recipe, open},
    checkpoint::Checkpoint,
    fit::{DynamicLabels, FitObserver},
    model_file::{self, PluginCard},
    stopping::EarlyStopping,
};

use super::{PreparedData, Result, StageError, options, plan::Assigned, teacher};
use crate::{
    config::{DynamicMode, Labels as LabelMode, Study, Training, Vary},
    execute::{TaskContext, TaskError},
    journal::Progress,
    store::{Artifact, Partial, Position},
};

/// Files of a trained network.
pub(crate) const CARD: &str = "card.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";
pub(crate) const PREDICTIONS: &str = "predictions.safetensors";
pub(crate) const CURVE: &str = "curve.json";

const CHECKPOINT: &str = "checkpoint.safetensors";
/// The main phase that is done, while fine-tuning goes on.
const MAIN_PHASE: &str = "main.safetensors";

/// The stream of a replicate.
pub(crate) fn replicate(study: &Study, replicate: usize) -> Seed {
    Seed::root(study.identity.seed).child(format!("replicate/{replicate}"))
}

/// Trains member `k`.
pub(crate) fn member(
    assigned: &Assigned,
    k: usize,
    context: &TaskContext<'_>,
) -> Result<(), TaskError> {
    let study = &assigned.study;
    let data = PreparedData::of(context)?;
    let root = replicate(study, assigned.replicate);
    let own = root.child(format!("member/{k}"));
    let shared = root.child("member/0");
    let pick = |vary| {
        if study.ensemble.vary.contains(&vary) {
            own
        } else {
            shared
        }
    };
    let train = training_rows(study, &root, k, &data).map_err(StageError::into_task)?;
    let labels = data.measured.clone();
    let info = label_info(&data, &labels, false, Spread::Std);
    let head = study.ensemble.head.plugin.build().map_err(core)?;
    let job = Job {
        name: format!("{} member-{k}", study.identity.name),
        study,
        data: &data,
        labels: &labels,
        info,
        head: head.as_ref(),
        head_card: plugin_card(&study.ensemble.head.plugin),
        training: &study.training,
        train: &train,
        init: pick(Vary::Init),
        streams: pick(Vary::Order),
        augmentation: build_augmentation(study.augmentation.0.as_ref().map(|a| &a.plugin))?,
    };
    job.run(None, context)
}

/// The rows that member `k` of a replicate trains on; a row that was drawn twice stands there twice.
pub(crate) fn training_rows(
    study: &Study,
    root: &Seed,
    k: usize,
    data: &PreparedData,
) -> Result<Vec<usize>> {
    let train = data.rows(Split::Train);
    if study.ensemble.vary.contains(&Vary::Bootstrap) {
        let seed = root.child(format!("member/{k}")).child("bootstrap");
        return Ok(bootstrap(&train, &data.group, &seed));
    }
    if study.ensemble.vary.contains(&Vary::Folds) {
        let members = study.ensemble.members;
        let groups: Vec<u64> = train.iter().map(|r| data.group[*r]).collect();
        let equal = vec![1.0 / members as f64; members];
        let fold = degu_genome::split_groups(&groups, &equal, root.child("folds").bytes())?;
        let rows = train.into_iter().zip(fold);
        return Ok(rows.filter(|(_, f)| *f != k).map(|(r, _)| r).collect());
    }
    Ok(train)
}

/// Trains student `s`, or a control that learns the teacher's mean alone.
pub(crate) fn student(
    assigned: &Assigned,
    s: usize,
    control: bool,
    context: &TaskContext<'_>,
) -> Result<(), TaskError> {
    let study = &assigned.study;
    let distill = &study.distill;
    let data = PreparedData::of(context)?;
    let forecast = teacher::forecast(context)?;
    let train = data.rows(Split::Train);
    let wants = |part| !control && distill.targets.contains(&part);
    let rule = StudentLabels {
        measured: &data.measured,
        teacher: &forecast,
        train: &train,
        epistemic: wants(Part::Epistemic),
        aleatoric: wants(Part::Aleatoric),
    };
    let labels = rule
        .assemble()
        .map_err(|e| StageError::from(e).into_task())?;
    let info = label_info(&data, &labels, rule.epistemic, distill.spread);
    let kind = if control { "control" } else { "student" };
    let seed = replicate(study, assigned.replicate).child(format!("{kind}/{s}"));
    let head = distill.head.plugin.build().map_err(core)?;
    let job = Job {
        name: format!("{} {kind}-{s}", study.identity.name),
        study,
        data: &data,
        labels: &labels,
        info,
        head: head.as_ref(),
        head_card: plugin_card(&distill.head.plugin),
        training: &distill.training,
        train: &train,
        init: seed,
        streams: seed,
        augmentation: build_augmentation(distill.augmentation.0.as_ref().map(|a| &a.plugin))?,
    };
    if distill.labels == LabelMode::Static {
        return job.run(None, context);
    }
    let mut members = Vec::new();
    for artifact in context.inputs_of("train") {
        members.push(
            saved(artifact)?
                .open(&candle_core::Device::Cpu, context.threads())
                .map_err(|e| StageError::from(e).into_task())?,
        );
    }
    let mut teacher = Teacher {
        members,
        ddof: options::ddof(distill.ddof),
    };
    let dynamic = Dynamic {
        teacher: &mut teacher,
        append: distill.dynamic.mode == DynamicMode::Append,
        epistemic: rule.epistemic,
        aleatoric: rule.aleatoric,
    };
    job.run(Some(dynamic), context)
}

/// The model in an artifact of `train` or `distill`.
pub(crate) fn saved(artifact: &Artifact<'_>) -> Result<SavedModel, TaskError> {
    let card: ModelCard = artifact.json(CARD)?;
    let weights = artifact.bytes(WEIGHTS)?;
    let model =
        model_file::weights_from_bytes(&weights).and_then(|weights| SavedModel::new(card, weights));
    model.map_err(|e| StageError::from(e).into_task())
}

/// The predictions of all rows in an artifact of `train` or `distill`.
pub(crate) fn predictions(artifact: &Artifact<'_>) -> Result<HostForecast, TaskError> {
    HostForecast::from_bytes(&artifact.bytes(PREDICTIONS)?)
        .map_err(|e| StageError::from(e).into_task())
}

fn core(error: degu_core::Error) -> TaskError {
    StageError::from(error).into_task()
}

type BuiltAugmentation = Option<Box<dyn Augmentation>>;

fn build_augmentation(
    plugin: Option<&degu_core::Resolved<dyn Augmentation>>,
) -> Result<BuiltAugmentation, TaskError> {
    plugin
        .map(degu_core::Resolved::build)
        .transpose()
        .map_err(core)
}

/// A plugin as a model card names it.
pub(crate) fn plugin_card<T: ?Sized>(plugin: &degu_core::Resolved<T>) -> PluginCard {
    PluginCard {
        plugin: plugin.name.to_owned(),
        revision: plugin.revision,
        params: plugin.params.clone(),
    }
}

fn label_info(data: &PreparedData, labels: &Labels, epistemic: bool, spread: Spread) -> LabelInfo {
    // Scales come from the measurements, so that members and students share their floors.
    let (mean, std) = data
        .measured
        .moments(&data.rows(Split::Train), data.tasks());
    LabelInfo {
        tasks: data.info.tasks.clone(),
        mean,
        std,
        epistemic,
        aleatoric: labels.aleatoric.is_some(),
        spread,
    }
}

/// Groups drawn with replacement, as many as there are.
fn bootstrap(rows: &[usize], group: &[u64], seed: &Seed) -> Vec<usize> {
    use rand::RngExt as _;
    let mut groups: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for row in rows {
        groups.entry(group[*row]).or_default().push(*row);
    }
    let groups: Vec<Vec<usize>> = groups.into_values().collect();
    let mut rng = seed.rng();
    (0..groups.len())
        .flat_map(|_| groups[rng.random_range(0..groups.len())].clone())
        .collect()
}

struct Dynamic<'a> {
    teacher: &'a mut Teacher,
    append: bool,
    epistemic: bool,
    aleatoric: bool,
}

/// One network to train.
struct Job<'a> {
    name: String,
    study: &'a Study,
    data: &'a PreparedData,
    labels: &'a Labels,
    info: LabelInfo,
    head: &'a dyn UncertaintyHead,
    head_card: PluginCard,
    training: &'a Training,
    train: &'a [usize],
    init: Seed,
    streams: Seed,
    augmentation: BuiltAugmentation,
}

impl Job<'_> {
    fn run(
        &self,
        dynamic: Option<Dynamic<'_>>,
        context: &TaskContext<'_>,
    ) -> Result<(), TaskError> {
        self.train(dynamic, context).map_err(|error| match error {
            Failure::Stage(error) => error.into_task(),
            Failure::Task(error) => error,
        })
    }

    fn train(
        &self,
        dynamic: Option<Dynamic<'_>>,
        context: &TaskContext<'_>,
    ) -> Result<(), Failure> {
        let options = options::fit_options(self.training)?;
        let device = options::device(self.training.device).open()?;
        let architecture = self.study.architecture.plugin.build()?;
        let bind = || self.head.bind(&self.info);
        let recipe = Recipe {
            architecture: architecture.as_ref(),
            head: &bind,
            length: self.data.info.length,
            output: self.data.output(),
            seed: self.init,
        };
        // Dynamic labels may append the changed batch to the clean one; a single row may join the last batch.
        let capacity = 2 * options.batch_size + 2;
        let mut backend = open(
            &recipe,
            BackendKind::Auto,
            &device,
            capacity,
            context.threads(),
        )?;
        context.note("backend", backend.describe().into());
        let validation = self.data.rows(Split::Validation);
        let fine_tune = self.fine_tune(&options);
        let mut report =
            self.phase(0, &options, dynamic, &validation, backend.as_mut(), context)?;
        if let Some(options) = fine_tune {
            let second = self.phase(1, &options, None, &validation, backend.as_mut(), context)?;
            report.steps += second.steps;
            report.best_value = second.best_value;
            report.best_epoch = report.epochs.len() + second.best_epoch;
            report.epochs.extend(second.epochs);
        }
        self.publish(backend.as_mut(), &report, context)
    }

    /// The phase on unchanged data, if the study or the augmentation asks for one.
    fn fine_tune(&self, main: &FitOptions) -> Option<FitOptions> {
        if let Some(config) = self.training.fine_tune {
            return Some(options::fine_tune_options(
                main,
                config.epochs,
                config.lr,
                config.patience,
            ));
        }
        let own = self.augmentation.as_ref()?.fine_tune()?;
        let patience = main.early_stopping.patience;
        Some(options::fine_tune_options(
            main,
            own.epochs,
            own.learning_rate,
            patience,
        ))
    }

    fn phase(
        &self,
        phase: usize,
        options: &FitOptions,
        dynamic: Option<Dynamic<'_>>,
        validation: &[usize],
        backend: &mut dyn Backend,
        context: &TaskContext<'_>,
    ) -> Result<FitReport, Failure> {
        let partial = context.partial();
        if phase == 0
            && let Some(done) = partial.load(MAIN_PHASE)?
        {
            let checkpoint = Checkpoint::from_bytes(&done)?;
            backend.restore(&checkpoint.state)?;
            let progress = checkpoint.progress;
            return Ok(FitReport {
                best_epoch: progress.stopping.best_epoch(),
                best_value: progress.stopping.best().unwrap_or(f64::NAN),
                steps: progress.step,
                stopped_early: progress.stopping.should_stop(),
                epochs: progress.records,
            });
        }
        let name = if phase == 0 {
            CHECKPOINT.to_owned()
        } else {
            format!("phase-{phase}-{CHECKPOINT}")
        };
        let resume = partial
            .load(&name)?
            .map(|bytes| Checkpoint::from_bytes(&bytes))
            .transpose()?;
        let flag = context.interrupt_flag();
        let has_dynamic = dynamic.is_some();
        let mut dynamic = dynamic;
        let fitter = Fitter {
            data: FitData {
                examples: &self.data.examples,
                labels: self.labels,
                train: self.train,
                validation,
                augmentation: if phase == 0 {
                    self.augmentation.as_deref()
                } else {
                    None
                },
                dynamic: dynamic.as_mut().map(|d| DynamicLabels {
                    teacher: std::cell::RefCell::new(&mut *d.teacher),
                    append: d.append,
                    epistemic: d.epistemic,
                    aleatoric: d.aleatoric,
                }),
            },
            options,
            phase,
            seed: self.streams,
            interrupt: &flag,
        };
        let mut observer = Observer {
            context,
            partial,
            name: &name,
            rows: self.train.len() * if has_dynamic { 2 } else { 1 },
            last: None,
        };
        let report = match fitter.run(backend, resume, &mut observer)? {
            FitOutcome::Finished(report) => report,
            FitOutcome::Interrupted { .. } => return Err(Failure::Task(TaskError::Interrupted)),
        };
        if phase == 0 && self.fine_tune(options).is_some() {
            // The best weights of the main phase, so that a run killed while fine-tuning does not train again.
            let mut checkpoint = Checkpoint {
                state: backend.state()?,
                progress: degu_train::checkpoint::Progress::new(options),
            };
            checkpoint.progress.records.clone_from(&report.epochs);
            checkpoint.progress.step = report.steps;
            checkpoint.state.first.clear();
            checkpoint.state.second.clear();
            checkpoint.state.updates = 0;
            backend.restore(&checkpoint.state)?;
            for record in &report.epochs {
                checkpoint
                    .progress
                    .stopping
                    .observe(record.epoch, record.validation_loss);
            }
            partial.save(MAIN_PHASE, &checkpoint.to_bytes()?)?;
        }
        Ok(report)
    }

    fn publish(
        &self,
        backend: &mut dyn Backend,
        report: &FitReport,
        context: &TaskContext<'_>,
    ) -> Result<(), Failure> {
        let output = context.output();
        let forecast = backend.predict(&self.data.examples.codes, self.data.examples.len())?;
        output.write_bytes(PREDICTIONS, &forecast.to_bytes()?)?;
        let weights = backend.weights()?;
        let trained = weights
            .iter()
            .filter(|(name, _)| !name.contains(".running_"));
        let card = ModelCard {
            format: model_file::FORMAT,
            name: self.name.clone(),
            written_by: concat!("degu-lab ", env!("CARGO_PKG_VERSION")).to_owned(),
            architecture: plugin_card(&self.study.architecture.plugin),
            head: self.head_card.clone(),
            labels: self.info.clone(),
            length: self.data.info.length,
            output: self.data.output(),
            flanks: flanks(&self.study.dataset.plugin.params),
            alphabet: "ACGT".to_owned(),
            unit: self.data.info.unit.clone(),
            data: context
                .inputs_of("prepare")
                .next()
                .map(|a| a.key().full())
                .unwrap_or_default(),
            parameters: trained.map(|(_, (_, values))| values.len()).sum(),
            calibration: BTreeMap::new(),
            metrics: BTreeMap::new(),
        };
        output.write_bytes(WEIGHTS, &model_file::weights_to_bytes(&weights)?)?;
        output.write_json(CARD, &card)?;
        output.write_json(CURVE, report)?;
        Ok(())
    }
}

/// Bases that the dataset added around each element: predictions from a model folder add them as well.
fn flanks(params: &serde_json::Value) -> (String, String) {
    let text = |key: &str| {
        params
            .get(key)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    (text("left_adapter"), text("right_adapter"))
}

/// A stage's failure, or the executor's own.
enum Failure {
    Stage(StageError),
    Task(TaskError),
}

impl<E: Into<StageError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Stage(error.into())
    }
}

/// Hands progress to the executor and checkpoints to the store.
struct Observer<'a, 'c> {
    context: &'a TaskContext<'c>,
    partial: &'a Partial,
    name: &'a str,
    rows: usize,
    last: Option<std::time::Instant>,
}

impl FitObserver for Observer<'_, '_> {
    fn epoch(&mut self, record: &EpochRecord, of: usize, stopping: &EarlyStopping) {
        let now = std::time::Instant::now();
        let rate = self
            .last
            .replace(now)
            .map(|last| self.rows as f64 / (now - last).as_secs_f64());
        self.context.progress(Progress {
            epoch: record.epoch as u64,
            of: of as u64,
            loss: Some(record.loss),
            validation: Some(record.validation_loss),
            best: stopping.best(),
            rate,
        });
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> degu_train::Result<()> {
        let failed =
            |e: crate::store::StoreError| TrainError::Io(std::io::Error::other(e.to_string()));
        self.partial
            .save(self.name, &checkpoint.to_bytes()?)
            .map_err(failed)?;
        let epoch = checkpoint.progress.epoch as u64;
        self.partial
            .note(Position {
                epoch,
                of: checkpoint.progress.records.len().max(1) as u64,
            })
            .map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bootstrap_draws_whole_groups() {
        let rows: Vec<usize> = (0..40).collect();
        let group: Vec<u64> = (0..40).map(|i| i / 2).collect();
        let drawn = bootstrap(&rows, &group, &Seed::root(3));
        assert_eq!(drawn.len(), 40);
        for pair in drawn.chunks(2) {
            assert_eq!(pair[0] + 1, pair[1]);
        }
        assert_ne!(drawn, rows);
    }
}
