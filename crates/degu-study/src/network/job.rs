//! One network from its first weights to its artifact.

use std::collections::BTreeMap;

use degu_core::{
    Architecture, Augmentation, LabelInfo, ModelId, Resolved, Seed, Split, UncertaintyHead,
};
use degu_train::{
    Backend, FitData, FitOptions, FitOutcome, FitReport, Fitter, HostForecast, Labels, ModelCard,
    Teacher,
    backend::{Recipe, choose},
    checkpoint::{Checkpoint, Progress},
    fit::DynamicLabels,
    model_file::{self, PluginCard},
};

use super::observer::Observer;
use crate::{
    error::{Result, StageError},
    options,
    results::{
        PreparedData,
        network::{CARD, CURVE, PREDICTIONS, WEIGHTS},
    },
};
use degu_config::{Study, Training};
use degu_workflow::execute::TaskContext;
use degu_workflow::journal::Level;

/// Share of spreads at 0 that is worth a warning.
const CLAMPED: f64 = 0.01;

const CHECKPOINT: &str = "checkpoint.safetensors";
/// The main phase that is done, while fine-tuning goes on.
const MAIN_PHASE: &str = "main.safetensors";

pub(crate) type BuiltAugmentation = Option<Box<dyn Augmentation>>;

/// Labels that the teacher makes for each batch.
pub(crate) struct Dynamic<'a> {
    pub(crate) teacher: &'a mut Teacher,
    pub(crate) append: bool,
    pub(crate) epistemic: bool,
    pub(crate) aleatoric: bool,
}

/// A plugin as a model card names it.
pub(crate) fn plugin_card<T: ?Sized>(plugin: &degu_core::Resolved<T>) -> PluginCard {
    PluginCard {
        plugin: plugin.name.to_owned(),
        revision: plugin.revision,
        params: plugin.params.clone(),
    }
}

/// One network to train.
pub(crate) struct Job<'a> {
    pub(crate) id: ModelId,
    pub(crate) study: &'a Study,
    pub(crate) architecture: &'a Resolved<dyn Architecture>,
    pub(crate) data: &'a PreparedData,
    pub(crate) labels: &'a Labels,
    pub(crate) info: LabelInfo,
    pub(crate) head: &'a dyn UncertaintyHead,
    pub(crate) head_card: PluginCard,
    pub(crate) training: &'a Training,
    pub(crate) train: &'a [usize],
    pub(crate) init: Seed,
    pub(crate) streams: Seed,
    pub(crate) augmentation: BuiltAugmentation,
}

