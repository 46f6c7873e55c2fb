//! Running the binary, and models to run it on.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use degu_core::{
    CalibrationSet, Calibrator, Forecast, LabelInfo, ModelIo, OutputKind, Seed, Spread,
    UncertaintyHead, registry,
};
// Links the plugins into this test binary, which makes models of its own.
use degu_plugins as _;
use degu_train::{
    Backend, ModelCard, SavedModel,
    backend::Autograd,
    model_file::{CalibrationCard, FORMAT, PluginCard},
};

/// What a command did.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `degu-lab` with arguments in the folder `place`.
pub(crate) fn run_in(place: &Path, arguments: &[&str]) -> Ran {
    ran(command(place, arguments).env_remove("DEGU_DATA"))
}

fn command(place: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("degu-lab"));
    command.args(arguments).current_dir(place);
    command
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().expect("the binary starts");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// As [`run`], with the variable `DEGU_DATA`.
pub(crate) fn run_with_data(data: &Path, arguments: &[&str]) -> Ran {
    ran(command(Path::new(env!("CARGO_MANIFEST_DIR")), arguments).env("DEGU_DATA", data))
}

/// As [`run_in`], in the root of the workspace.
pub(crate) fn run(arguments: &[&str]) -> Ran {
    run_in(Path::new(env!("CARGO_MANIFEST_DIR")), arguments)
}

/// Runs a command that must succeed; returns its stdout.
pub(crate) fn ok(arguments: &[&str]) -> String {
    let ran = run(arguments);
    assert_eq!(ran.code, 0, "{arguments:?}\n{}{}", ran.stdout, ran.stderr);
    ran.stdout
}

/// A file of the data folder beside the workspace, if it is there.
pub(crate) fn shared(file: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

/// Length of the model's input, flanks included.
pub(crate) const LENGTH: usize = 24;

/// Writes a small untrained student with two tasks, flanks `AC` and `GT` and a fitted calibration
/// `main`.
pub(crate) fn model(folder: &Path) {
    named_model(folder, "test student-0", 3);
}

/// Writes a run with three members and a student, without calibration of their own.
pub(crate) fn run_folder(folder: &Path) {
    for k in 0..3 {
        let name = format!("member-{k}");
        named_model(
            &folder.join("models").join(&name),
            &format!("test {name}"),
            10 + k,
        );
    }
    named_model(&folder.join("models/student-0"), "test student-0", 3);
}

/// The model of [`model`], with another name and other weights.
fn named_model(folder: &Path, name: &str, seed: u64) {
    let plugin = |name: &str, params: serde_json::Value| PluginCard {
        plugin: name.to_owned(),
        revision: 1,
        params,
    };
    let architecture = registry::find::<dyn degu_core::Architecture>("deepstarr")
        .unwrap()
        .resolve_json(&serde_json::json!({ "filters": [4, 4, 4, 4], "units": [8, 8] }))
        .unwrap();
    let head = registry::find::<dyn UncertaintyHead>("distilled")
        .unwrap()
        .resolve_json(&serde_json::json!({ "positivity": "softplus" }))
        .unwrap();
    let labels = LabelInfo {
        tasks: vec!["Dev".to_owned(), "Hk".to_owned()],
        mean: vec![0.0; 2],
        std: vec![1.0; 2],
        epistemic: true,
        aleatoric: false,
        spread: Spread::Std,
    };
    let bound = head.build().unwrap().bind(&labels).unwrap();
    let io = ModelIo {
        length: LENGTH,
        outputs: bound.outputs(),
        output: OutputKind::Scalar,
    };
    let network = Autograd::new(
        architecture.build().unwrap().as_ref(),
        bound,
        &io,
        &Seed::root(seed),
        &candle_core::Device::Cpu,
    )
    .unwrap();
    let card = ModelCard {
        format: FORMAT,
        name: name.to_owned(),
        model: name.rsplit_once(' ').and_then(|(_, id)| id.parse().ok()),
        written_by: "tests".to_owned(),
        architecture: plugin("deepstarr", architecture.params.clone()),
        head: plugin("distilled", head.params.clone()),
        labels,
        length: LENGTH,
        output: OutputKind::Scalar,
        flanks: ("AC".to_owned(), "GT".to_owned()),
        alphabet: "ACGT".to_owned(),
        unit: "log2".to_owned(),
        data: String::new(),
        parameters: network.store().parameter_count(),
        weights: None,
        calibration: BTreeMap::from([("main".to_owned(), calibration())]),
        default_calibration: None,
        metrics: BTreeMap::new(),
    };
    let saved = SavedModel::new(card, network.weights().unwrap()).unwrap();
    saved.save(folder).unwrap();
}

/// Absolute residuals 0.01 to 0.99 on both tasks: the half-width at 90 % is the 90th of 99, 0.9.
fn calibration() -> CalibrationCard {
    let rows = 99;
    let calibrator = registry::find::<dyn Calibrator>("split-conformal")
        .unwrap()
        .resolve_json(&serde_json::json!({ "score": "absolute" }))
        .unwrap();
    let mean = vec![0.0; rows * 2];
    let y: Vec<f64> = (0..rows * 2).map(|i| (i / 2 + 1) as f64 / 100.0).collect();
    let unit: Vec<u64> = (0..rows as u64).collect();
    let set = CalibrationSet::new(Forecast::new(rows, 2, &mean), &y, &unit);
    let fitted = calibrator.build().unwrap().fit(None, &set, None).unwrap();
    let alpha = degu_stats::Alpha::new(1, 10).unwrap();
    CalibrationCard {
        calibrator: PluginCard {
            plugin: "split-conformal".to_owned(),
            revision: calibrator.revision,
            params: calibrator.params.clone(),
        },
        state: fitted.state(),
        units: fitted.units(),
        guarantee: fitted.guarantee(alpha).to_string(),
        alpha: vec!["0.1".to_owned()],
    }
}

/// The columns of a tab-separated table by name.
pub(crate) fn columns(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let mut all: BTreeMap<String, Vec<String>> = header
        .iter()
        .map(|name| ((*name).to_owned(), Vec::new()))
        .collect();
    for line in lines {
        for (name, field) in header.iter().zip(line.split('\t')) {
            all.get_mut(*name).unwrap().push(field.to_owned());
        }
    }
    all
}

/// A simulated study of seconds, without a name, calibrators and metrics: three members, students
/// when `distill.enabled` is set.
pub(crate) const SMALL_STUDY: &str = r#"
[dataset]
plugin = "simulated"
train = 160
validation = 120
test = 80
length = 60

[split]
calibration = 0.6

[architecture]
plugin = "deepstarr"
filters = [4, 4, 4, 4]
units = [8, 8]
dropout = 0.3

[ensemble]
members = 3
head = { plugin = "point" }

[training]
epochs = 2
batch_size = 32

[distill]
enabled = false
targets = ["mean", "epistemic"]
head = { plugin = "distilled" }
"#;
