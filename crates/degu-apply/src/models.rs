//! One model folder, or the members and students of a run.

use std::path::{Path, PathBuf};

use degu_core::{Component, OutputKind, suggest::nearest};
use degu_train::{
    ModelCard, SavedModel,
    model_file::{CARD_FILE, WEIGHTS_FILE},
};
use serde::Serialize;

use super::{ApplyError, Result};

/// What a model is in its study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A network of the ensemble.
    Member,
    /// A distilled network, or a model that stands alone.
    Student,
}

/// A model with its name.
#[derive(Debug)]
pub struct NamedModel {
    /// Name of its folder, as in `student-0`.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// BLAKE3 digest of its card and weights.
    pub digest: String,
    /// The model.
    pub saved: SavedModel,
}

/// Models that are reported as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// `ensemble`, or the name of the model.
    pub name: String,
    /// Its models, by place in [`ModelSet::models`].
    #[serde(skip)]
    pub models: Vec<usize>,
}

/// Models that take the same sequences and predict the same tasks.
#[derive(Debug)]
pub struct ModelSet {
    /// Folder of the model or of the run.
    pub folder: PathBuf,
    /// The models: members first, each kind by number.
    pub models: Vec<NamedModel>,
}

impl ModelSet {
    /// Reads a model folder (one with `card.json`), or the members and students of a run
    /// (`RUN/models/*`). `only` names the models of a run that are wanted, `ensemble` meaning all
    /// members; all members and students if it is empty.
    ///
    /// # Errors
    ///
    /// A folder that is neither, a name that is not there, models of different input or tasks.
    pub fn open(folder: &Path, only: &[String]) -> Result<Self> {
        let problem = |problem: String| ApplyError::Model {
            path: folder.to_owned(),
            problem,
        };
        if folder.join(CARD_FILE).is_file() {
            if let Some(name) = only.first() {
                return Err(problem(format!(
                    "`--model {name}` chooses among the models of a run, and this is the folder of one model"
                )));
            }
            let mut models = vec![read(folder, Role::Student)?];
            if models[0].name.starts_with("member") {
                models[0].role = Role::Member;
            }
            return Ok(Self {
                folder: folder.to_owned(),
                models,
            });
        }
        let all = list(&folder.join("models"));
        if all.is_empty() {
            return Err(problem(
                "expected the folder of a model (with `card.json`) or of a run (with `models/`); `degu-lab run` leaves both under `runs/NAME`".to_owned(),
            ));
        }
        let known: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        for name in only.iter().filter(|name| *name != "ensemble") {
            if !known.contains(&name.as_str()) {
                let hint = nearest(name, known.iter().copied())
                    .map_or(String::new(), |n| format!(", did you mean `{n}`?"));
                return Err(problem(format!(
                    "no model is named `{name}`{hint}; the run has {}",
                    known.join(", ")
                )));
            }
        }
        let wanted = |name: &str, role: Option<Role>| match (role, only) {
            (Some(_), []) => true,
            (Some(Role::Member), names) if names.iter().any(|n| n == "ensemble") => true,
            (_, names) => names.iter().any(|n| n == name),
        };
        let mut models = Vec::new();
        for (name, path) in &all {
            let role = role_of(name);
            if wanted(name, role) {
                models.push(read(path, role.unwrap_or(Role::Student))?);
            }
        }
        models.sort_by(|a: &NamedModel, b| {
            (a.role, a.name.len(), &a.name).cmp(&(b.role, b.name.len(), &b.name))
        });
        let set = Self {
            folder: folder.to_owned(),
            models,
        };
        set.check()?;
        Ok(set)
    }

    fn check(&self) -> Result<()> {
        let Some(first) = self.models.first() else {
            return Err(self.problem("none of its models is wanted".to_owned()));
        };
        for model in &self.models {
            let (a, b) = (&first.saved.card, &model.saved.card);
            if (a.length, &a.flanks, &a.labels.tasks) != (b.length, &b.flanks, &b.labels.tasks) {
                return Err(self.problem(format!(
                    "`{}` and `{}` take other sequences or predict other tasks; choose one with `--model`",
                    first.name, model.name
                )));
            }
        }
        Ok(())
    }