impl Job<'_> {
    /// Trains, predicts every row and writes the files of the network.
    pub(crate) fn run(
        &self,
        dynamic: Option<Dynamic<'_>>,
        context: &TaskContext<'_>,
    ) -> Result<()> {
        let options = options::fit_options(self.training);
        let device = self.training.device.open()?;
        self.training.precision.prepare(&device)?;
        let architecture = self.architecture.build()?;
        let bind = || self.head.bind(&self.info);
        let recipe = Recipe {
            architecture: architecture.as_ref(),
            head: &bind,
            length: self.data.info.length,
            output: self.data.output(),
            seed: self.init,
            precision: self.training.precision,
        };
        // Labels on the spot may append the changed batch to the clean one; a single row may join
        // the last batch.
        let batches = if dynamic.as_ref().is_some_and(|d| d.append) {
            2
        } else {
            1
        };
        let capacity = batches * (options.batch_size + 1);
        let (kind, because) = options::backend(self.training, self.augmentation.as_deref())?;
        let chosen = choose(&recipe, kind, &device, capacity, context.threads())?;
        let mut backend = chosen.backend;
        let why = because.map_or(chosen.why, str::to_owned);
        let told = format!("{}: {why}", backend.describe());
        context.message(Level::Info, format!("trains with {told}"));
        context.note("backend", told.into());
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
            let mut options = main.fine_tune(config.epochs, config.lr);
            options.early_stopping.get_or_insert_default().patience = config.patience;
            return Some(options);
        }
        let asked = self.augmentation.as_ref()?.fine_tune()?;
        Some(main.fine_tune(asked.epochs, asked.learning_rate))
    }

    fn phase(
        &self,
        phase: usize,
        options: &FitOptions,
        mut dynamic: Option<Dynamic<'_>>,
        validation: &[usize],
        backend: &mut dyn Backend,
        context: &TaskContext<'_>,
    ) -> Result<FitReport> {
        let partial = context.partial();
        if phase == 0
            && let Some(done) = partial.load(MAIN_PHASE)?
        {
            return finished(&Checkpoint::from_bytes(&done)?, backend);
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
        let rows = self.train.len() * if dynamic.is_some() { 2 } else { 1 };
        let augmentation = self.augmentation.as_deref().filter(|_| phase == 0);
        let fitter = Fitter {
            data: FitData {
                examples: &self.data.examples,
                labels: self.labels,
                train: self.train,
                validation,
                augmentation,
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
        let mut observer = Observer::new(context, &name, rows);
        let outcome = fitter.run(backend, resume, &mut observer);
        if let Some(error) = observer.failed {
            return Err(error.into());
        }
        let report = match outcome? {
            FitOutcome::Finished(report) => report,
            FitOutcome::Interrupted { .. } => return Err(StageError::interrupted()),
        };
        if phase == 0 && self.fine_tune(options).is_some() {
            let best = best_weights(options, &report, backend)?;
            partial.save(MAIN_PHASE, &best.to_bytes()?)?;
        }
        Ok(report)
    }

    /// Bases around each element, which predictions from a model folder add as well.
    fn flanks(&self) -> Result<(String, String)> {
        if self.data.flanked {
            return Ok(self.data.info.flanks.clone());
        }
        Ok(self.study.dataset.plugin.build()?.info().flanks.clone())
    }

    fn publish(
        &self,
        backend: &mut dyn Backend,
        report: &FitReport,
        context: &TaskContext<'_>,
    ) -> Result<()> {
        let output = context.output();
        let forecast = backend.predict(&self.data.examples.codes, self.data.examples.len())?;
        output.write_bytes(PREDICTIONS, &forecast.to_bytes()?)?;
        note_clamped(&forecast, context);
        let weights = backend.weights()?;
        let bytes = model_file::weights_to_bytes(&weights)?;
        let trained = weights
            .iter()
            .filter(|(name, _)| !name.contains(".running_"));
        let card = ModelCard {
            format: model_file::FORMAT,
            name: self.id.to_string(),
            model: Some(self.id),
            written_by: concat!("degu-lab ", env!("CARGO_PKG_VERSION")).to_owned(),
            architecture: plugin_card(self.architecture),
            head: self.head_card.clone(),
            labels: self.info.clone(),
            length: self.data.info.length,
            output: self.data.output(),
            flanks: self.flanks()?,
            alphabet: "ACGT".to_owned(),
            unit: self.data.info.unit.clone(),
            data: context
                .inputs_of("prepare")
                .next()
                .map(|a| a.key().full())
                .unwrap_or_default(),
            parameters: trained.map(|(_, (_, values))| values.len()).sum(),
            weights: Some(model_file::weights_digest(&bytes)),
            calibration: BTreeMap::new(),
            default_calibration: None,
            metrics: BTreeMap::new(),
        };
        output.write_bytes(WEIGHTS, &bytes)?;
        output.write_json(CARD, &card)?;
        output.write_json(CURVE, report)?;
        Ok(())
    }
}

/// The report of a main phase that ended before the task was killed; its weights are restored.
fn finished(checkpoint: &Checkpoint, backend: &mut dyn Backend) -> Result<FitReport> {
    backend.restore(&checkpoint.state)?;
    let progress = &checkpoint.progress;
    Ok(FitReport {
        best_epoch: progress.stopping.best_epoch(),
        best_value: progress.stopping.best().unwrap_or(f64::NAN),
        steps: progress.step,
        stopped_early: progress.stopping.should_stop(),
        epochs: progress.records.clone(),
    })
}

/// The best weights of the main phase, so that a run killed while fine-tuning does not train again.
fn best_weights(
    options: &FitOptions,
    report: &FitReport,
    backend: &mut dyn Backend,
) -> Result<Checkpoint> {
    let mut best = Checkpoint {
        state: backend.state()?,
        progress: Progress::new(options),
    };
    best.progress.records.clone_from(&report.epochs);
    best.progress.step = report.steps;
    best.state.first.clear();
    best.state.second.clear();
    best.state.updates = 0;
    backend.restore(&best.state)?;
    for record in &report.epochs {
        let stopping = &mut best.progress.stopping;
        stopping.observe(record.epoch, record.validation_loss);
    }
    Ok(best)
}

/// Notes the share of spreads that were clamped at 0, which a linear output gives for a negative
/// one.
fn note_clamped(forecast: &HostForecast, context: &TaskContext<'_>) {
    for (part, values) in [
        ("epistemic", &forecast.epistemic),
        ("aleatoric", &forecast.aleatoric),
    ] {
        let Some(values) = values else { continue };
        let zeros = values.iter().filter(|v| **v <= 0.0).count();
        let share = zeros as f64 / values.len().max(1) as f64;
        context.note(
            format!("share of {part} spreads clamped at 0"),
            share.into(),
        );
        if share > CLAMPED {
            tracing::warn!(
                part,
                share,
                "many predicted spreads are negative and count as 0; `positivity = \"softplus\"` of the head `distilled` and `loss = \"likelihood\"` of `replicate` keep them positive"
            );
        }
    }
}
