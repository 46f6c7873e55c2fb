//! Every option of an experiment file has an effect.

use serde_json::Value;

use crate::support::run_in;

const STUDY: &str = r#"
[study]
name = "small"

[dataset]
plugin = "simulated"

[architecture]
plugin = "deepstarr"

[ensemble]
members = 2

[distill]
head = { plugin = "distilled" }
"#;

/// Options that change no plan, and why. A name that ends in a dot stands for all below it.
const OUTSIDE: &[(&str, &str)] = &[
    ("schema", "version of the format"),
    ("extends", "files are merged before options are read"),
    ("study.name", "names the folder of the run"),
    ("study.title", "a title of the report"),
    ("study.store", "a folder"),
    ("study.runs", "a folder"),
    ("ablation.arm.*.title", "a title of the report"),
    ("ablation.primary_metric", "the report's main comparison"),
    (
        "split.allow_leakage",
        "the split is refused or not, and is the same",
    ),
    (
        "training.checkpoint.every_steps",
        "how much an interruption loses",
    ),
    ("training.device", "CPU and GPU differ in `training` only"),
    ("report.", "what the report shows"),
    ("executor.", "where and how fast tasks run"),
    ("track.", "other programs that events are shown in"),
];

/// An option, what it needs beside [`STUDY`], and another value. Those of `training` are tried
/// for `distill.training` as well.
const CHANGES: &str = r#"
architecture.plugin |  | architecture={ plugin = "residualbind" }
attribute.*.forms | attribute.a.plugin="saliency" | attribute.a.forms=["hypothetical"]
attribute.*.models | attribute.a.plugin="saliency" | attribute.a.models=["students"]
attribute.*.plugin | attribute.a.plugin="saliency" | attribute.a.plugin="input-x-gradient"
attribute.*.sequences.by | attribute.a.plugin="saliency" | attribute.a.sequences.by="b"
attribute.*.sequences.order | attribute.a.plugin="saliency" | attribute.a.sequences.order="lowest"
attribute.*.sequences.split | attribute.a.plugin="saliency" | attribute.a.sequences.split="validation"
attribute.*.sequences.top_n | attribute.a.plugin="saliency" | attribute.a.sequences.top_n=3
attribute.*.targets | attribute.a.plugin="saliency" | attribute.a.targets=[{ part = "epistemic" }]
augmentation.plugin |  | augmentation={ plugin = "evoaug" }
calibration.*.alpha | calibration.main.plugin="split-conformal" | calibration.main.alpha=[0.2]
calibration.*.plugin | calibration.main.plugin="split-conformal" | calibration.main.plugin="variance-scaling"
dataset.plugin |  | dataset={ plugin = "table", file = { path = "small.toml" }, tasks = ["a"] }
distill.architecture.plugin |  | distill.architecture={ plugin = "residualbind" }
distill.augmentation.plugin |  | distill.augmentation={ plugin = "evoaug" }
distill.ddof |  | distill.ddof=1
distill.dynamic.mode | distill.augmentation={ plugin = "evoaug" }; distill.labels="dynamic" | distill.dynamic.mode="replace"
distill.enabled |  | distill.enabled=false
distill.head.plugin |  | distill.head={ plugin = "gaussian" }; distill.targets=["mean", "aleatoric"]
distill.label_members | ensemble.vary=["init", "bootstrap"] | distill.label_members="held_out"
distill.labels | distill.augmentation={ plugin = "evoaug" } | distill.labels="dynamic"
distill.mean_only_control |  | distill.mean_only_control=1
distill.spread |  | distill.spread="log_var"
distill.students |  | distill.students=2
distill.targets |  | distill.targets=["mean", "epistemic", "aleatoric"]
ensemble.head.plugin |  | ensemble.head={ plugin = "gaussian" }
ensemble.members |  | ensemble.members=3
ensemble.vary |  | ensemble.vary=["init"]
evaluation.bootstrap.n |  | evaluation.bootstrap.n=10
evaluation.bootstrap.unit |  | evaluation.bootstrap.unit="cluster"
evaluation.metrics |  | evaluation.metrics=["pearson"]
evaluation.splits |  | evaluation.splits=["validation"]
shift.*.plugin | shift.s.plugin="mutagenesis" | shift.s.plugin="shuffle"
shift.*.severities | shift.s.plugin="mutagenesis" | shift.s.severities=[0.5]
split.calibration |  | split.calibration=0.25
split.chromosomes.test | split.kind="chromosome"; split.chromosomes={ validation = ["1"], test = ["2"] } | split.chromosomes.test=["3"]
split.chromosomes.validation | split.kind="chromosome"; split.chromosomes={ validation = ["1"], test = ["2"] } | split.chromosomes.validation=["3"]
split.column | split.kind="column"; split.column="a" | split.column="b"
split.fractions.test | split.kind="random" | split.fractions.test=0.2
split.fractions.validation | split.kind="random" | split.fractions.validation=0.2
split.group |  | split.group="none"
split.hold_out.column | split.hold_out={ column = "a", sets = { s = ["x"] } } | split.hold_out.column="b"
split.hold_out.keep | split.hold_out={ column = "a", sets = { s = ["x"] } } | split.hold_out.keep=["y"]
split.hold_out.related | split.hold_out={ column = "a", sets = { s = ["x"] } } | split.hold_out.related="b"
split.hold_out.sets.* | split.hold_out={ column = "a", sets = { s = ["x"] } } | split.hold_out.sets.s=["y"]
split.kind |  | split.kind="random"
split.train_fraction |  | split.train_fraction=0.5
study.seed |  | study.seed=1
ablation.arm.*.set | ablation.arm.a.set={ "ensemble.members" = 3 } | ablation.arm.a.set={ "ensemble.members" = 4 }
ablation.baseline | ablation.arm.a.set={ "ensemble.members" = 3 } | ablation.baseline="base"
ablation.over | ablation.arm.a.set={ "ensemble.members" = 3 }; sweep.s.axes={ "training.epochs" = [3, 4] } | ablation.over=["s"]
ablation.replicates | ablation.arm.a.set={ "ensemble.members" = 3 } | ablation.replicates=2
ablation.set | ablation.arm.a.set={ "ensemble.members" = 3 } | ablation.set={ "training.epochs" = 3 }
sweep.*.axes | sweep.s.axes={ "training.epochs" = [3, 4] } | sweep.s.axes={ "training.epochs" = [5] }
sweep.*.exclude | sweep.s.axes={ "training.epochs" = [3, 4] } | sweep.s.exclude=[{ "training.epochs" = 3 }]
sweep.*.kind | sweep.s.axes={ "training.epochs" = [3, 4], "training.batch_size" = [8, 16] } | sweep.s.kind="zip"
sweep.*.n | sweep.s={ kind = "random", n = 1, axes = { "training.epochs" = { int_uniform = [3, 90] } } } | sweep.s.n=2
sweep.*.replicates | sweep.s.axes={ "training.epochs" = [3, 4] } | sweep.s.replicates=2
training.backend |  | training.backend="autograd"
training.batch_size |  | training.batch_size=16
training.early_stopping.metric |  | training.early_stopping={ metric = "validation/pearson", mode = "max" }
training.early_stopping.min_delta | training.early_stopping.patience=3 | training.early_stopping.min_delta=0.1
training.early_stopping.mode |  | training.early_stopping={ metric = "validation/pearson", mode = "max" }
training.early_stopping.patience | training.early_stopping.patience=3 | training.early_stopping.patience=4
training.epochs |  | training.epochs=3
training.fine_tune.epochs |  | training.fine_tune.epochs=3
training.fine_tune.lr |  | training.fine_tune.lr=0.1
training.fine_tune.patience |  | training.fine_tune.patience=3
training.gradient_clip |  | training.gradient_clip=1.0
training.optimizer.kind |  | training.optimizer.kind="sgd"
training.optimizer.beta1 |  | training.optimizer.beta1=0.5
training.optimizer.beta2 |  | training.optimizer.beta2=0.5
training.optimizer.eps |  | training.optimizer.eps=0.5
training.optimizer.lr |  | training.optimizer.lr=0.5
training.optimizer.weight_decay |  | training.optimizer.weight_decay=0.5
training.optimizer.momentum | training.optimizer.kind="sgd" | training.optimizer.momentum=0.5
training.optimizer.nesterov | training.optimizer.kind="sgd" | training.optimizer.nesterov=true
training.recalibrate |  | training.recalibrate=10
training.schedule.kind |  | training.schedule.kind="cosine"
training.schedule.factor | training.schedule.kind="reduce_on_plateau" | training.schedule.factor=0.5
training.schedule.patience | training.schedule.kind="reduce_on_plateau" | training.schedule.patience=9
training.schedule.min_lr | training.schedule.kind="cosine" | training.schedule.min_lr=0.5
training.schedule.min_delta | training.schedule.kind="reduce_on_plateau" | training.schedule.min_delta=0.5
training.schedule.warmup | training.schedule.kind="cosine" | training.schedule.warmup=0.5
training.schedule.max_lr | training.schedule={ kind = "one_cycle", max_lr = 0.1 } | training.schedule.max_lr=0.5
training.schedule.rise | training.schedule={ kind = "one_cycle", max_lr = 0.1 } | training.schedule.rise=0.5
training.schedule.start_divisor | training.schedule={ kind = "one_cycle", max_lr = 0.1 } | training.schedule.start_divisor=2.0
training.schedule.end_divisor | training.schedule={ kind = "one_cycle", max_lr = 0.1 } | training.schedule.end_divisor=2.0
training.precision |  | training.precision="tf32"
"#;

