//! Names of a study's models and of its tasks.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A model of a study. Its text, as in `student-0`, names folders, rows of tables and tasks.
///
/// ```
/// use degu_core::ModelId;
///
/// let id: ModelId = "member-3".parse().unwrap();
/// assert_eq!(id, ModelId::Member(3));
/// assert_eq!(id.to_string(), "member-3");
/// assert!("members".parse::<ModelId>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ModelId {
    /// One network of the ensemble.
    Member(usize),
    /// All members as one predictor: the teacher.
    Ensemble,
    /// A network distilled from the ensemble.
    Student(usize),
    /// A network distilled from the ensemble's mean alone.
    Control(usize),
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(k) => write!(f, "member-{k}"),
            Self::Ensemble => f.write_str("ensemble"),
            Self::Student(s) => write!(f, "student-{s}"),
            Self::Control(s) => write!(f, "control-{s}"),
        }
    }
}

/// A text that names no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `ensemble`, `member-N`, `student-N` or `control-N`, found `{0}`")]
pub struct NotAModel(String);

impl FromStr for ModelId {
    type Err = NotAModel;

    fn from_str(text: &str) -> Result<Self, NotAModel> {
        let refused = || NotAModel(text.to_owned());
        if text == "ensemble" {
            return Ok(Self::Ensemble);
        }
        let (kind, number) = text.split_once('-').ok_or_else(refused)?;
        let index: usize = number.parse().map_err(|_| refused())?;
        // One text per model: `member-03` and `member-+3` are none.
        if index.to_string() != number {
            return Err(refused());
        }
        match kind {
            "member" => Ok(Self::Member(index)),
            "student" => Ok(Self::Student(index)),
            "control" => Ok(Self::Control(index)),
            _ => Err(refused()),
        }
    }
}

impl Serialize for ModelId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModelId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A task of a study: what a stage does for one unit at one point of the study.
///
/// Its text is `stage`, `stage/unit` or `point:stage/unit`; the base point has no name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// The point of a sweep or an ablation; `None` for the study as it is written.
    pub point: Option<String>,
    /// The stage, as in `train`.
    pub stage: &'static str,
    /// What of the stage, as in `member-0` or the name of a block; `None` where there is one task.
    pub unit: Option<String>,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(point) = &self.point {
            write!(f, "{point}:")?;
        }
        f.write_str(self.stage)?;
        match &self.unit {
            Some(unit) => write!(f, "/{unit}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_read_back_from_their_text() {
        for id in [
            ModelId::Member(0),
            ModelId::Member(12),
            ModelId::Ensemble,
            ModelId::Student(1),
            ModelId::Control(3),
        ] {
            assert_eq!(id.to_string().parse(), Ok(id));
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<ModelId>(&json).unwrap(), id);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "member",
            "member-",
            "member-x",
            "member-03",
            "Student-0",
            "student 0",
        ] {
            assert!(text.parse::<ModelId>().is_err(), "{text}");
        }
    }

    #[test]
    fn tasks_are_named_by_point_stage_and_unit() {
        let task = |point: Option<&str>, unit: Option<&str>| {
            let point = point.map(str::to_owned);
            let unit = unit.map(str::to_owned);
            TaskId {
                point,
                stage: "train",
                unit,
            }
            .to_string()
        };
        assert_eq!(task(None, None), "train");
        assert_eq!(task(None, Some("member-0")), "train/member-0");
        assert_eq!(task(Some("arm"), Some("member-0")), "arm:train/member-0");
    }
}
