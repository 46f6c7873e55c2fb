//! Predictions of changed sequences: how far students follow the ensemble, and whether they notice.

mod curves;
mod watch;

use std::sync::Arc;

use candle_core::Device;
use degu_config::{Point, ShiftKeys, Slotted, Study};
use degu_core::{ModelId, Seed, SequenceBatch, Shift as ShiftPlugin, Split, TaskId};
use degu_train::Backend;
use degu_workflow::{execute::TaskContext, key::KeyFields, store::Artifact};
use serde_json::json;

use super::calibrate;
use crate::{
    error::{Result, StageError},
    plan::{
        digests::FileDigests,
        fields::{of, value},
    },
    results::{PointResults, PreparedData, ShiftResult, network::saved, shift::FILE},
    stage::{self, Stage, root, seed},
    tasks::{self, task, task_of},
};
use curves::{Curves, Forecasts};
use watch::ShiftWatch;

/// Raised when the code of this stage gives other numbers.
const REVISION: u32 = 2;

/// The task of a block `[shift.NAME]`.
#[derive(Debug)]
struct Shift {
    name: String,
}

/// The tasks of a study.
pub(super) fn tasks(study: &Study) -> Vec<Arc<dyn Stage>> {
    let names = study.shift.keys().cloned();
    names.map(|name| Arc::new(Shift { name }) as _).collect()
}

impl Shift {
    fn block<'a>(&self, study: &'a Study) -> Result<&'a Slotted<dyn ShiftPlugin, ShiftKeys>> {
        let block = study.shift.get(&self.name);
        block.ok_or_else(|| StageError::bug(format!("no block `[shift.{}]`", self.name)))
    }

    /// The networks among the inputs.
    fn networks(
        &self,
        study: &Study,
        context: &TaskContext<'_>,
    ) -> Result<Vec<(ModelId, Box<dyn Backend>)>> {
        let models = stage::models(self, study, context)?.into_iter();
        models
            .filter(|(id, _)| *id != ModelId::Ensemble)
            .map(|(id, artifact)| {
                let network = saved(artifact)?.open(&Device::Cpu, context.threads())?;
                Ok((id, network))
            })
            .collect()
    }
}

impl Stage for Shift {
    fn task(&self) -> TaskId {
        task("shift", Some(self.name.clone()))
    }

    fn title(&self, _: &Study) -> Result<String> {
        Ok(format!("predicts changed sequences ({})", self.name))
    }

    fn inputs(&self, study: &Study) -> Result<Vec<TaskId>> {
        let mut inputs = vec![tasks::prepare(), task_of(ModelId::Ensemble)];
        inputs.extend(tasks::members(study));
        inputs.extend(tasks::students(study, false));
        let blocks = study.calibration.keys();
        inputs.extend(blocks.map(|name| calibrate::task_of_block(name)));
        Ok(inputs)
    }

    fn fields(&self, point: &Point, _: &mut FileDigests<'_>) -> Result<KeyFields> {
        let study = &point.study;
        let block = self.block(study)?;
        let settings = json!({ "severities": block.keys.severities, "ddof": study.distill.ddof });
        Ok(KeyFields {
            plugins: json!({ "plugin": of(&block.plugin) }),
            settings: value(&settings)?,
            seed: seed(point, &format!("shift/{}", self.name)),
            ..KeyFields::new("shift", REVISION)
        })
    }

    fn run(&self, point: &Point, context: &TaskContext<'_>) -> Result<()> {
        let study = &point.study;
        let data = PreparedData::of(context)?;
        let block = self.block(study)?;
        let changes = Changes {
            shift: block.plugin.build()?,
            root: root(point).child(format!("shift/{}", self.name)),
            rows: data.rows(Split::Test),
            data: &data,
        };
        let mut networks = self.networks(study, context)?;
        let mut watch = ShiftWatch::new(study, &self.name, &data, context)?;
        let ddof = study.distill.ddof;
        let mut curves = Curves::default();
        for severity in severities(&block.keys) {
            let codes = changes.codes(severity)?;
            let rows = changes.rows.len();
            let mut networks = networks.iter_mut();
            let of = networks
                .by_ref()
                .map(|(id, network)| Ok((*id, network.predict(&codes, rows)?)));
            let forecasts = Forecasts::new(of.collect::<Result<_>>()?, ddof)?;
            let found = watch.look(severity, &codes, &changes.rows, &forecasts)?;
            curves.extend(severity, found);
            curves.extend(severity, forecasts.closeness(&data)?);
        }
        let result = ShiftResult {
            curves: curves.finish(&self.name, &format!("severity of `{}`", block.plugin.name)),
            uncertainty: watch.found,
        };
        Ok(context.output().write_json(FILE, &result)?)
    }

    fn read(&self, artifact: &Artifact<'_>, results: &mut PointResults<'_>) -> Result<()> {
        results.shift.push(artifact.json(FILE)?);
        Ok(())
    }
}

/// The severities of a block in ascending order, after none at all.
fn severities(keys: &ShiftKeys) -> Vec<f64> {
    let mut all = vec![0.0];
    all.extend(keys.severities.iter().copied().filter(|s| *s > 0.0));
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

/// Changes the test sequences.
struct Changes<'a> {
    shift: Box<dyn ShiftPlugin>,
    root: Seed,
    rows: Vec<usize>,
    data: &'a PreparedData,
}

impl Changes<'_> {
    /// The test sequences at a severity; unchanged at 0.
    fn codes(&self, severity: f64) -> Result<Vec<u8>> {
        let mut clean = Vec::new();
        self.data.examples.gather(&self.rows, &mut clean);
        if severity <= 0.0 {
            return Ok(clean);
        }
        let mut batch = SequenceBatch::new(clean, self.data.info.length)?;
        let seed = |row: &usize| self.root.child(&self.data.ids[*row]);
        let seeds: Vec<Seed> = self.rows.iter().map(seed).collect();
        self.shift.apply(&mut batch, severity, &seeds)?;
        Ok(batch.codes)
    }
}
