//! The template of each slot: a small plugin that works, and what its crate needs.

use degu_core::Slot;

/// What is particular to the crate of a slot.
pub(super) struct Template {
    pub(super) slot: Slot,
    /// Slot in the names of packages.
    pub(super) short: &'static str,
    /// Slot in `degu_contract::contract!`.
    pub(super) contract: &'static str,
    /// Parameters of the contract, as Rust writes them.
    pub(super) params: &'static str,
    /// What the contract holds it to, in words.
    pub(super) rules: &'static str,
    /// Where to start.
    pub(super) change: &'static str,
    /// Crates of the framework that it uses beside degu-core.
    pub(super) framework: &'static [&'static str],
    /// Other crates, with their versions.
    pub(super) others: &'static [(&'static str, &'static str)],
    pub(super) lib: &'static str,
    pub(super) experiment: &'static str,
    /// Rows that its contract reads.
    pub(super) rows: Option<&'static str>,
}

/// Files that every slot has in common: path below the crate, text.
pub(super) const COMMON: [(&str, &str); 4] = [
    (
        "Cargo.toml",
        include_str!("../../../../templates/Cargo.toml"),
    ),
    ("README.md", include_str!("../../../../templates/README.md")),
    ("src/main.rs", include_str!("../../../../templates/main.rs")),
    (
        "tests/contract.rs",
        include_str!("../../../../templates/contract.rs"),
    ),
];

macro_rules! text {
    ($folder:literal, $file:literal) => {
        include_str!(concat!("../../../../templates/", $folder, "/", $file))
    };
}

const CANDLE: (&str, &str) = ("candle-core", "=0.11.1");

pub(super) const TEMPLATES: [Template; 8] = [
    Template {
        slot: Slot::Dataset,
        short: "data",
        contract: "dataset",
        params: ", r#\"{\"file\": {\"path\": \"tests/small.tsv\"}}\"#",
        rules: "rows that read alike in any order, shapes, groups that stay in one part",
        change: "Read your format in `Example::build`, and put a few of its rows into `tests`.",
        framework: &["degu-genome"],
        others: &[],
        lib: text!("dataset", "lib.rs"),
        experiment: text!("dataset", "experiment.toml"),
        rows: Some(text!("dataset", "small.tsv")),
    },
    Template {
        slot: Slot::Architecture,
        short: "arch",
        contract: "architecture",
        params: "",
        rules: "shapes, gradients, independence of rows, saving, learning, threads",
        change: "Change the layers in `Example::graph`.",
        framework: &[],
        others: &[],
        lib: text!("architecture", "lib.rs"),
        experiment: text!("architecture", "experiment.toml"),
        rows: None,
    },
    Template {
        slot: Slot::UncertaintyHead,
        short: "head",
        contract: "head",
        params: "",
        rules: "a loss that respects its mask and has the right gradient, predictions as announced",
        change: "Change `Bound::loss` and `Bound::predict`.",
        framework: &["degu-nn"],
        others: &[CANDLE],
        lib: text!("uncertainty-head", "lib.rs"),
        experiment: text!("uncertainty-head", "experiment.toml"),
        rows: None,
    },
    Template {
        slot: Slot::Augmentation,
        short: "aug",
        contract: "augmentation",
        params: "",
        rules: "number and length of sequences, independence of batches, seeds",
        change: "Change what happens to a row in `Example::apply`.",
        framework: &["degu-genome"],
        others: &[],
        lib: text!("augmentation", "lib.rs"),
        experiment: text!("augmentation", "experiment.toml"),
        rows: None,
    },
    Template {
        slot: Slot::Attributor,
        short: "attr",
        contract: "attributor",
        params: "",
        rules: "shapes, independence of batches, the right map of a linear model",
        change: "Change `Example::attribute`.",
        framework: &["degu-genome"],
        others: &[CANDLE],
        lib: text!("attributor", "lib.rs"),
        experiment: text!("attributor", "experiment.toml"),
        rows: None,
    },
    Template {
        slot: Slot::Calibrator,
        short: "cal",
        contract: "calibrator",
        params: "",
        rules: "coverage as promised, wider intervals for smaller alpha, saving, too few rows",
        change: "Change `Example::fit` and `Fitted::intervals`.",
        framework: &["degu-stats"],
        others: &[("serde_json", "1")],
        lib: text!("calibrator", "lib.rs"),
        experiment: text!("calibrator", "experiment.toml"),
        rows: None,
    },
    Template {
        slot: Slot::Shift,
        short: "shift",
        contract: "shift",
        params: "",
        rules: "number and length of sequences, independence of batches, no change at severity 0",
        change: "Change what happens to a row in `Example::apply`.",
        framework: &["degu-genome"],
        others: &[],
        lib: text!("shift", "lib.rs"),
        experiment: text!("shift", "experiment.toml"),
        rows: None,
    },
    Template {
        slot: Slot::Metric,
        short: "metric",
        contract: "metric",
        params: "",
        rules: "a value that is finite or absent, in any order of rows, with the right direction",
        change: "Change `Example::compute`.",
        framework: &[],
        others: &[],
        lib: text!("metric", "lib.rs"),
        experiment: text!("metric", "experiment.toml"),
        rows: None,
    },
];
