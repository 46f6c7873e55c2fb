//! Experiment files, stores and runs.

use serde_json::Value;

use crate::support::{ok, run, run_in};

/// An experiment that is complete in itself.
const QUICK: &str = r#"
[study]
name = "quick"

[dataset]
plugin = "simulated"
train = 60

[architecture]
plugin = "deepstarr"
"#;

fn experiment(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quick.toml");
    fs_err::write(&file, text).unwrap();
    let file = file.to_str().unwrap().to_owned();
    (folder, file)
}

#[test]
fn the_configuration_says_who_set_each_value() {
    let (_folder, file) = experiment(QUICK);
    let text = ok(&[
        "config",
        "show",
        &file,
        "--origin",
        "--set",
        "ensemble.members=3",
    ]);
    let line = |key: &str| {
        text.lines()
            .find(|line| line.split_whitespace().next() == Some(key))
            .unwrap_or_else(|| panic!("no `{key}` in\n{text}"))
    };
    assert!(
        line("ensemble.members").contains("--set #1"),
        "{}",
        line("ensemble.members")
    );
    assert!(
        line("dataset.train").contains("quick.toml:7"),
        "{}",
        line("dataset.train")
    );
    assert!(
        line("dataset.length").ends_with("default"),
        "{}",
        line("dataset.length")
    );
}

#[test]
fn a_locked_configuration_loads_again() {
    let (folder, file) = experiment(QUICK);
    let locked = ok(&["config", "show", &file]);
    let again = folder.path().join("locked.toml");
    fs_err::write(&again, &locked).unwrap();
    assert_eq!(ok(&["config", "show", again.to_str().unwrap()]), locked);
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once_with_their_places() {
    let text = QUICK
        .replace("train = 60", "train = \"many\"\nlenght = 3")
        .replace("\"deepstarr\"", "\"depstarr\"");
    let (_folder, file) = experiment(&text);
    let ran = run(&["config", "show", &file]);
    assert_eq!(ran.code, 3);
    for part in ["quick.toml", "lenght", "depstarr", "deepstarr", "3 errors"] {
        assert!(ran.stderr.contains(part), "`{part}`:\n{}", ran.stderr);
    }
    assert!(!ran.stderr.contains('\u{1b}'), "no colours into a pipe");
}

#[test]
fn the_schema_is_json_and_knows_the_plugins() {
    let schema: Value = serde_json::from_str(&ok(&["schema"])).unwrap();
    assert!(schema.to_string().contains("deepstarr"));
}

#[test]
fn an_empty_store_is_listed_verified_and_swept() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let store = store.to_str().unwrap();
    let runs = folder.path().join("runs");
    let runs = runs.to_str().unwrap();
    let listing: Value =
        serde_json::from_str(&ok(&["ls", "--store", store, "--format", "json"])).unwrap();
    assert_eq!(listing["artifacts"], serde_json::json!([]));
    assert!(ok(&["verify", "--store", store]).contains("0 damaged"));
    assert!(ok(&["gc", "--store", store, "--runs", runs]).contains("would remove 0 artifacts"));
    assert_eq!(run(&["show", "abcd", "--store", store]).code, 2);
    assert_eq!(run(&["status", "nothing", "--runs", runs]).code, 2);
    assert_eq!(ok(&["status", "--runs", runs]).lines().count(), 1);
}

#[test]
fn a_table_is_inspected_without_a_study() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("x.tsv");
    fs_err::write(
        &table,
        "name\tsequence\tactivity\na\tACGTACGGAT\t0.5\nb\tGGGTACTTAC\t-1.5\nc\tACGTACGGAT\t0.25\n",
    )
    .unwrap();
    let text = ok(&[
        "data",
        "inspect",
        table.to_str().unwrap(),
        "--format",
        "json",
    ]);
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["rows"], 3);
    assert_eq!(found["exact_duplicates"], 1);
}

#[test]
fn public_data_sets_are_listed() {
    let text = ok(&["data", "fetch"]);
    assert!(text.lines().count() > 2, "{text}");
    assert_eq!(run(&["data", "fetch", "no-such-data"]).code, 4);
}

/// A study that takes seconds.
const SMALL: &str = r#"
[study]
name = "small"

[dataset]
plugin = "simulated"
train = 120
validation = 60
test = 60
length = 60

[architecture]
plugin = "deepstarr"
filters = [4, 4, 4, 4]
units = [8, 8]

[ensemble]
members = 2
head = { plugin = "point" }

[training]
epochs = 2
batch_size = 32

[distill]
students = 1
head = { plugin = "distilled" }
"#;