    pub(crate) fn problem(&self, problem: String) -> ApplyError {
        ApplyError::Model {
            path: self.folder.clone(),
            problem,
        }
    }

    /// The card of the first model, whose input and tasks are those of all.
    pub fn card(&self) -> &ModelCard {
        &self.models[0].saved.card
    }

    /// Places of the members.
    pub fn members(&self) -> Vec<usize> {
        let all = self.models.iter().enumerate();
        all.filter(|(_, m)| m.role == Role::Member)
            .map(|(i, _)| i)
            .collect()
    }

    /// What is reported: the members as one ensemble (if there are two or more), and every other
    /// model by itself.
    pub fn groups(&self) -> Vec<Group> {
        let members = self.members();
        let mut groups = Vec::new();
        if members.len() > 1 {
            groups.push(Group {
                name: "ensemble".to_owned(),
                models: members.clone(),
            });
        }
        for (i, model) in self.models.iter().enumerate() {
            if members.len() < 2 || !members.contains(&i) {
                groups.push(Group {
                    name: model.name.clone(),
                    models: vec![i],
                });
            }
        }
        groups
    }

    /// Number of a task; the only one if none is named.
    ///
    /// # Errors
    ///
    /// A name that is not there, or none where there are several.
    pub fn task(&self, name: Option<&str>) -> Result<usize> {
        let tasks = &self.card().labels.tasks;
        match name {
            None if tasks.len() == 1 => Ok(0),
            None => Err(self.problem(format!(
                "the model predicts several tasks: choose one with `--task` ({})",
                tasks.join(", ")
            ))),
            Some(name) => tasks.iter().position(|t| t == name).ok_or_else(|| {
                let hint = nearest(name, tasks.iter().map(String::as_str))
                    .map_or(String::new(), |n| format!(", did you mean `{n}`?"));
                self.problem(format!(
                    "no task is named `{name}`{hint}; the model predicts {}",
                    tasks.join(", ")
                ))
            }),
        }
    }

    /// Whether a group predicts a part: an ensemble has a spread between its members whatever they
    /// predict.
    pub fn predicts(&self, group: &Group, part: Component) -> bool {
        let gives = |i: &usize| {
            let labels = &self.models[*i].saved.card.labels;
            match part {
                Component::Mean => true,
                Component::Epistemic => labels.epistemic,
                Component::Aleatoric => labels.aleatoric,
            }
        };
        (part == Component::Epistemic && group.models.len() > 1) || group.models.iter().all(gives)
    }

    /// An error unless the models predict one number a task.
    ///
    /// # Errors
    ///
    /// [`ApplyError::Model`] for profiles.
    pub fn need_scalar(&self, what: &str) -> Result<()> {
        if self.card().output == OutputKind::Scalar {
            return Ok(());
        }
        Err(self.problem(format!(
            "{what} need one number a task, and this model predicts profiles; `degu-lab predict` writes them bin by bin"
        )))
    }
}

fn role_of(name: &str) -> Option<Role> {
    if name.starts_with("member-") {
        Some(Role::Member)
    } else if name.starts_with("student-") {
        Some(Role::Student)
    } else {
        None
    }
}

/// Folders with a card below a folder, by name.
fn list(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs_err::read_dir(folder) else {
        return Vec::new();
    };
    let mut all: Vec<(String, PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.path().join(CARD_FILE).is_file())
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                entry.path(),
            )
        })
        .collect();
    all.sort();
    all
}

fn read(folder: &Path, role: Role) -> Result<NamedModel> {
    let saved = SavedModel::load(folder)?;
    let mut hasher = blake3::Hasher::new();
    for file in [CARD_FILE, WEIGHTS_FILE] {
        hasher.update(&fs_err::read(folder.join(file))?);
    }
    let name = saved
        .card
        .name
        .rsplit(' ')
        .next()
        .unwrap_or_default()
        .to_owned();
    let name = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| role_of(name).is_some())
        .unwrap_or(name);
    Ok(NamedModel {
        name,
        role,
        digest: hasher.finalize().to_hex()[..16].to_owned(),
        saved,
    })
}
