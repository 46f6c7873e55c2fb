//! Rules between keys that need no data.

mod calibrated;
mod comparison;
mod split;

use degu_core::{Component, Components};
use degu_train::stopping::{Direction, EarlyStopping};

use super::{
    error::{Code, ConfigError},
    node::{Table, Value},
    path::KeyPath,
    sections::{Distill, Ensemble, LabelMembers, Labels, Partial, TrackSink, Vary},
    source::Place,
};

/// Which rules apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A file with its ablation and sweeps.
    Whole,
    /// One variant of a file.
    Variant,
}

/// Everything that two keys say against each other.
pub(crate) fn check(
    partial: &Partial,
    tree: &Table,
    file: &Place,
    scope: Scope,
) -> Vec<ConfigError> {
    let mut rules = Rules {
        tree,
        file,
        errors: Vec::new(),
    };
    rules.identity();
    if let Some(split) = &partial.split {
        rules.split(split);
    }
    rules.networks(partial);
    rules.calibrations(partial);
    if let Some(track) = &partial.track
        && track.sinks.contains(&TrackSink::Mlflow)
        && track.mlflow.is_none()
    {
        rules.refuse(
            &["track", "sinks"],
            "the sink `mlflow` needs the address of a server".to_owned(),
            "no address",
            "add mlflow = { uri = \"http://..\", experiment = \"..\" } to [track]",
        );
    }
    if scope == Scope::Whole {
        rules.comparisons(partial);
    }
    rules.errors
}

struct Rules<'a> {
    tree: &'a Table,
    file: &'a Place,
    errors: Vec<ConfigError>,
}

