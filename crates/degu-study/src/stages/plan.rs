//! From a study to its tasks.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use degu_core::{Resolved, SlotTrait};
use serde_json::{Value, json};

use super::{REVISION, Result, StageError};
use crate::{
    config::{AttributeModels, Labels, Point, Study, Vary},
    key::{KeyFields, to_value},
    plan::{Plan, Task},
    store::Store,
};

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
/// A source file that is missing or has another digest than the one pinned.
pub fn plan(points: Vec<Point>, store: Option<&Store>) -> Result<StudyPlan> {
    let mut tasks = Vec::new();
    let mut work = BTreeMap::new();
    let mut digests: BTreeMap<PathBuf, String> = BTreeMap::new();
    for point in &points {
        let mut planner = Planner {
            point,
            prefix: prefix(point),
            store,
            digests: &mut digests,
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
    tasks: &'a mut Vec<Task>,
    work: &'a mut BTreeMap<String, Assigned>,
}

impl Planner<'_> {
    fn run(&mut self) -> Result<()> {
        let study = Arc::clone(&self.point.study);
        let prepare = self.prepare(&study)?;
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
        for (name, block) in &study.calibration {
            let fields = KeyFields {
                plugins: json!({ "plugin": of(&block.plugin) }),
                settings: value(&json!({ "alpha": block.keys.alpha }))?,
                seed: self.seed(&study, "calibrate"),
                ..KeyFields::new("calibrate", REVISION)
            };
            let inputs: Vec<String> = [&prepare, &teacher]
                .into_iter()
                .chain(&students)
                .cloned()
                .collect();
            let title = format!("calibrates intervals ({name})");
            self.add(
                Work::Calibrate(name.clone()),
                &format!("calibrate/{name}"),
                fields,
                inputs,
                title,
                &study,
            );
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
                ..KeyFields::new("shift", REVISION)
            };
            let title = format!("predicts changed sequences ({name})");
            self.add(
                Work::Shift(name.clone()),
                &format!("shift/{name}"),
                fields,
                models.clone(),
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

    fn prepare(&mut self, study: &Arc<Study>) -> Result<String> {
        let plugin = &study.dataset.plugin;
        let mut digests = Vec::new();
        for file in files(&plugin.params) {
            digests.push(json!({ "of": file.at, "blake3": self.digest(&file)? }));
        }
        let mut split = serde_json::to_value(&study.split).map_err(bug)?;
        if let Some(split) = split.as_object_mut() {
            // What is allowed to leak changes no row.
            split.remove("allow_leakage");
        }
        let fields = KeyFields {
            plugins: json!({ "dataset": without_paths(of(plugin)) }),
            settings: value(&json!({ "split": split }))?,
            data: json!(digests),
            seed: json!(format!("{}:/split", study.identity.seed)),
            ..KeyFields::new("prepare", REVISION)
        };
        let title = "reads and splits the data".to_owned();
        Ok(self.add(Work::Prepare, "prepare", fields, Vec::new(), title, study))
    }

    fn digest(&mut self, file: &FileParam) -> Result<String> {
        if let Some(known) = self.digests.get(&file.path) {
            return Ok(known.clone());
        }
        if let Some(expected) = &file.sha256 {
            let found = sha256(&file.path)?;
            if !found.eq_ignore_ascii_case(expected) {
                return Err(StageError::Core(degu_core::Error::Data {
                    path: file.path.clone(),
                    at: None,
                    problem: format!(
                        "expected SHA-256 {expected}, found {found}; the file has changed or is incomplete"
                    ),
                }));
            }
        }
        let missing = |e: std::io::Error| {
            StageError::Core(degu_core::Error::Data {
                path: file.path.clone(),
                at: None,
                problem: format!(
                    "cannot be read ({e}); `dataset.{}` names it, relative to the experiment file",
                    file.at
                ),
            })
        };
        let digest = match self.store {
            Some(store) if file.path.is_file() => store.file_digest(&file.path)?.to_string(),
            _ => {
                let mut hasher = blake3::Hasher::new();
                hasher
                    .update_reader(std::fs::File::open(&file.path).map_err(missing)?)
                    .map_err(missing)?;
                hasher.finalize().to_hex().to_string()
            }
        };
        self.digests.insert(file.path.clone(), digest.clone());
        Ok(digest)
    }

    fn numeric(study: &Study) -> Value {
        let device = match study.training.device {
            crate::config::DeviceChoice::Cuda(_) => "cuda",
            _ => "cpu",
        };
        json!({ "dtype": "f32", "device": device })
    }

    fn member(&mut self, study: &Arc<Study>, k: usize, prepare: &str) -> Result<String> {
        let augmentation = study.augmentation.0.as_ref().map(|a| of(&a.plugin));
        let plugins = json!({
            "architecture": of(&study.architecture.plugin),
            "head": of(&study.ensemble.head.plugin),
            "augmentation": augmentation,
        });
        let mut vary: Vec<Vary> = study.ensemble.vary.clone();
        vary.sort_unstable();
        let fields = KeyFields {
            plugins,
            settings: value(&json!({ "training": training(&study.training)?, "vary": vary }))?,
            seed: self.seed(study, &format!("member/{k}")),
            numeric: Self::numeric(study),
            ..KeyFields::new("train", REVISION)
        };
        let title = format!("trains member {k}");
        Ok(self.add(
            Work::Member(k),
            &format!("train/member-{k}"),
            fields,
            vec![prepare.to_owned()],
            title,
            study,
        ))
    }

    fn teacher(&mut self, study: &Arc<Study>, prepare: &str, members: &[String]) -> Result<String> {
        let fields = KeyFields {
            settings: value(&json!({ "ddof": study.distill.ddof }))?,
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

    fn student(
        &mut self,
        study: &Arc<Study>,
        s: usize,
        prepare: &str,
        teacher: &str,
        members: &[String],
        control: bool,
    ) -> Result<String> {
        let distill = &study.distill;
        let dynamic = distill.labels == Labels::Dynamic;
        let augmentation = distill.augmentation.0.as_ref().map(|a| of(&a.plugin));
        let plugins = json!({
            "architecture": of(&study.architecture.plugin),
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
                format!("trains control {s} on the teacher's mean"),
            )
        } else {
            (
                Work::Student(s),
                format!("distill/student-{s}"),
                format!("distils student {s}"),
            )
        };
        Ok(self.add(work, &id, fields, inputs, title, study))
    }

    fn evaluate(&mut self, study: &Arc<Study>, inputs: &[String]) -> Result<()> {
        let fields = KeyFields {
            settings: value(&study.evaluation)?,
            seed: self.seed(study, "bootstrap"),
            ..KeyFields::new("evaluate", REVISION)
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

/// A plugin as it enters a key.
fn of<T: ?Sized + SlotTrait>(plugin: &Resolved<T>) -> Value {
    json!({ "slot": T::SLOT.to_string(), "name": plugin.name, "revision": plugin.revision, "params": plugin.params })
}

fn value(settings: &impl serde::Serialize) -> Result<Value> {
    to_value(settings).map_err(|e| StageError::Study {
        what: e.to_string(),
        help: "a setting must be a finite number",
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
fn bug(error: serde_json::Error) -> StageError {
    StageError::Artifact {
        file: "settings",
        problem: error.to_string(),
    }
}

/// The settings of a training that change its result.
fn training(training: &crate::config::Training) -> Result<Value> {
    let mut value = serde_json::to_value(training).map_err(bug)?;
    if let Some(table) = value.as_object_mut() {
        for hint in ["checkpoint", "device"] {
            table.remove(hint);
        }
    }
    Ok(value)
}

/// A file that a plugin's parameters name.
struct FileParam {
    at: String,
    path: PathBuf,
    sha256: Option<String>,
}

/// Every `{ path, sha256? }` table below `params` with a path.
fn files(params: &Value) -> Vec<FileParam> {
    fn walk(value: &Value, at: &str, found: &mut Vec<FileParam>) {
        let Some(table) = value.as_object() else {
            if let Some(list) = value.as_array() {
                for (i, v) in list.iter().enumerate() {
                    walk(v, &format!("{at}[{i}]"), found);
                }
            }
            return;
        };
        if let Some(path) = table.get("path").and_then(Value::as_str)
            && table.keys().all(|k| k == "path" || k == "sha256")
        {
            if !path.is_empty() {
                let sha256 = table
                    .get("sha256")
                    .and_then(Value::as_str)
                    .map(str::to_owned);
                found.push(FileParam {
                    at: at.to_owned(),
                    path: Path::new(path).to_owned(),
                    sha256,
                });
            }
            return;
        }
        for (key, v) in table {
            let at = if at.is_empty() {
                key.clone()
            } else {
                format!("{at}.{key}")
            };
            walk(v, &at, found);
        }
    }
    let mut found = Vec::new();
    walk(params, "", &mut found);
    found
}

/// The same value without the paths of files: contents enter a key, places do not.
fn without_paths(value: Value) -> Value {
    match value {
        Value::Object(mut table) => {
            if table.contains_key("path") && table.keys().all(|k| k == "path" || k == "sha256") {
                table.clear();
            }
            Value::Object(
                table
                    .into_iter()
                    .map(|(k, v)| (k, without_paths(v)))
                    .collect(),
            )
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_paths).collect()),
        other => other,
    }
}

fn sha256(path: &Path) -> Result<String> {
    use sha2::Digest as _;
    let mut file = fs_err::File::open(path)?;
    let mut hasher = sha2::Sha256::new();
    std::io::copy(&mut file, &mut hasher)?;
    Ok(hasher
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect())
}
