//! Which value wins, who set it, and what the merged file says.

use degu_config::{Origin, Study};

use crate::common::{Folder, GOOD, study};

fn origin(study: &Study, path: &str) -> String {
    study
        .config()
        .origin(path)
        .map_or_else(|| "nobody".to_owned(), |origin| origin.to_string())
}

#[test]
fn a_good_file_is_read() {
    let study = study(GOOD, &[]).expect("good");
    assert_eq!(
        (study.identity.name.as_str(), study.identity.seed),
        ("k562", 7)
    );
    assert_eq!(study.architecture.plugin.name, "residualbind");
    assert_eq!(study.architecture.plugin.params["dropout"], 0.2);
    assert_eq!(
        study.architecture.plugin.params["filters"],
        serde_json::json!([96, 128]),
        "the plugin's default"
    );
    assert_eq!(
        study.ensemble.head.plugin.name, "point",
        "the built-in default"
    );
    assert!(study.augmentation.is_none());
    assert_eq!(study.calibration["main"].keys.alpha, [0.1]);
    assert_eq!(study.training.epochs, 100);
    assert!(
        study.architecture.plugin.build().is_err(),
        "a test plugin builds nothing"
    );
}

#[test]
fn layers_win_in_order_and_are_named_as_origins() {
    let folder = Folder::new(&[
        (
            "base/a.toml",
            "[study]\nname = \"a\"\nseed = 1\n[training]\nepochs = 1\nbatch_size = 1\n",
        ),
        (
            "base/b.toml",
            "extends = [\"../root.toml\"]\n[training]\nbatch_size = 2\n",
        ),
        (
            "root.toml",
            "[training]\nepochs = 3\n[executor]\njobs = 9\n",
        ),
        (
            "experiment.toml",
            &format!(
                "extends = [\"base/a.toml\", \"base/b.toml\"]\n{}",
                GOOD.replace("seed = 7\n", "")
            ),
        ),
    ])
    .env(&[
        ("DEGU_LAB__ENSEMBLE__MEMBERS", "7"),
        ("DEGU_LAB__STUDY__NAME", "quick"),
        ("DEGU_DATA", "x"),
    ])
    .set(&["study.name=quicker", "architecture.dropout=0.3"]);
    let study = folder.study("experiment.toml");
    assert_eq!(study.identity.name, "quicker");
    assert_eq!(study.identity.seed, 1);
    assert_eq!(study.ensemble.members, 7);
    assert_eq!(
        (study.training.epochs, study.training.batch_size),
        (3, 2),
        "root comes after a, before b"
    );
    let expected = [
        ("study.name", "--set #1: study.name=quicker"),
        ("study.seed", "base/a.toml:3:8"),
        ("training.epochs", "root.toml:2:10"),
        ("training.batch_size", "base/b.toml:3:14"),
        (
            "ensemble.members",
            "environment DEGU_LAB__ENSEMBLE__MEMBERS",
        ),
        ("ensemble.head.plugin", "default"),
        ("architecture.dropout", "--set #2: architecture.dropout=0.3"),
        ("executor.jobs", "root.toml:4:8"),
        ("training.device", "nobody"),
    ];
    for (path, origin_of) in expected {
        assert_eq!(origin(&study, path), origin_of, "{path}");
    }
    assert_eq!(
        study.config().layers(),
        [
            "base/a.toml",
            "root.toml",
            "base/b.toml",
            "experiment.toml",
            "DEGU_LAB__ENSEMBLE__MEMBERS",
            "DEGU_LAB__STUDY__NAME",
            "--set study.name=quicker",
            "--set architecture.dropout=0.3"
        ]
    );
}

#[test]
fn a_shared_base_counts_once() {
    let folder = Folder::new(&[
        ("base.toml", "[training]\nepochs = 1\n"),
        (
            "b.toml",
            "extends = [\"base.toml\"]\n[training]\nepochs = 2\n",
        ),
        ("c.toml", "extends = [\"base.toml\"]\n"),
        (
            "experiment.toml",
            &format!("extends = [\"b.toml\", \"c.toml\"]\n{GOOD}"),
        ),
    ]);
    assert_eq!(
        folder.study("experiment.toml").training.epochs,
        2,
        "c does not bring the base back over b"
    );
}

