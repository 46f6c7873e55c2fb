//! The tasks that train networks and combine them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    super::{
        Result,
        network::{REVISION, students},
    },
    Planner, Work,
    fields::{backend, of, training, value},
};
use degu_config::{LabelMembers, Labels, Study, Vary};
use degu_workflow::key::KeyFields;

impl Planner<'_> {
    fn numeric(study: &Study) -> Value {
        let device = match study.training.device {
            degu_train::Device::Cuda(_) => "cuda",
            _ => "cpu",
        };
        json!({ "dtype": "f32", "device": device })
    }

    pub(super) fn member(&mut self, study: &Arc<Study>, k: usize, prepare: &str) -> Result<String> {
        let with = backend(
            &study.training,
            study.augmentation.0.as_ref().map(|a| &a.plugin),
        )?;
        let augmentation = study.augmentation.0.as_ref().map(|a| of(&a.plugin));
        let plugins = json!({
            "architecture": of(&study.architecture.plugin),
            "head": of(&study.ensemble.head.plugin),
            "augmentation": augmentation,
        });
        let mut vary: Vec<Vary> = study.ensemble.vary.clone();
        vary.sort_unstable();
        let mut settings = json!({ "training": training(&study.training)?, "vary": vary });
        if vary.contains(&Vary::Folds) {
            // Who is left out depends on how many folds there are.
            settings["folds"] = json!(study.ensemble.members);
        }
        let fields = KeyFields {
            plugins,
            settings: value(&settings)?,
            seed: self.seed(study, &format!("member/{k}")),
            numeric: Self::numeric(study),
            ..KeyFields::new("train", REVISION)
        };
        let title = format!("trains member {k}{with}");
        Ok(self.add(
            Work::Member(k),
            &format!("train/member-{k}"),
            fields,
            vec![prepare.to_owned()],
            title,
            study,
        ))
    }

    pub(super) fn teacher(
        &mut self,
        study: &Arc<Study>,
        prepare: &str,
        members: &[String],
    ) -> Result<String> {
        let mut settings = json!({ "ddof": study.distill.ddof });
        if study.distill.label_members != LabelMembers::All {
            settings["label_members"] = json!(study.distill.label_members);
        }
        let fields = KeyFields {
            settings: value(&settings)?,
            ..KeyFields::new("predict", REVISION)
        };
        let inputs: Vec<String> = std::iter::once(prepare.to_owned())
            .chain(members.iter().cloned())
            .collect();
        Ok(self.add(
            Work::Teacher,
            "predict/teacher",
            fields,
            inputs,
            "combines the members".to_owned(),
            study,
        ))
    }

    pub(super) fn student(
        &mut self,
        study: &Arc<Study>,
        s: usize,
        prepare: &str,
        teacher: &str,
        members: &[String],
        control: bool,
    ) -> Result<String> {
        let distill = &study.distill;
        let with = backend(
            &distill.training,
            distill.augmentation.0.as_ref().map(|a| &a.plugin),
        )?;
        let dynamic = distill.labels == Labels::Dynamic;
        let augmentation = distill.augmentation.0.as_ref().map(|a| of(&a.plugin));
        let plugins = json!({
            "architecture": of(students(study)),
            "head": of(&distill.head.plugin),
            "augmentation": augmentation,
        });
        let mut targets = distill.targets.clone();
        if control {
            targets = vec![degu_core::Part::Mean];
        }
        targets.sort_unstable();
        let mode = dynamic.then_some(distill.dynamic);
        let settings = json!({
            "training": training(&distill.training)?, "targets": targets, "spread": distill.spread,
            "labels": distill.labels, "dynamic": mode,
        });
        let path = if control {
            format!("control/{s}")
        } else {
            format!("student/{s}")
        };
        let fields = KeyFields {
            plugins,
            settings: value(&settings)?,
            seed: self.seed(study, &path),
            numeric: Self::numeric(study),
            ..KeyFields::new("distill", REVISION)
        };
        let mut inputs = vec![prepare.to_owned(), teacher.to_owned()];
        if dynamic {
            inputs.extend(members.iter().cloned());
        }
        let (work, id, title) = if control {
            (
                Work::Control(s),
                format!("distill/control-{s}"),
                format!("trains control {s} on the teacher's mean{with}"),
            )
        } else {
            (
                Work::Student(s),
                format!("distill/student-{s}"),
                format!("distils student {s}{with}"),
            )
        };
        Ok(self.add(work, &id, fields, inputs, title, study))
    }
}
