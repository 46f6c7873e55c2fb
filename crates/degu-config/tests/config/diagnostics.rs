//! What a user sees. The rendered text is pinned: changing it should be a decision.

use degu_config::Code;

use crate::common::{Folder, GOOD, rendered, study};

/// The rendered errors of a good study with one thing changed.
fn changed(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    rendered(&GOOD.replace(from, to), &[])
}

/// The rendered errors of a good study with something added.
fn added(text: &str) -> String {
    rendered(&format!("{GOOD}\n{text}"), &[])
}

/// Eight errors of eight kinds, in seven tables.
const EIGHT: &str = r#"[study]
name = "K562"

[dataset]
plugin = "tyni"

[architecture]
plugin = "residualbind"
drpout = 0.2
filters = [196, -1]
activation = "rellu"

[ensemble]
members = "ten"

[calibration.main]
plugin = "split-conformal"
alpha = [0.1, 1.5]

[training]
optimizer = { kind = "adam", momentum = 0.9 }
"#;

#[test]
fn eight_planted_errors_are_reported_at_once() {
    let errors = study(EIGHT, &[]).expect_err("eight errors");
    let found: Vec<(&str, String, Option<(usize, usize)>)> = errors
        .errors()
        .iter()
        .map(|e| (e.code().name(), e.path(), e.position()))
        .collect();
    let expected = [
        ("config::rule", "study.name", (2, 8)),
        ("config::unknown_plugin", "dataset.plugin", (5, 10)),
        ("config::unknown_key", "architecture.drpout", (9, 1)),
        ("config::range", "architecture.filters[1]", (10, 17)),
        ("config::value", "architecture.activation", (11, 14)),
        ("config::type", "ensemble.members", (14, 11)),
        ("config::range", "calibration.main.alpha[1]", (18, 15)),
        (
            "config::unknown_key",
            "training.optimizer.momentum",
            (21, 30),
        ),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(code, path, at)| (code, path.to_owned(), Some(at)))
        .collect();
    assert_eq!(found, expected);
    insta::assert_snapshot!("eight_errors", errors.render(false, 110));
    insta::assert_json_snapshot!("eight_errors_json", errors.to_json());
}

#[test]
fn syntax() {
    insta::assert_snapshot!(changed("[ensemble]", "[ensemble"));
}

#[test]
fn missing_sections_and_keys() {
    insta::assert_snapshot!(rendered(
        "[study]\nseed = 1\n[architecture]\ndropout = 0.1\n",
        &[]
    ));
}

#[test]
fn a_key_of_another_section_is_sent_home() {
    insta::assert_snapshot!(changed(
        "members = 5",
        "members = 5\ndropout = 0.5\nbatch_size = 3"
    ));
}

#[test]
fn an_unknown_section_is_matched() {
    insta::assert_snapshot!(added("[ensembel]\nmembers = 3\n"));
}

#[test]
fn an_unknown_plugin_lists_the_known_ones() {
    insta::assert_snapshot!(changed(
        "plugin = \"residualbind\"",
        "plugin = \"residualbnid\""
    ));
}

#[test]
fn an_unknown_metric_lists_the_known_ones() {
    insta::assert_snapshot!(added(
        "[evaluation]\nmetrics = [\"pearsn\", { plugin = \"crps\", drws = 3 }]\n"
    ));
}

#[test]
fn a_plugin_checks_its_parameters() {
    insta::assert_snapshot!(changed("dropout = 0.2", "filters = [64, 32]"));
}

#[test]
fn wrong_types() {
    insta::assert_snapshot!(added(
        "[training]\nepochs = 1.5\noptimizer = \"adam\"\nschedule = { kind = \"cosin\" }\ndevice = \"gpu\"\nearly_stopping = { metric = \"train/loss\" }\n[split]\ncalibration = true\n\
         [distill]\nddof = 2\naugmentation = \"evoaug\"\ntargets = [\"mean\", \"mean\"]\n[evaluation]\nbootstrap = [1]\n"
    ));
}

#[test]
fn arguments_and_variables_are_quoted() {
    let folder = Folder::new(&[("experiment.toml", GOOD)])
        .set(&[
            "ensemble.members=ten",
            "study.title",
            "~attribute.old",
            "study.seed+=[1]",
            "a..b=1",
            "distill.studnets=3",
        ])
        .env(&[("DEGU_LAB__TRAINING__EPOCHS", "many"), ("DEGU_LAB__", "1")]);
    insta::assert_snapshot!(
        folder
            .load("experiment.toml")
            .expect_err("bad")
            .render(false, 110)
    );
}

