//! Rules between keys that need no data.

use degu_core::{Part, Split, suggest::nearest};

use super::{
    check::Scope,
    error::{Code, ConfigError},
    node::Table,
    path::KeyPath,
    sections::{
        Ablation, Distill, Ensemble, Evaluation, Group, Identity, IntervalMetric, MetricSpec,
        SplitConfig, SplitKind, TrackSink, Training,
    },
    source::Place,
    study::Partial,
};

/// Stages that `[resources]` may name.
pub const STAGES: [&str; 12] = [
    "default",
    "prepare",
    "train",
    "predict",
    "distill",
    "evaluate",
    "calibrate",
    "attribute",
    "compare_attributions",
    "shift",
    "interpret",
    "report",
];

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
    if let Some(identity) = &partial.identity {
        rules.identity(identity);
    }
    if let Some(split) = &partial.split {
        rules.split(split);
    }
    if let (Some(ensemble), Some(distill)) = (&partial.ensemble, &partial.distill) {
        rules.spread(ensemble, distill);
    }
    if let Some(ensemble) = &partial.ensemble {
        rules.member_head(ensemble);
    }
    if let Some(training) = &partial.training {
        rules.training("training", training);
    }
    if let Some(distill) = &partial.distill {
        rules.targets(distill);
        if tree
            .table("distill")
            .and_then(|d| d.table("training"))
            .is_some_and(|t| t.entry("early_stopping").is_some())
        {
            rules.training("distill.training", &distill.training);
        }
    }
    if let (Some(evaluation), Some(calibration)) = (&partial.evaluation, &partial.calibration) {
        let alphas: Vec<f64> = calibration
            .values()
            .flat_map(|block| block.keys.alpha.iter().copied())
            .collect();
        rules.intervals(evaluation, &alphas);
        if let (Some(Some(ablation)), Scope::Whole) = (&partial.ablation, scope) {
            rules.primary_metric(ablation, evaluation, &alphas);
        }
    }
    if let (Some(split), Some(calibration)) = (&partial.split, &partial.calibration)
        && split.calibration <= 0.0
        && matches!(
            split.kind,
            SplitKind::Random | SplitKind::Cluster | SplitKind::Chromosome
        )
        && let Some(name) = calibration.keys().next()
    {
        let message = format!(
            "[calibration.{name}] needs rows of its own, but nothing is held out for calibration"
        );
        rules.refuse(
            &["split", "calibration"],
            message,
            "no rows",
            "write calibration = 0.5, or remove the calibration",
        );
    }
    if let Some(resources) = &partial.resources {
        rules.resources(resources.keys());
    }
    if let Some(track) = &partial.track
        && track.sinks.contains(&TrackSink::Mlflow)
        && track.mlflow.is_none()
    {
        let help = "add mlflow = { uri = \"http://..\", experiment = \"..\" } to [track]";
        rules.refuse(
            &["track", "sinks"],
            "the sink `mlflow` needs the address of a server".to_owned(),
            "no address",
            help,
        );
    }
    if scope == Scope::Whole {
        if let (Some(Some(ablation)), Some(sweep)) = (&partial.ablation, &partial.sweep) {
            rules.ablation(ablation, sweep.keys().map(String::as_str).collect());
        }
        if let (Some(report), Some(sweep)) = (&partial.report, &partial.sweep) {
            let axes = sweep
                .values()
                .flat_map(|sweep| sweep.axes.keys().map(String::as_str));
            rules.compare_by(
                &report.compare_by,
                ["arm"].into_iter().chain(axes).collect(),
            );
        }
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

    fn identity(&mut self, identity: &Identity) {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if identity.name.is_empty() || !identity.name.bytes().all(good) {
            let message = format!(
                "a name has lower-case letters, digits and `_`, found {:?}",
                identity.name
            );
            self.refuse(
                &["study", "name"],
                message,
                "not a name",
                "it names a folder, as in name = \"lentimpra_k562\"",
            );
        }
    }

    fn split(&mut self, split: &SplitConfig) {
        let needs =
            |key: &str, kind: &str| (format!("kind = \"{kind}\" needs `{key}`"), "it is missing");
        match split.kind {
            SplitKind::Column if split.column.is_none() => {
                let (message, label) = needs("column", "column");
                self.refuse(
                    &["split", "kind"],
                    message,
                    label,
                    "add column = \"..\", the column that names the part of a row",
                );
            }
            SplitKind::Chromosome if split.chromosomes.is_none() => {
                let (message, label) = needs("chromosomes", "chromosome");
                let help = "add chromosomes = { validation = [\"chr8\"], test = [\"chr9\"] }";
                self.refuse(&["split", "kind"], message, label, help);
            }
            _ => {}
        }
        let kinds: [(&str, &[SplitKind]); 3] = [
            ("column", &[SplitKind::Column]),
            ("chromosomes", &[SplitKind::Chromosome]),
            ("fractions", &[SplitKind::Random, SplitKind::Cluster]),
        ];
        for (key, used_by) in kinds {
            let written = self
                .tree
                .table("split")
                .and_then(|table| table.entry(key))
                .is_some();
            // The locked file names every default.
            let default =
                key == "fractions" && split.fractions == super::sections::Fractions::default();
            if written && !default && !used_by.contains(&split.kind) {
                let kinds: Vec<String> = used_by
                    .iter()
                    .map(|kind| format!("kind = \"{}\"", kind_name(*kind)))
                    .collect();
                let message = format!("`{key}` is read for {} only", kinds.join(" and "));
                let label = format!("kind is \"{}\"", kind_name(split.kind));
                self.refuse(
                    &["split", key],
                    message,
                    &label,
                    "remove it, or change `kind`",
                );
            }
        }
        let sum = split.fractions.validation + split.fractions.test;
        if sum >= 1.0 {
            let message = format!(
                "validation and test leave nothing to train on: their shares add up to {sum}"
            );
            self.refuse(
                &["split", "fractions"],
                message,
                "1 or more",
                "as in fractions = { validation = 0.1, test = 0.1 }",
            );
        }
        if let Some(chromosomes) = &split.chromosomes
            && let Some(both) = chromosomes
                .validation
                .iter()
                .find(|name| chromosomes.test.contains(name))
        {
            let message = format!("`{both}` cannot be in validation and in test");
            self.refuse(
                &["split", "chromosomes"],
                message,
                "in both",
                "a chromosome is in one part",
            );
        }
        if split.group == Group::None && split.kind == SplitKind::Cluster {
            let message =
                "kind = \"cluster\" splits by clusters, so rows cannot be their own groups"
                    .to_owned();
            self.refuse(
                &["split", "group"],
                message,
                "contradicts `kind`",
                "write group = \"cluster\"",
            );
        }
        for (i, pair) in split.allow_leakage.iter().enumerate() {
            let names: Vec<Option<Split>> = pair.split('/').map(Split::parse).collect();
            let good = matches!(names[..], [Some(a), Some(b)] if a != b);
            if !good {
                let message = format!("expected a pair of parts, found {pair:?}");
                let path = KeyPath::of(&["split", "allow_leakage"]).index(i);
                self.refuse_at(
                    &path,
                    message,
                    "not a pair",
                    "as in allow_leakage = [\"train/test\"]",
                );
            }
        }
    }

    fn spread(&mut self, ensemble: &Ensemble, distill: &Distill) {
        if distill.enabled && ensemble.members < 2 && distill.targets.contains(&Part::Epistemic) {
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

    fn targets(&mut self, distill: &Distill) {
        if !distill.targets.contains(&Part::Mean) {
            let help = "write targets = [\"mean\", \"epistemic\"]";
            self.refuse(
                &["distill", "targets"],
                "students always learn the mean".to_owned(),
                "no \"mean\"",
                help,
            );
        }
    }

    fn training(&mut self, at: &str, training: &Training) {
        let Some(stopping) = &training.early_stopping else {
            return;
        };
        if !stopping
            .metric
            .strip_prefix("validation/")
            .is_some_and(|name| !name.is_empty())
        {
            let message = format!(
                "training is stopped by the validation set, found {:?}",
                stopping.metric
            );
            let keys: Vec<&str> = at.split('.').chain(["early_stopping", "metric"]).collect();
            self.refuse(
                &keys,
                message,
                "not a number of the validation set",
                "as in metric = \"validation/loss\"",
            );
        }
    }

    fn intervals(&mut self, evaluation: &Evaluation, alphas: &[f64]) {
        if !alphas.is_empty() {
            return;
        }
        for (i, metric) in evaluation.metrics.iter().enumerate() {
            if let MetricSpec::Interval(metric) = metric {
                let message = format!(
                    "`{}` is a number of intervals, and nothing is calibrated",
                    metric.name()
                );
                let path = KeyPath::of(&["evaluation", "metrics"]).index(i);
                self.refuse_at(
                    &path,
                    message,
                    "no intervals",
                    "add a block such as [calibration.main]",
                );
            }
        }
    }

    fn primary_metric(&mut self, ablation: &Ablation, evaluation: &Evaluation, alphas: &[f64]) {
        let Some(key) = &ablation.primary_metric else {
            return;
        };
        let mut refuse = |message: String, label: &str, help: &str| {
            self.refuse(&["ablation", "primary_metric"], message, label, help);
        };
        let known: Vec<&str> = evaluation.metrics.iter().map(MetricSpec::name).collect();
        if !evaluation.splits.contains(&key.split) {
            let splits: Vec<&str> = evaluation.splits.iter().map(|split| split.name()).collect();
            let message = format!("`{}` is not evaluated", key.split.name());
            return refuse(
                message,
                "no such part",
                &format!("evaluation.splits: {}", splits.join(", ")),
            );
        }
        if !known.contains(&key.metric.as_str()) {
            let message = format!("`{}` is not evaluated", key.metric);
            let near = nearest(&key.metric, known.iter().copied());
            let label = near.map_or_else(
                || "no such metric".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return refuse(
                message,
                &label,
                &format!("evaluation.metrics: {}", known.join(", ")),
            );
        }
        let listed: Vec<String> = alphas.iter().map(f64::to_string).collect();
        let help = format!("alphas of the calibration blocks: {}", listed.join(", "));
        let known_alpha = |alpha: f64| alphas.iter().any(|known| (known - alpha).abs() < 1e-12);
        match (IntervalMetric::parse(&key.metric).is_some(), key.alpha) {
            (true, None) if alphas.len() != 1 => {
                let message = format!(
                    "`{}` has one value per alpha: name one, as in `{key}@0.1`",
                    key.metric
                );
                refuse(message, "which alpha?", &help);
            }
            (true, Some(alpha)) if !known_alpha(alpha) => {
                refuse(
                    format!("no calibration block has alpha {alpha}"),
                    "no such alpha",
                    &help,
                );
            }
            (false, Some(_)) => {
                let help = format!("write \"{}/{}\"", key.split.name(), key.metric);
                refuse(
                    format!("`{}` does not depend on alpha", key.metric),
                    "no alpha here",
                    &help,
                );
            }
            _ => {}
        }
    }

    fn ablation(&mut self, ablation: &Ablation, sweeps: Vec<&str>) {
        if ablation.arm.contains_key(&ablation.baseline) {
            let message = format!(
                "the baseline and an arm are both named `{}`",
                ablation.baseline
            );
            self.refuse(
                &["ablation", "arm", &ablation.baseline],
                message,
                "taken",
                "rename the arm, or `baseline`",
            );
        }
        for (i, name) in ablation.over.iter().enumerate() {
            if !sweeps.contains(&name.as_str()) {
                let near = nearest(name, sweeps.iter().copied());
                let label = near.map_or_else(
                    || "no such sweep".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                let path = KeyPath::of(&["ablation", "over"]).index(i);
                let help = format!(
                    "sweeps: {}",
                    if sweeps.is_empty() {
                        "none".to_owned()
                    } else {
                        sweeps.join(", ")
                    }
                );
                self.refuse_at(&path, format!("there is no sweep `{name}`"), &label, &help);
            }
        }
    }

    fn compare_by(&mut self, compare_by: &[String], known: Vec<&str>) {
        for (i, name) in compare_by.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let near = nearest(name, known.iter().copied());
                let label = near.map_or_else(
                    || "no such axis".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                let path = KeyPath::of(&["report", "compare_by"]).index(i);
                let help = format!("known: {}", known.join(", "));
                self.refuse_at(&path, format!("nothing differs by `{name}`"), &label, &help);
            }
        }
    }

    fn resources<'s>(&mut self, stages: impl Iterator<Item = &'s String>) {
        for stage in stages.filter(|stage| !STAGES.contains(&stage.as_str())) {
            let near = nearest(stage, STAGES);
            let label = near.map_or_else(
                || "no such stage".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let help = format!("stages: {}", STAGES.join(", "));
            self.refuse(
                &["resources", stage],
                format!("there is no stage `{stage}`"),
                &label,
                &help,
            );
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