/// Names of all options of a schema: plugin parameters are none, and `*` stands for a name that
/// the file gives.
fn options(schema: &Value, root: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(target) = schema["$ref"].as_str() {
        let target = root.pointer(target.trim_start_matches('#')).unwrap();
        return options(target, root, path, found);
    }
    let join = |key: &str| format!("{path}{}{key}", if path.is_empty() { "" } else { "." });
    let branches = schema["anyOf"].as_array().or(schema["oneOf"].as_array());
    let tables = branches.into_iter().flatten().filter(|branch| {
        branch.get("$ref").is_some() || branch["properties"].get("kind").is_some()
    });
    let tables: Vec<&Value> = tables.collect();
    if !tables.is_empty() && schema.get("properties").is_none() {
        for table in tables {
            options(table, root, path, found);
        }
    } else if let Some(properties) = schema["properties"].as_object() {
        for (key, below) in properties {
            options(below, root, &join(key), found);
        }
    } else if schema["additionalProperties"].is_object() {
        options(&schema["additionalProperties"], root, &join("*"), found);
    } else if !found.iter().any(|known| known == path) {
        found.push(path.to_owned());
    }
}

/// Names and keys of the tasks of [`STUDY`] with changes.
fn tasks(folder: &std::path::Path, sets: &[String]) -> Vec<(Value, Value)> {
    let mut arguments = vec!["plan", "small.toml", "--format", "json"];
    for set in sets {
        arguments.extend(["--set", set]);
    }
    if sets.iter().any(|set| set.starts_with("ablation")) {
        arguments.push("--ablation");
    } else if sets.iter().any(|set| set.starts_with("sweep")) {
        arguments.extend(["--sweep", "all"]);
    }
    let ran = run_in(folder, &arguments);
    assert_eq!(ran.code, 0, "{sets:?}: {}", ran.stderr);
    let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
    let tasks = plan["tasks"].as_array().unwrap();
    tasks
        .iter()
        .map(|task| (task["names"].clone(), task["key"].clone()))
        .collect()
}

