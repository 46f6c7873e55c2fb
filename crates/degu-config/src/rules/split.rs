//! Rules of `[split]`.

use degu_core::Split;

use super::Rules;
use crate::{
    path::KeyPath,
    sections::{Fractions, Group, HoldOut, SplitConfig, SplitKind},
};

impl Rules<'_> {
    pub(super) fn split(&mut self, split: &SplitConfig) {
        self.split_keys(split);
        let sum = split.fractions.validation + split.fractions.test;
        if sum >= 1.0 {
            let message = format!(
                "validation and test leave nothing to train on: their shares add up to {sum}"
            );
            let help = "as in fractions = { validation = 0.1, test = 0.1 }";
            self.refuse(&["split", "fractions"], message, "1 or more", help);
        }
        if let Some(parts) = &split.chromosomes
            && let Some(both) = parts.validation.iter().find(|c| parts.test.contains(c))
        {
            let message = format!("`{both}` cannot be in validation and in test");
            let help = "a chromosome is in one part";
            self.refuse(&["split", "chromosomes"], message, "in both", help);
        }
        if let Some(hold_out) = &split.hold_out {
            self.hold_out(hold_out);
        }
        if split.group == Group::None && split.kind == SplitKind::Cluster {
            let message =
                "kind = \"cluster\" splits by clusters, so rows cannot be their own groups";
            let help = "write group = \"near_duplicates\"";
            let label = "contradicts `kind`";
            self.refuse(&["split", "group"], message.to_owned(), label, help);
        }
        for (i, pair) in split.allow_leakage.iter().enumerate() {
            if SplitConfig::leakage_pair(pair).is_none() {
                let message = format!("expected a pair of parts, found {pair:?}");
                let path = KeyPath::of(&["split", "allow_leakage"]).index(i);
                let help = "as in allow_leakage = [\"train/test\"]";
                self.refuse_at(&path, message, "not a pair", help);
            }
        }
    }

    /// Keys that belong to one `kind` of split stand there, and nowhere else.
    fn split_keys(&mut self, split: &SplitConfig) {
        let missing = match split.kind {
            SplitKind::Column if split.column.is_none() => Some((
                "kind = \"column\" needs `column`",
                "add column = \"..\", the column that names the part of a row",
            )),
            SplitKind::Chromosome if split.chromosomes.is_none() => Some((
                "kind = \"chromosome\" needs `chromosomes`",
                "add chromosomes = { validation = [\"chr8\"], test = [\"chr9\"] }",
            )),
            _ => None,
        };
        if let Some((message, help)) = missing {
            let path = ["split", "kind"];
            self.refuse(&path, message.to_owned(), "it is missing", help);
        }
        let kinds: [(&str, &[SplitKind]); 3] = [
            ("column", &[SplitKind::Column]),
            ("chromosomes", &[SplitKind::Chromosome]),
            ("fractions", &[SplitKind::Random, SplitKind::Cluster]),
        ];
        for (key, used_by) in kinds {
            let table = self.tree.table("split");
            let written = table.is_some_and(|table| table.entry(key).is_some());
            // The locked file names every default.
            let default = key == "fractions" && split.fractions == Fractions::default();
            if !written || default || used_by.contains(&split.kind) {
                continue;
            }
            let quoted = |kind: &SplitKind| format!("kind = \"{}\"", kind_name(*kind));
            let kinds: Vec<String> = used_by.iter().map(quoted).collect();
            let message = format!("`{key}` is read for {} only", kinds.join(" and "));
            let label = format!("kind is \"{}\"", kind_name(split.kind));
            let help = "remove it, or change `kind`";
            self.refuse(&["split", key], message, &label, help);
        }
    }

    fn hold_out(&mut self, hold_out: &HoldOut) {
        if hold_out.sets.is_empty() {
            self.refuse(
                &["split", "hold_out", "sets"],
                "no set is named".to_owned(),
                "empty",
                "as in sets = { promoter = [\"promoter\"] }",
            );
        }
        for (name, kinds) in &hold_out.sets {
            let path = ["split", "hold_out", "sets", name.as_str()];
            if Split::parse(name).is_some() || name.contains('@') {
                self.refuse(
                    &path,
                    format!(
                        "`{name}` cannot name a set: it names a part of the split, or holds `@`"
                    ),
                    "taken",
                    "rename it",
                );
            }
            if kinds.is_empty() {
                self.refuse(
                    &path,
                    format!("`{name}` names no kind"),
                    "empty",
                    "name at least one",
                );
            }
            if let Some(both) = kinds.iter().find(|kind| hold_out.keep.contains(kind)) {
                self.refuse(
                    &path,
                    format!("`{both}` cannot be kept and held out"),
                    "also in `keep`",
                    "a kind is in one of them",
                );
            }
        }
    }
}

fn kind_name(kind: SplitKind) -> &'static str {
    match kind {
        SplitKind::Column => "column",
        SplitKind::Random => "random",
        SplitKind::Cluster => "cluster",
        SplitKind::Chromosome => "chromosome",
        SplitKind::Files => "files",
    }
}