#[test]
fn another_plugin_drops_the_parameters_of_the_old_one_in_files() {
    let folder = Folder::new(&[
        ("base.toml", GOOD),
        (
            "experiment.toml",
            "extends = [\"base.toml\"]\n[architecture]\nlayers = 4\nplugin = \"bpnet\"\n",
        ),
    ]);
    let study = folder.study("experiment.toml");
    assert_eq!(study.architecture.plugin.name, "bpnet");
    assert_eq!(
        study.architecture.plugin.params,
        serde_json::json!({ "layers": 4 })
    );
    assert_eq!(origin(&study, "architecture.dropout"), "nobody");
}

#[test]
fn another_plugin_drops_the_parameters_of_the_old_one_in_arguments() {
    let study = study(
        GOOD,
        &["architecture.plugin=bpnet", "architecture.layers=4"],
    )
    .expect("good");
    assert_eq!(
        study.architecture.plugin.params,
        serde_json::json!({ "layers": 4 })
    );
    let maps =
        "[attribute.maps]\nplugin = \"deepshap\"\nreferences = 3\nforms = [\"hypothetical\"]\n";
    let study = crate::common::study(
        &format!("{GOOD}{maps}"),
        &["attribute.maps.plugin=saliency"],
    )
    .expect("good");
    assert_eq!(
        origin(&study, "attribute.maps.forms"),
        "experiment.toml:22:9",
        "the framework's keys stay"
    );

    let variables = [
        ("DEGU_LAB__ARCHITECTURE__LAYERS", "4"),
        ("DEGU_LAB__ARCHITECTURE__PLUGIN", "bpnet"),
    ];
    let folder = Folder::new(&[("experiment.toml", GOOD)]).env(&variables);
    assert_eq!(
        folder.study("experiment.toml").architecture.plugin.params["layers"],
        4,
        "the plugin is applied first"
    );
}

#[test]
fn another_plugin_drops_the_parameters_of_the_old_one_in_arms() {
    let arm = "\n[ablation]\nreplicates = 1\n[ablation.arm.b]\nset = { \"architecture.layers\" = 4, \"architecture.plugin\" = \"bpnet\" }\n";
    let study = study(&format!("{GOOD}{arm}"), &[]).expect("good");
    let selection = degu_config::Selection {
        ablation: true,
        ..Default::default()
    };
    let points = study.points(&selection).expect("points");
    assert_eq!(points.len(), 2);
    assert_eq!(
        points[1].study.architecture.plugin.params,
        serde_json::json!({ "layers": 4 })
    );
    let origin = points[1]
        .study
        .config()
        .origin("architecture.layers")
        .expect("set");
    assert_eq!(origin.to_string(), "arm b (experiment.toml:23:33)");
}

#[test]
fn the_drop_reaches_nested_heads_named_blocks_and_kinds() {
    let file = format!(
        "{GOOD}\n[attribute.maps]\nplugin = \"deepshap\"\nreferences = 5\nmodels = [\"teacher\"]\n\
         [distill]\nhead = {{ plugin = \"gaussian\", beta = 0.5 }}\naugmentation = {{ plugin = \"evoaug\", rate = 0.1 }}\n\
         [training]\noptimizer = {{ kind = \"sgd\", momentum = 0.9 }}\n[split]\nkind = \"column\"\ncolumn = \"part\"\ntrain_fraction = 0.5\n"
    );
    let study = study(
        &file,
        &[
            "attribute.maps.plugin=saliency",
            "distill.head.plugin=point",
            "distill.augmentation={ plugin = \"none\" }",
            "training.optimizer={ kind = \"adam\" }",
            "split.kind=random",
        ],
    )
    .expect("nothing stale is left");
    let maps = &study.attribute["maps"];
    assert_eq!(
        (maps.plugin.name, maps.keys.models.len()),
        ("saliency", 1),
        "reserved keys stay"
    );
    assert!(study.distill.augmentation.is_none());
    assert_eq!(
        study.training.optimizer,
        degu_nn::optim::OptimizerConfig::default()
    );
    assert_eq!(
        (study.split.train_fraction, study.split.column.as_deref()),
        (0.5, None)
    );
}

#[test]
fn the_same_plugin_keeps_its_parameters() {
    let study = study(GOOD, &["architecture.plugin=residualbind"]).expect("good");
    assert_eq!(study.architecture.plugin.params["dropout"], 0.2);
}