impl Rules<'_> {
    fn refuse(&mut self, path: &[&str], message: String, label: &str, help: &str) {
        self.refuse_at(&KeyPath::of(path), message, label, help);
    }

    /// Reports at a path, or at the nearest table above it that was written.
    fn refuse_at(&mut self, path: &KeyPath, message: String, label: &str, help: &str) {
        let depths = (1..=path.0.len()).rev();
        let place = depths
            .map(|depth| KeyPath(path.0[..depth].to_vec()))
            .find_map(|path| self.tree.at(&path));
        let place = place.map_or(self.file, |node| &node.place);
        self.errors.push(
            ConfigError::new(Code::Rule, path.clone(), message)
                .at(place)
                .label(label)
                .help(help),
        );
    }

    /// A string of the tree, whatever else is wrong with its section.
    fn string(&self, path: &KeyPath) -> Option<String> {
        match &self.tree.at(path)?.value {
            Value::Str(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn identity(&mut self) {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let Some(name) = self.string(&KeyPath::of(&["study", "name"])) else {
            return;
        };
        if name.is_empty() || !name.bytes().all(good) {
            let message = format!("a name has lower-case letters, digits and `_`, found {name:?}");
            self.refuse(
                &["study", "name"],
                message,
                "not a name",
                "it names a folder, as in name = \"lentimpra_k562\"",
            );
        }
    }

    /// Rules of `[ensemble]`, `[training]` and `[distill]`.
    fn networks(&mut self, partial: &Partial) {
        if let Some(ensemble) = &partial.ensemble {
            if let Some(distill) = &partial.distill {
                self.spread(ensemble, distill);
                self.held_out(ensemble, distill);
            }
            self.member_head(ensemble);
        }
        self.early_stopping(&["training", "early_stopping"]);
        self.early_stopping(&["distill", "training", "early_stopping"]);
        if let Some(distill) = &partial.distill {
            self.targets(distill);
            self.student_head(distill);
        }
    }

    fn spread(&mut self, ensemble: &Ensemble, distill: &Distill) {
        if distill.enabled
            && ensemble.members < 2
            && distill.targets.contains(&Component::Epistemic)
        {
            let message = "a teacher of one member has no spread, but students are to learn the epistemic part".to_owned();
            let help = "raise ensemble.members, or write distill.targets = [\"mean\"], or distill.enabled = false";
            self.refuse(&["ensemble", "members"], message, "one member", help);
        }
    }

    fn member_head(&mut self, ensemble: &Ensemble) {
        let head = &ensemble.head.plugin;
        if head.build().is_ok_and(|built| built.labels().epistemic) {
            let message = format!(
                "`{}` learns the spread of a teacher, and a member has no teacher",
                head.name
            );
            self.refuse(
                &["ensemble", "head", "plugin"],
                message,
                "a head of students",
                "as in head = { plugin = \"point\" }",
            );
        }
    }

    fn left_out(&mut self, ensemble: &Ensemble, calibration: &str, members: bool) {
        let leaves_out = ensemble
            .vary
            .iter()
            .any(|v| matches!(v, Vary::Folds | Vary::Bootstrap));
        let message = if members && !leaves_out {
            format!(
                "[calibration.{calibration}] is fitted on training rows that members left out, but every member trains on all of them"
            )
        } else if ensemble.vary.contains(&Vary::Folds) && ensemble.members < 2 {
            "folds need at least 2 members".to_owned()
        } else if ensemble.vary.contains(&Vary::Folds) && ensemble.vary.contains(&Vary::Bootstrap) {
            "members leave out folds or draw with replacement, not both".to_owned()
        } else {
            return;
        };
        let help = "write vary = [\"init\", \"order\", \"folds\"] (or \"bootstrap\")";
        self.refuse(&["ensemble", "vary"], message, "these rows", help);
    }

    fn targets(&mut self, distill: &Distill) {
        if !distill.targets.contains(&Component::Mean) {
            let help = "write targets = [\"mean\", \"epistemic\"]";
            self.refuse(
                &["distill", "targets"],
                "students always learn the mean".to_owned(),
                "no \"mean\"",
                help,
            );
        }
    }

    /// A student's head predicts what students learn, and needs no label that they do not get.
    fn student_head(&mut self, distill: &Distill) {
        let head = &distill.head.plugin;
        let (true, Ok(built)) = (distill.enabled, head.build()) else {
            return;
        };
        let wanted = Components {
            aleatoric: distill.targets.contains(&Component::Aleatoric),
            epistemic: distill.targets.contains(&Component::Epistemic),
        };
        let gives = built.components(wanted);
        for (part, wanted, gives) in [
            ("epistemic", wanted.epistemic, gives.epistemic),
            ("aleatoric", wanted.aleatoric, gives.aleatoric),
        ] {
            if wanted && !gives {
                let message = format!(
                    "students are to learn the {part} part, and `{}` does not predict it",
                    head.name
                );
                let help = format!(
                    "as in head = {{ plugin = \"distilled\" }}, or leave \"{part}\" out of distill.targets"
                );
                self.refuse(
                    &["distill", "head", "plugin"],
                    message,
                    "does not fit the targets",
                    &help,
                );
            }
        }
        if built.labels().aleatoric && !wanted.aleatoric {
            let message = format!(
                "`{}` learns the aleatoric part, which students are not taught",
                head.name
            );
            let help = "add \"aleatoric\" to distill.targets, or take another head";
            self.refuse(
                &["distill", "head", "plugin"],
                message,
                "does not fit the targets",
                help,
            );
        }
    }

    fn held_out(&mut self, ensemble: &Ensemble, distill: &Distill) {
        if !distill.enabled || distill.label_members == LabelMembers::All {
            return;
        }
        if !ensemble.vary.contains(&Vary::Bootstrap) {
            let help = "write ensemble.vary = [\"init\", \"order\", \"bootstrap\"], or distill.label_members = \"all\"";
            self.refuse(
                &["distill", "label_members"],
                "every member trains on every row, so none is held out".to_owned(),
                "no member is left",
                help,
            );
        }
        if distill.labels == Labels::Dynamic {
            let help = "write distill.labels = \"static\", or distill.label_members = \"all\"";
            self.refuse(
                &["distill", "label_members"],
                "dynamic labels come from all members".to_owned(),
                "contradicts distill.labels",
                help,
            );
        }
    }

    /// Early stopping watches its metric in the direction in which it gets better.
    /// Read from the tree: the section may have other mistakes.
    fn early_stopping(&mut self, table: &[&'static str]) {
        let node = self.tree.at(&KeyPath::of(table));
        let Some(stopping) =
            node.and_then(|node| serde_json::from_value::<EarlyStopping>(node.to_json()).ok())
        else {
            return;
        };
        let better = stopping.metric.better();
        if stopping.mode == better {
            return;
        }
        let mode = KeyPath::of(table).key("mode");
        let path = match self.tree.at(&mode) {
            Some(_) => mode,
            None => KeyPath::of(table).key("metric"),
        };
        let (direction, help) = match better {
            Direction::Max => ("larger", "write mode = \"max\""),
            Direction::Min => ("smaller", "write mode = \"min\""),
        };
        let metric = self.string(&KeyPath::of(table).key("metric"));
        let metric = metric.unwrap_or_else(|| "validation/loss".to_owned());
        let message = format!("{metric:?} gets better as it gets {direction}");
        self.refuse_at(&path, message, "stopped at its worst", help);
    }
}