#[test]
fn an_undefined_variable() {
    let folder = Folder::new(&[(
        "experiment.toml",
        &GOOD.replace("data/k562.tsv", "${env:DEGU_DTAA}/k562.tsv"),
    )])
    .env(&[("DEGU_DATA", "/data")]);
    insta::assert_snapshot!(
        folder
            .load("experiment.toml")
            .expect_err("bad")
            .render(false, 110)
    );
}

#[test]
fn extends_goes_in_a_circle_or_nowhere() {
    let folder = Folder::new(&[
        ("a.toml", "extends = [\"sub/b.toml\"]\n"),
        ("sub/b.toml", "extends = [\"../c.toml\"]\n"),
        (
            "c.toml",
            "extends = [\n  \"a.toml\",\n  \"missing.toml\",\n  3,\n]\n",
        ),
    ]);
    insta::assert_snapshot!(
        folder
            .load("a.toml")
            .expect_err("a circle")
            .render(false, 110)
    );
    insta::assert_snapshot!(
        folder
            .load("nowhere.toml")
            .expect_err("no file")
            .render(false, 110)
    );
}

#[test]
fn a_newer_file_is_not_judged() {
    insta::assert_snapshot!(rendered(&format!("schema = 2\n{GOOD}\nnovelty = 1\n"), &[]));
}

#[test]
fn rules_between_keys() {
    insta::assert_snapshot!(rendered(
        &format!(
            "{}\n{}",
            GOOD.replace(
                "members = 5",
                "members = 1\nhead = { plugin = \"distilled\" }"
            ),
            r#"[split]
kind = "column"
fractions = { validation = 0.5, test = 0.6 }
allow_leakage = ["train/train"]
[training]
early_stopping = { metric = "validation/pearson" }
[evaluation]
metrics = ["pearson", "interval_width"]
[ablation]
baseline = "full"
over = ["low_dat"]
primary_metric = "test/interval_width@0.05"
[ablation.arm.full]
set = { "distill.students" = 2 }
[sweep.low_data]
axes = { "split.train_fraction" = [0.1, 1.0] }
[report]
compare_by = ["split.train_fractoin"]
[track]
sinks = ["mlflow"]
"#
        ),
        &[]
    ));
}

#[test]
fn primary_metrics() {
    for (key, expected) in [
        ("validation/pearson", "`validation` is not evaluated"),
        ("test/pearsn", "`pearsn` is not evaluated"),
        ("test/pearson@0.1", "`pearson` does not depend on alpha"),
        (
            "test/interval_width",
            "`interval_width` has one value per alpha: name one, as in `test/interval_width@0.1`",
        ),
        (
            "pearson",
            "expected `split/metric` or `split/metric@alpha`, found \"pearson\"",
        ),
        (
            "tset/pearson",
            "expected train, validation, calibration or test before `/`, found \"tset\"",
        ),
    ] {
        let text = format!(
            "{}\n[evaluation]\nmetrics = [\"pearson\", \"interval_width\"]\n[ablation]\nprimary_metric = \"{key}\"\n",
            GOOD.replace("alpha = [0.1]", "alpha = [0.1, 0.2]")
        );
        let errors = study(&text, &[]).expect_err(key);
        assert_eq!(errors.errors()[0].message(), expected, "{key}");
        assert_eq!(errors.errors()[0].path(), "ablation.primary_metric");
    }
}

#[test]
fn errors_of_serde_are_found_where_the_schema_is_silent() {
    let errors = study(
        &format!("{GOOD}\n[executor]\nslurm = {{ poll = \"soon\" }}\n"),
        &[],
    )
    .expect_err("bad");
    let error = &errors.errors()[0];
    assert_eq!(
        (error.code(), error.path().as_str(), error.position()),
        (Code::Value, "executor.slurm.poll", Some((21, 18)))
    );
    assert_eq!(
        error.message(),
        "expected a time as in \"120s\", \"10min\", \"4h\" or \"2d\", found \"soon\""
    );
}

#[test]
fn removed_keys_are_refused_unless_a_locked_file_names_their_default() {
    let old = "[training]\ncheckpoint = { keep = 1 }\n[resources]\n";
    let old = format!("{}\n{old}", GOOD.replace("seed = 7", "seed = 7\ntags = []"));
    study(&old, &[]).expect("good");
    let errors = study(&old.replace("tags = []", "tags = [\"a\"]"), &[]).expect_err("bad");
    assert!(
        errors
            .render(false, 110)
            .contains("`tags` had no effect and was removed")
    );
}