#[test]
fn arguments_remove_append_and_quote() {
    let file = format!(
        "{GOOD}\n[attribute.\"my.maps\"]\nplugin = \"deepshap\"\n[attribute.old]\nplugin = \"saliency\"\n"
    );
    let study = study(
        &file,
        &[
            "attribute.\"my.maps\".references=5",
            "~attribute.old",
            "report.show+=[\"x\", \"y\"]",
            "evaluation.metrics+=[{ plugin = \"crps\", draws = 10 }]",
            "evaluation.splits+=[\"validation\"]",
        ],
    )
    .expect("good");
    assert_eq!(study.attribute.keys().collect::<Vec<_>>(), ["my.maps"]);
    assert_eq!(study.attribute["my.maps"].plugin.params["references"], 5);
    assert_eq!(study.report.show, ["x", "y"]);
    let names: Vec<&str> = study
        .evaluation
        .metrics
        .iter()
        .map(degu_config::MetricSpec::name)
        .collect();
    assert_eq!(names, ["pearson", "spearman", "rmse", "crps"]);
    let splits: Vec<&str> = study
        .evaluation
        .splits
        .iter()
        .map(|split| split.name())
        .collect();
    assert_eq!(splits, ["test", "validation"], "appended to the default");
    assert_eq!(
        study.config().origin("attribute.\"my.maps\".references"),
        Some(Origin::Set {
            index: 1,
            text: "attribute.\"my.maps\".references=5".to_owned()
        })
    );
}

#[test]
fn a_value_that_is_not_toml_is_a_string() {
    let study = study(
        GOOD,
        &[
            "study.title=K562, first try",
            "report.show=[\"a\"]",
            "study.seed=11",
        ],
    )
    .expect("good");
    assert_eq!(study.identity.title.as_deref(), Some("K562, first try"));
    assert_eq!((study.identity.seed, study.report.show.len()), (11, 1));
}

#[test]
fn variables_and_relative_paths() {
    let file = GOOD.replace("data/k562.tsv", "${env:DATA:-data}/${study.name}.tsv");
    let at = |folder: Folder| {
        let study = folder.study("experiments/a.toml");
        let path = study.dataset.plugin.params["file"]["path"]
            .as_str()
            .expect("a path")
            .to_owned();
        let root = folder
            .folder
            .path()
            .canonicalize()
            .expect("exists")
            .display()
            .to_string();
        let written = folder.folder.path().display().to_string();
        path.replace(&root, "ROOT").replace(&written, "ROOT")
    };
    let files: &[(&str, &str)] = &[("experiments/a.toml", &file)];
    assert_eq!(
        at(Folder::new(files)),
        "ROOT/experiments/data/k562.tsv",
        "relative to the file"
    );
    assert_eq!(
        at(Folder::new(files).set(&["study.name=hepg2"])),
        "ROOT/experiments/data/hepg2.tsv"
    );
    assert_eq!(
        at(Folder::new(files).env(&[("DATA", "shared")])),
        "ROOT/shared/k562.tsv",
        "the caller's folder"
    );
    assert_eq!(
        at(Folder::new(files).env(&[("DATA", "/abs")])),
        "/abs/k562.tsv"
    );
    assert_eq!(
        at(Folder::new(files).set(&["dataset.file.path=x.tsv"])),
        "ROOT/x.tsv",
        "the caller's folder"
    );
}

#[test]
fn students_inherit_training() {
    let file = format!(
        "{GOOD}\n[training]\nepochs = 30\noptimizer = {{ kind = \"adam\", lr = 0.01, beta1 = 0.8 }}\n\
         [distill.training]\nepochs = 60\noptimizer = {{ lr = 0.002 }}\n"
    );
    let study = study(&file, &[]).expect("good");
    assert_eq!(
        (study.training.epochs, study.distill.training.epochs),
        (30, 60)
    );
    let json = study.to_json();
    assert_eq!(json["distill"]["training"]["optimizer"]["lr"], 0.002);
    assert_eq!(
        json["distill"]["training"]["optimizer"]["beta1"], 0.8,
        "from [training]"
    );
    let listing: Vec<String> = study.listing().iter().map(ToString::to_string).collect();
    assert!(
        listing
            .contains(&"distill.training.optimizer.beta1 = 0.8   experiment.toml:22:49".to_owned()),
        "{listing:#?}"
    );
}
