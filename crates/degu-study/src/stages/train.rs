//! Trains the members of the ensemble.

use std::sync::Arc;

use degu_config::{Point, Study, Vary};
use degu_core::{ModelId, Spread, TaskId};
use degu_workflow::{execute::TaskContext, key::KeyFields, store::Artifact};
use serde_json::json;

use crate::{
    error::Result,
    network::{self, Job, REVISION},
    plan::{
        digests::FileDigests,
        fields::{of, training, value},
    },
    results::{PointResults, PreparedData},
    stage::{Stage, root, seed},
    tasks::{self, task_of},
};

/// The task of member `k`.
#[derive(Debug)]
struct Train {
    k: usize,
}

/// The tasks of a study.
pub(super) fn tasks(study: &Study) -> Vec<Arc<dyn Stage>> {
    let members = 0..study.ensemble.members;
    members.map(|k| Arc::new(Train { k }) as _).collect()
}

impl Stage for Train {
    fn task(&self) -> TaskId {
        task_of(ModelId::Member(self.k))
    }

    fn title(&self, study: &Study) -> Result<String> {
        let augmentation = study.augmentation.0.as_ref().map(|a| &a.plugin);
        let with = network::backend(&study.training, augmentation)?;
        Ok(format!("trains member {}{with}", self.k))
    }

    fn inputs(&self, _: &Study) -> Result<Vec<TaskId>> {
        Ok(vec![tasks::prepare()])
    }

    fn fields(&self, point: &Point, _: &mut FileDigests<'_>) -> Result<KeyFields> {
        let study = &point.study;
        let augmentation = study.augmentation.0.as_ref().map(|a| of(&a.plugin));
        let mut vary: Vec<Vary> = study.ensemble.vary.clone();
        vary.sort_unstable();
        let mut settings = json!({ "training": training(&study.training)?, "vary": vary });
        if vary.contains(&Vary::Folds) {
            // Who is left out depends on how many folds there are.
            settings["folds"] = json!(study.ensemble.members);
        }
        Ok(KeyFields {
            plugins: json!({
                "architecture": of(&study.architecture.plugin),
                "head": of(&study.ensemble.head.plugin),
                "augmentation": augmentation,
            }),
            settings: value(&settings)?,
            seed: seed(point, &format!("member/{}", self.k)),
            numeric: network::numeric(study),
            ..KeyFields::new("train", REVISION)
        })
    }

    fn run(&self, point: &Point, context: &TaskContext<'_>) -> Result<()> {
        let study = &point.study;
        let data = PreparedData::of(context)?;
        let root = root(point);
        let pick = |vary| {
            let own = study.ensemble.vary.contains(&vary);
            root.child(format!("member/{}", if own { self.k } else { 0 }))
        };
        let train = network::training_rows(study, &root, self.k, &data)?;
        let head = study.ensemble.head.plugin.build()?;
        let labels = network::weighted(&data.measured, head.as_ref(), &data)?;
        let augmentation = study.augmentation.0.as_ref().map(|a| &a.plugin);
        let job = Job {
            id: ModelId::Member(self.k),
            study,
            architecture: &study.architecture.plugin,
            data: &data,
            labels: &labels,
            info: network::label_info(&data, &labels, false, Spread::Std),
            head: head.as_ref(),
            head_card: network::plugin_card(&study.ensemble.head.plugin),
            training: &study.training,
            train: &train,
            init: pick(Vary::Init),
            streams: pick(Vary::Order),
            augmentation: network::build_augmentation(augmentation)?,
        };
        job.run(None, context)
    }

    fn read(&self, artifact: &Artifact<'_>, results: &mut PointResults<'_>) -> Result<()> {
        results.model(ModelId::Member(self.k), artifact)
    }
}
