//! A study of a few rows, with networks whose predictions are made by hand.

use std::{fmt::Write as _, path::Path};

use degu_config::{LoadOptions, Selection, Study};
use degu_core::ModelId;
use degu_study::{Depth, PointResults, StudyPlan, plan};
use degu_train::HostForecast;
use degu_workflow::{
    execute::{Options, RunSummary, Runner as _, TaskContext, TaskError, execute},
    journal::StudyEvent,
    plan::Task,
    store::{Artifact, Store},
};
use tempfile::TempDir;

/// Rows of each part: train, validation, calibration, test.
pub(crate) const PARTS: [(&str, usize); 4] = [("train", 30), ("val", 9), ("cal", 19), ("test", 20)];

/// Rows in all.
pub(crate) const ROWS: usize = 78;

/// The measured value of a row.
pub(crate) fn measured(row: usize) -> f32 {
    ((row * 37) % 101) as f32 / 10.0
}

/// 32 bases that no other row has.
pub(crate) fn sequence(row: usize) -> String {
    let mut state = row as u64 + 1;
    let base = |state: &mut u64| {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        b"ACGT"[(*state >> 60) as usize % 4] as char
    };
    (0..32).map(|_| base(&mut state)).collect()
}

/// The part of a row.
pub(crate) fn part(row: usize) -> &'static str {
    let mut rest = row;
    for (name, count) in PARTS {
        if rest < count {
            return name;
        }
        rest -= count;
    }
    "test"
}

/// The table of the rows.
pub(crate) fn table() -> String {
    let mut text = "id\tsequence\tactivity\tpart\n".to_owned();
    for row in 0..ROWS {
        let (bases, y, part) = (sequence(row), measured(row), part(row));
        writeln!(text, "row-{row}\t{bases}\t{y}\t{part}").unwrap();
    }
    text
}

const STUDY: &str = r#"
[dataset]
plugin = "table"
file = { path = "rows.tsv" }
tasks = ["activity"]

[split]
kind = "column"
column = "part"

[architecture]
plugin = "deepstarr"
filters = [2, 2, 2, 2]
units = [4, 4]

[ensemble]
members = 2
head = { plugin = "point" }

[training]
epochs = 1
batch_size = 16

[distill]
students = 1
targets = ["mean", "epistemic"]
head = { plugin = "distilled" }

[evaluation]
splits = ["test"]
metrics = ["pearson", "rmse"]
bootstrap = { n = 0 }

[calibration.plain]
plugin = "split-conformal"
alpha = [0.1]
score = "absolute"

[attribute.saliency]
plugin = "saliency"
targets = [{ part = "mean" }]
sequences = { split = "test", top_n = 3 }

[shift.mutated]
plugin = "mutagenesis"
severities = [0.5]
"#;

/// A study in a folder of its own.
pub(crate) struct Bench {
    folder: TempDir,
    pub(crate) store: Store,
    pub(crate) plan: StudyPlan,
}

/// Writes and loads the study `name` in a folder.
pub(crate) fn study(folder: &Path, name: &str, table: &str) -> Study {
    let file = folder.join(format!("{name}.toml"));
    let place = folder.display();
    let text = format!(
        "[study]\nname = \"{name}\"\nseed = 3\nstore = \"{place}/store\"\nruns = \"{place}/runs\"\n{STUDY}"
    );
    std::fs::write(&file, text).unwrap();
    std::fs::write(folder.join("rows.tsv"), table).unwrap();
    let options = LoadOptions {
        folder: folder.to_owned(),
        ..LoadOptions::default()
    };
    Study::load(&file, &options).unwrap()
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::of(&table())
    }

    pub(crate) fn of(table: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let study = study(folder.path(), "bench", table);
        let store = Store::open(folder.path().join("store")).unwrap();
        let points = study.points(&Selection::default()).unwrap();
        let plan = plan(points, Some(&store)).unwrap();
        Self {
            folder,
            store,
            plan,
        }
    }

    /// Runs a task and what it needs; networks predict what `forecast` says, or are trained if it
    /// says nothing.
    pub(crate) fn run(
        &self,
        task: &str,
        forecast: impl Fn(ModelId) -> Option<HostForecast> + Sync,
    ) -> RunSummary {
        let work = |task: &Task, context: &TaskContext<'_>| -> Result<(), TaskError> {
            let unit = task.id.rsplit('/').next().unwrap_or_default();
            match unit.parse().ok().and_then(&forecast) {
                Some(made) => {
                    let bytes = made.to_bytes().unwrap();
                    Ok(context
                        .output()
                        .write_bytes("predictions.safetensors", &bytes)?)
                }
                None => self.plan.run(task, context),
            }
        };
        let wanted = self.plan.plan.needed_by([task]).unwrap();
        let quiet = |_: &StudyEvent| {};
        execute(&wanted, &self.store, &work, &Options::default(), &quiet)
    }

    /// As [`Bench::run`] of a task that must succeed; returns what it wrote.
    pub(crate) fn ok(
        &self,
        task: &str,
        forecast: impl Fn(ModelId) -> Option<HostForecast> + Sync,
    ) -> Artifact<'_> {
        let summary = self.run(task, forecast);
        assert!(summary.failed.is_empty(), "{:?}", summary.failed);
        self.artifact(task)
    }

    /// What a task wrote.
    pub(crate) fn artifact(&self, task: &str) -> Artifact<'_> {
        let node = self.plan.plan.node(task).unwrap();
        self.store.get(&node.key).unwrap().unwrap()
    }

    /// The results of some tasks, as the report reads them.
    pub(crate) fn results(&self, tasks: &[&str], depth: Depth) -> PointResults<'_> {
        let mut results = PointResults::new(&self.plan.points[0], depth);
        for task in tasks {
            let stage = &self.plan.work[*task].stage;
            stage.read(&self.artifact(task), &mut results).unwrap();
        }
        results
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Predictions that miss every measurement by `offset`.
pub(crate) fn off_by(offset: f32, epistemic: Option<f32>) -> HostForecast {
    HostForecast {
        rows: ROWS,
        width: 1,
        mean: (0..ROWS).map(|row| measured(row) + offset).collect(),
        epistemic: epistemic.map(|sd| vec![sd; ROWS]),
        ..HostForecast::default()
    }
}

/// Members that miss by 1 on either side, a student that misses by half of that.
#[expect(clippy::unnecessary_wraps, reason = "what runs of a bench take")]
pub(crate) fn by_hand(model: ModelId) -> Option<HostForecast> {
    match model {
        ModelId::Member(0) => Some(off_by(1.0, None)),
        ModelId::Member(_) => Some(off_by(-1.0, None)),
        _ => Some(off_by(0.5, Some(1.0))),
    }
}
