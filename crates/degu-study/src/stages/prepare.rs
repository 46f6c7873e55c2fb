//! Reads a dataset, splits it, measures leakage.

mod hold_out;
mod leakage;
mod read;
mod split;

use std::sync::Arc;

use degu_config::{Point, Study};
use degu_core::{Seed, TaskId};
use degu_workflow::{execute::TaskContext, key::KeyFields, store::Artifact};
use serde_json::json;

use crate::{
    error::Result,
    plan::{
        digests::FileDigests,
        fields::{bug, of, value},
    },
    results::{Depth, PointResults, PreparedData},
    stage::Stage,
    tasks,
};

pub(crate) use leakage::refuse_stored;

/// Raised when the code of this stage gives other numbers.
const REVISION: u32 = 1;

/// The task of a point.
#[derive(Debug)]
struct Prepare;

/// The tasks of a study.
pub(super) fn tasks(_: &Study) -> Vec<Arc<dyn Stage>> {
    vec![Arc::new(Prepare)]
}

impl Stage for Prepare {
    fn task(&self) -> TaskId {
        tasks::prepare()
    }

    fn title(&self, _: &Study) -> Result<String> {
        Ok("reads and splits the data".to_owned())
    }

    fn inputs(&self, _: &Study) -> Result<Vec<TaskId>> {
        Ok(Vec::new())
    }

    fn fields(&self, point: &Point, digests: &mut FileDigests<'_>) -> Result<KeyFields> {
        let plugin = &point.study.dataset.plugin;
        let data = digests.of(plugin)?;
        let mut split = serde_json::to_value(&point.study.split).map_err(bug)?;
        if let Some(split) = split.as_object_mut() {
            // What is allowed to leak changes no row.
            split.remove("allow_leakage");
        }
        let mut dataset = of(plugin);
        dataset["params"] = plugin.params_without_files();
        Ok(KeyFields {
            plugins: json!({ "dataset": dataset }),
            settings: value(&json!({ "split": split }))?,
            data,
            seed: json!(format!("{}:/split", point.study.identity.seed)),
            ..KeyFields::new("prepare", REVISION)
        })
    }

    fn run(&self, point: &Point, context: &TaskContext<'_>) -> Result<()> {
        let study = &point.study;
        let dataset = study.dataset.plugin.build()?;
        let seed = Seed::root(study.identity.seed);
        let mut prepared = read::prepare(dataset.as_ref(), &study.split, &seed)?;
        prepared.leakage = leakage::measured(&prepared, &study.split)?;
        prepared.write(context.output())
    }

    fn read(&self, artifact: &Artifact<'_>, results: &mut PointResults<'_>) -> Result<()> {
        if results.depth == Depth::Everything {
            let data = PreparedData::read(artifact)?;
            results.prepared = Some((data, artifact.key().short()));
        }
        Ok(())
    }
}