#[test]
fn a_study_runs_once_resumes_for_nothing_and_predicts() {
    let (folder, _file) = experiment(QUICK);
    fs_err::write(folder.path().join("small.toml"), SMALL).unwrap();
    let here = |arguments: &[&str]| run_in(folder.path(), arguments);
    let before = here(&["plan", "small.toml", "--format", "json"]);
    assert_eq!(before.code, 0, "{}", before.stderr);
    let plan: Value = serde_json::from_str(&before.stdout).unwrap();
    assert_eq!(plan["counts"]["cached"], 0);
    assert!(
        here(&["plan", "small.toml", "--format", "dot"])
            .stdout
            .starts_with("digraph")
    );
    assert!(
        here(&["plan", "small.toml", "--format", "mermaid"])
            .stdout
            .starts_with("flowchart")
    );
    assert_eq!(here(&["ls", "--format", "dot"]).code, 2);

    let first = here(&[
        "run",
        "small.toml",
        "--progress",
        "plain",
        "--format",
        "json",
    ]);
    assert_eq!(first.code, 0, "{}{}", first.stdout, first.stderr);
    let ran: Value = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!(ran["cached"], 0);
    assert!(
        first.stderr.contains("train/member-0  done in"),
        "{}",
        first.stderr
    );
    let report = folder.path().join("runs/small/report.html");
    fs_err::write(&report, "spoilt").unwrap();
    let written = here(&["report", "small"]);
    assert_eq!(written.code, 0, "{}{}", written.stdout, written.stderr);
    let page = fs_err::read_to_string(&report).unwrap();
    assert!(page.ends_with("</html>\n"), "the report is written again");

    let again = here(&["resume", "small", "--progress", "none", "--format", "json"]);
    assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
    let ran: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        ran["finished"],
        serde_json::json!([]),
        "a second run computes nothing"
    );
    assert!(ran["cached"].as_u64().unwrap() > 3);
    assert!(again.stderr.is_empty(), "{}", again.stderr);
    assert_eq!(here(&["report", "small"]).code, 0);

    assert!(here(&["status"]).stdout.contains("complete"));
    assert!(here(&["status", "small"]).stdout.contains("train/member-0"));
    assert!(
        here(&["ls", "--stage", "train"])
            .stdout
            .contains("train/member-1")
    );
    assert!(
        here(&["show", "train/member-0"])
            .stdout
            .contains("key fields")
    );
    assert!(
        here(&["why", "small.toml", "train/member-0"])
            .stdout
            .contains("cached")
    );
    let why = here(&[
        "why",
        "small.toml",
        "train/member-0",
        "--set",
        "training.epochs=3",
    ]);
    assert!(
        why.stdout.contains("epochs") && why.stdout.contains("--set #1"),
        "{}",
        why.stdout
    );
    assert!(here(&["verify"]).stdout.contains("0 damaged"));
    assert!(here(&["gc"]).stdout.contains("would remove 0 artifacts"));

    fs_err::write(
        folder.path().join("x.fa"),
        format!(">a\n{}\n", "ACGTA".repeat(12)),
    )
    .unwrap();
    let predicted = here(&["predict", "runs/small/models/student-0", "--fasta", "x.fa"]);
    assert_eq!(predicted.code, 0, "{}", predicted.stderr);
    assert_eq!(predicted.stdout.lines().count(), 2);
}

#[test]
fn students_may_have_a_network_of_their_own() {
    let (folder, _file) = experiment(QUICK);
    let own =
        "[distill.architecture]\nplugin = \"deepstarr\"\nfilters = [2, 2, 2, 2]\nunits = [4, 4]\n";
    fs_err::write(folder.path().join("small.toml"), format!("{SMALL}\n{own}")).unwrap();
    let here = |arguments: &[&str]| run_in(folder.path(), arguments);
    let ran = here(&["run", "small.toml", "--progress", "none"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let parameters = |model: &str| -> u64 {
        let card = folder
            .path()
            .join("runs/small/models")
            .join(model)
            .join("card.json");
        let card: Value = serde_json::from_slice(&fs_err::read(card).unwrap()).unwrap();
        card["parameters"].as_u64().unwrap()
    };
    assert!(parameters("student-0") < parameters("member-0"));
    fs_err::write(
        folder.path().join("x.fa"),
        format!(">a\n{}\n", "ACGTA".repeat(12)),
    )
    .unwrap();
    let predicted = here(&["predict", "runs/small/models/student-0", "--fasta", "x.fa"]);
    assert_eq!(predicted.code, 0, "{}", predicted.stderr);
    // The members are those of the study without the block.
    fs_err::write(folder.path().join("small.toml"), SMALL).unwrap();
    let plan = here(&["plan", "small.toml", "--format", "json"]);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(plan["counts"]["cached"], 4, "{plan}");
    // A misspelled parameter is found where it stands.
    let wrong = own.replace("units", "unit");
    fs_err::write(
        folder.path().join("small.toml"),
        format!("{SMALL}\n{wrong}"),
    )
    .unwrap();
    let refused = here(&["config", "show", "small.toml"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("distill.architecture.unit"),
        "{}",
        refused.stderr
    );
}

#[test]
fn an_executor_that_is_not_there_exits_with_8() {
    let (folder, _file) = experiment(SMALL);
    let ran = run_in(folder.path(), &["run", "quick.toml", "--executor", "slurm"]);
    assert_eq!(ran.code, 8, "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn options_that_nothing_would_follow_are_refused() {
    let (folder, _file) = experiment(SMALL);
    for (set, named) in [
        ("track.sinks=[\"jsonl\", \"tensorboard\"]", "track.sinks"),
        ("executor.gpus=[0]", "executor.gpus"),
        ("training.precision=\"tf32\"", "tf32"),
        // A device that no machine has.
        ("training.device=\"cuda:99\"", "cuda:99"),
        ("distill.training.device=\"cuda:99\"", "cuda:99"),
    ] {
        let ran = run_in(folder.path(), &["run", "quick.toml", "--set", set]);
        assert_eq!(ran.code, 8, "{set}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(named), "{set}: {}", ran.stderr);
        assert!(!folder.path().join("runs").exists(), "{set}");
    }
}
