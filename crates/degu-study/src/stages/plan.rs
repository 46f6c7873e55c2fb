//! From a study to its tasks.

mod data;
mod fields;
mod networks;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde_json::{Value, json};

use super::{Result, StageError, sources::Sources};
use degu_config::{AttributeModels, Point, Study};
use degu_workflow::key::KeyFields;
use degu_workflow::plan::{Plan, Task};
use degu_workflow::store::Store;
use fields::{of, value};

/// What a task does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Reads and splits the dataset.
    Prepare,
    /// Trains member `k`.
    Member(usize),
    /// Combines the members.
    Teacher,
    /// Distils student `s`.
    Student(usize),
    /// Trains control student `s` on the teacher's mean alone.
    Control(usize),
    /// Compares all models with the measurements.
    Evaluate,
    /// Fits a calibrator.
    Calibrate(String),
    /// Draws attribution maps and compares them.
    Attribute(String),
    /// Predicts changed sequences.
    Shift(String),
}

/// One task's work with everything it needs to know.
#[derive(Debug, Clone)]
pub struct Assigned {
    /// What to do.
    pub work: Work,
    /// The point's study.
    pub study: Arc<Study>,
    /// Replicate of the point.
    pub replicate: usize,
}

/// A study as tasks.
#[derive(Debug)]
pub struct StudyPlan {
    /// The graph.
    pub plan: Plan,
    /// What each task does, by its id.
    pub work: BTreeMap<String, Assigned>,
    /// The points, in order.
    pub points: Vec<Point>,
}

/// The prefix of a point's tasks.
pub(crate) fn prefix(point: &Point) -> String {
    if point.name == "base" {
        String::new()
    } else {
        format!("{}:", point.name)
    }
}

/// Plans the points of a study.
///
/// # Errors
///
/// A source file that is missing or has another digest than the one pinned, labels that the dataset
/// does not have.
pub fn plan(points: Vec<Point>, store: Option<&Store>) -> Result<StudyPlan> {
    let mut tasks = Vec::new();
    let mut work = BTreeMap::new();
    let mut digests: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut sources = Sources::default();
    for point in &points {
        let mut planner = Planner {
            point,
            prefix: prefix(point),
            store,
            digests: &mut digests,
            sources: &mut sources,
            tasks: &mut tasks,
            work: &mut work,
        };
        planner.run()?;
    }
    let plan = Plan::build(tasks).map_err(|e| StageError::Study {
        what: e.to_string(),
        help: "this is a defect of the planner",
    })?;
    Ok(StudyPlan { plan, work, points })
}

struct Planner<'a> {
    point: &'a Point,
    prefix: String,
    store: Option<&'a Store>,
    digests: &'a mut BTreeMap<PathBuf, String>,
    sources: &'a mut Sources,
    tasks: &'a mut Vec<Task>,
    work: &'a mut BTreeMap<String, Assigned>,
}

impl Planner<'_> {
    fn run(&mut self) -> Result<()> {
        let study = Arc::clone(&self.point.study);
        let prepare = self.prepare(&study)?;
        self.sources.check(&study)?;
        let members: Vec<String> = (0..study.ensemble.members)
            .map(|k| self.member(&study, k, &prepare))
            .collect::<Result<_>>()?;
        let teacher = self.teacher(&study, &prepare, &members)?;
        let mut students = Vec::new();
        let mut controls = Vec::new();
        if study.distill.enabled {
            for s in 0..study.distill.students {
                students.push(self.student(&study, s, &prepare, &teacher, &members, false)?);
            }
            for s in 0..study.distill.mean_only_control {
                controls.push(self.student(&study, s, &prepare, &teacher, &members, true)?);
            }
        }
        let mut models = vec![prepare.clone(), teacher.clone()];
        models.extend(members.iter().chain(&students).cloned());
        let everything: Vec<String> = models.iter().chain(&controls).cloned().collect();
        self.evaluate(&study, &everything)?;
        let mut calibrated = Vec::new();
        for (name, block) in &study.calibration {
            let fields = KeyFields {
                plugins: json!({ "plugin": of(&block.plugin) }),
                // The name is in the tables of the artifact, and in its random streams.
                settings: value(&json!({ "alpha": block.keys.alpha, "name": name }))?,
                seed: self.seed(&study, "calibrate"),
                ..KeyFields::new("calibrate", super::calibrate::REVISION)
            };
            let mut inputs: Vec<String> = [&prepare, &teacher]
                .into_iter()
                .chain(&students)
                .cloned()
                .collect();
            if block.plugin.build()?.needs().members {
                inputs.extend(members.iter().cloned());
            }
            let title = format!("calibrates intervals ({name})");
            calibrated.push(self.add(
                Work::Calibrate(name.clone()),
                &format!("calibrate/{name}"),
                fields,
                inputs,
                title,
                &study,
            ));
        }
        for (name, block) in &study.attribute {
            let fields = KeyFields {
                plugins: json!({ "plugin": of(&block.plugin) }),
                settings: value(&block.keys)?,
                seed: self.seed(&study, "references"),
                ..KeyFields::new("attribute", super::attribute::REVISION)
            };
            let mut inputs = vec![prepare.clone()];
            let wanted = &block.keys.models;
            if wanted.contains(&AttributeModels::Members)
                || wanted.contains(&AttributeModels::Teacher)
            {
                inputs.extend(members.iter().cloned());
            }
            if wanted.contains(&AttributeModels::Students) {
                inputs.extend(students.iter().cloned());
            }
            let title = format!("draws attribution maps ({name})");
            self.add(
                Work::Attribute(name.clone()),
                &format!("attribute/{name}"),
                fields,
                inputs,
                title,
                &study,
            );
        }
        for (name, block) in &study.shift {
            let fields = KeyFields {
                plugins: json!({ "plugin": of(&block.plugin) }),
                settings: value(
                    &json!({ "severities": block.keys.severities, "ddof": study.distill.ddof }),
                )?,
                seed: self.seed(&study, &format!("shift/{name}")),
                ..KeyFields::new("shift", super::shift::REVISION)
            };
            let title = format!("predicts changed sequences ({name})");
            self.add(
                Work::Shift(name.clone()),
                &format!("shift/{name}"),
                fields,
                models.iter().chain(&calibrated).cloned().collect(),
                title,
                &study,
            );
        }
        Ok(())
    }

    fn add(
        &mut self,
        work: Work,
        id: &str,
        fields: KeyFields,
        inputs: Vec<String>,
        title: String,
        study: &Arc<Study>,
    ) -> String {
        let id = format!("{}{id}", self.prefix);
        self.tasks.push(
            Task::new(id.clone(), fields)
                .with_inputs(inputs)
                .with_title(title),
        );
        self.work.insert(
            id.clone(),
            Assigned {
                work,
                study: Arc::clone(study),
                replicate: self.point.replicate,
            },
        );
        id
    }

    fn seed(&self, study: &Study, path: &str) -> Value {
        json!(format!(
            "{}:/replicate/{}/{path}",
            study.identity.seed, self.point.replicate
        ))
    }

    fn evaluate(&mut self, study: &Arc<Study>, inputs: &[String]) -> Result<()> {
        let fields = KeyFields {
            settings: value(&study.evaluation)?,
            seed: self.seed(study, "bootstrap"),
            ..KeyFields::new("evaluate", super::evaluate::REVISION)
        };
        self.add(
            Work::Evaluate,
            "evaluate",
            fields,
            inputs.to_vec(),
            "compares predictions and measurements".to_owned(),
            study,
        );
        Ok(())
    }
}
