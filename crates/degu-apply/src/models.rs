//! One model folder, or the members and students of a run.

use std::path::{Path, PathBuf};

use degu_core::{Component, ModelId, OutputKind, suggest::nearest};
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

impl Role {
    fn of(id: Option<ModelId>) -> Self {
        match id {
            Some(ModelId::Member(_)) => Self::Member,
            _ => Self::Student,
        }
    }
}

/// A model with its name.
#[derive(Debug)]
pub struct NamedModel {
    /// Its place in the study, as in `student-0`; the name of its folder if it stands alone.
    pub name: String,
    /// What it is in its study.
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
        let problem = |problem: String| ApplyError::File {
            path: folder.to_owned(),
            problem,
        };
        if folder.join(CARD_FILE).is_file() {
            if let Some(name) = only.first() {
                return Err(problem(format!(
                    "`--model {name}` chooses among the models of a run, and this is the folder of one model"
                )));
            }
            return Ok(Self {
                folder: folder.to_owned(),
                models: vec![read(folder)?],
            });
        }
        let all = list(&folder.join("models"));
        if all.is_empty() {
            return Err(problem(
                "expected the folder of a model (with `card.json`) or of a run (with `models/`); `degu-lab run` leaves both under `runs/NAME`".to_owned(),
            ));
        }
        for name in only.iter().filter(|name| *name != "ensemble") {
            let known: Vec<&str> = all.iter().map(|(known, _)| known.as_str()).collect();
            if !known.contains(&name.as_str()) {
                let hint = nearest(name, known.iter().copied())
                    .map_or(String::new(), |n| format!(", did you mean `{n}`?"));
                return Err(problem(format!(
                    "no model is named `{name}`{hint}; the run has {}",
                    known.join(", ")
                )));
            }
        }
        let ensemble = only.iter().any(|name| name == "ensemble");
        let mut models = Vec::new();
        for (name, path) in &all {
            let wanted = match id_of(path) {
                Some(ModelId::Member(_)) if ensemble || only.is_empty() => true,
                Some(ModelId::Student(_)) if only.is_empty() => true,
                _ => only.contains(name),
            };
            if wanted {
                models.push(read(path)?);
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
        ApplyError::File {
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

    /// Whether a group predicts a part. Every ensemble has the standard deviation between its
    /// members.
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
    /// [`ApplyError::File`] for profiles.
    pub fn need_scalar(&self, what: &str) -> Result<()> {
        if self.card().output == OutputKind::Scalar {
            return Ok(());
        }
        Err(self.problem(format!(
            "{what} need one number a task, and this model predicts profiles; `degu-lab predict` writes them bin by bin"
        )))
    }
}

/// Which model of a study a folder holds: what its card says, else (cards of older versions) what
/// the folder is named; `None` for a model that stands alone.
fn id_of(folder: &Path) -> Option<ModelId> {
    #[derive(serde::Deserialize)]
    struct Card {
        model: Option<ModelId>,
    }
    let card = fs_err::read(folder.join(CARD_FILE)).ok();
    let card = card.and_then(|bytes| serde_json::from_slice::<Card>(&bytes).ok());
    card.and_then(|card| card.model)
        .or_else(|| folder.file_name()?.to_str()?.parse().ok())
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

fn read(folder: &Path) -> Result<NamedModel> {
    let saved = SavedModel::load(folder)?;
    let mut hasher = blake3::Hasher::new();
    for file in [CARD_FILE, WEIGHTS_FILE] {
        hasher.update(&fs_err::read(folder.join(file))?);
    }
    let id = id_of(folder);
    let name = match (id, folder.file_name()) {
        (Some(id), _) => id.to_string(),
        (None, Some(name)) => name.to_string_lossy().into_owned(),
        (None, None) => saved.card.name.clone(),
    };
    Ok(NamedModel {
        name,
        role: Role::of(id),
        digest: hasher.finalize().to_hex()[..16].to_owned(),
        saved,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(at: &Path, name: &str, card: &str) -> PathBuf {
        let folder = at.join(name);
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join(CARD_FILE), card).unwrap();
        folder
    }

    #[test]
    fn the_card_says_what_a_model_is_whatever_its_study_and_folder_are_named() {
        let place = tempfile::tempdir().unwrap();
        for (name, card, expected) in [
            (
                "member-7",
                r#"{"name": "Student student-0", "model": "student-0"}"#,
                "student-0",
            ),
            (
                "Student",
                r#"{"name": "member-7 member-1", "model": "member-1"}"#,
                "member-1",
            ),
            // Cards of older versions do not say it.
            ("member-2", r#"{"name": "Student member-2"}"#, "member-2"),
        ] {
            let id = id_of(&folder(place.path(), name, card));
            assert_eq!(
                id.map(|id| id.to_string()).as_deref(),
                Some(expected),
                "{name}"
            );
        }
        let alone = folder(place.path(), "students", r#"{"name": "study member-0"}"#);
        assert_eq!(id_of(&alone), None);
        assert_eq!(Role::of(None), Role::Student);
        assert_eq!(Role::of(Some(ModelId::Member(3))), Role::Member);
    }

    #[test]
    fn folders_without_models_and_names_without_a_folder_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let refused = |only: &[String]| ModelSet::open(place.path(), only).unwrap_err().to_string();
        assert!(refused(&[]).contains("expected the folder of a model"));
        folder(&place.path().join("models"), "student-0", "{}");
        let problem = refused(&["student-1".to_owned()]);
        assert!(problem.contains("did you mean `student-0`?"), "{problem}");
        folder(place.path(), ".", "{}");
        let problem = refused(&["student-0".to_owned()]);
        assert!(problem.contains("the folder of one model"), "{problem}");
    }
}