#[test]
fn every_option_changes_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("small.toml"), STUDY).unwrap();
    let schema: Value = serde_json::from_str(&run_in(folder.path(), &["schema"]).stdout).unwrap();
    let mut names = Vec::new();
    options(&schema, &schema, "", &mut names);
    assert!(names.len() > 120, "{names:?}");
    let rows = CHANGES.trim().lines().map(|row| {
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        (columns[0], columns[1], columns[2])
    });
    let rows: Vec<(&str, &str, &str)> = rows.collect();
    let mut unexplained = Vec::new();
    for name in &names {
        let (prefix, option) = match name.strip_prefix("distill.training.") {
            Some(option) => ("distill.", format!("training.{option}")),
            None => ("", name.clone()),
        };
        let outside = |(known, _): &&(&str, &str)| {
            option == *known || (known.ends_with('.') && option.starts_with(known))
        };
        if OUTSIDE.iter().any(|entry| outside(&entry)) {
            continue;
        }
        let Some((_, given, change)) = rows.iter().find(|(known, ..)| *known == option) else {
            unexplained.push(format!("{name}: no row in CHANGES"));
            continue;
        };
        let place = |set: &str| {
            let prefix = if set.starts_with("training.") {
                prefix
            } else {
                ""
            };
            format!("{prefix}{set}")
        };
        let mut sets: Vec<String> = given
            .split("; ")
            .filter(|set| !set.is_empty())
            .map(place)
            .collect();
        let before = tasks(folder.path(), &sets);
        sets.extend(change.split("; ").map(place));
        if tasks(folder.path(), &sets) == before {
            unexplained.push(format!("{name}: nothing changes"));
        }
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    for (row, ..) in &rows {
        assert!(
            names.iter().any(|name| name == row),
            "no option is named `{row}`"
        );
    }
}
