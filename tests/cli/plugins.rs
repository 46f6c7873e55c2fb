//! `plugins list | show | new | docs`.

use serde_json::Value;

use crate::support::{ok, run, run_in};

#[test]
fn the_list_is_sorted_and_names_every_slot() {
    let listing: Value =
        serde_json::from_str(&ok(&["plugins", "list", "--format", "json"])).unwrap();
    assert_eq!(listing["schema"], 1);
    let rows = listing["plugins"].as_array().unwrap();
    let names: Vec<(String, String)> = rows
        .iter()
        .map(|row| (row["slot"].to_string(), row["name"].to_string()))
        .collect();
    for slot in [
        "dataset",
        "architecture",
        "uncertainty-head",
        "attributor",
        "calibrator",
        "metric",
    ] {
        let of_slot: Vec<&String> = names
            .iter()
            .filter(|(s, _)| s == &format!("\"{slot}\""))
            .map(|(_, name)| name)
            .collect();
        assert!(!of_slot.is_empty(), "{slot}");
        assert!(
            of_slot.windows(2).all(|pair| pair[0] < pair[1]),
            "{of_slot:?}"
        );
    }
    let text = ok(&["plugins", "ls", "--slot", "architecture"]);
    assert!(
        text.contains("deepstarr") && !text.contains("split-conformal"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "no colours into a pipe");
}

#[test]
fn a_page_has_parameters_with_type_range_default_and_meaning() {
    let page = ok(&["plugins", "show", "architecture/deepstarr"]);
    for part in [
        "dropout = 0.4   (number, 0 to 0.99)",
        "filters = [256, 60, 60, 120]   (list of 4 whole numbers, at least 1)",
        "Dropout probability after each dense layer.",
        "https://doi.org/10.1038/s41588-022-01048-5",
        "[architecture] plugin = \"deepstarr\"",
        "degu-arch-deepstarr",
    ] {
        assert!(page.contains(part), "`{part}` is not in\n{page}");
    }
    let same: Value = serde_json::from_str(&ok(&[
        "plugins",
        "show",
        "architecture/deepstarr",
        "--format",
        "json",
    ]))
    .unwrap();
    assert_eq!(same["json_schema"]["additionalProperties"], false);
}

#[test]
fn an_unknown_name_gets_the_nearest_and_exit_3() {
    let ran = run(&["plugins", "show", "depstarr"]);
    assert_eq!(ran.code, 3);
    assert!(
        ran.stderr.contains("did you mean `deepstarr`?"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.is_empty());
}

#[test]
fn a_new_architecture_is_written_once_under_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let framework = env!("CARGO_MANIFEST_DIR");
    let arguments = [
        "plugins",
        "new",
        "architecture",
        "my-net",
        "--framework",
        framework,
    ];
    let ran = run_in(folder.path(), &arguments);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let crate_folder = folder.path().join("degu-arch-my-net");
    let read = |file: &str| fs_err::read_to_string(crate_folder.join(file)).unwrap();
    let library = read("src/lib.rs");
    assert!(library.contains("pub struct MyNet"), "{library}");
    assert!(
        library.contains("register!(Architecture \"my-net\", MyNet"),
        "{library}"
    );
    assert!(read("src/main.rs").contains("degu_cli::main!(degu_plugins, degu_arch_my_net);"));
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let core = manifest["dependencies"]["degu-core"]["path"]
        .as_str()
        .unwrap();
    assert!(
        std::path::Path::new(core).join("Cargo.toml").is_file(),
        "{core}"
    );
    for file in [
        "src/lib.rs",
        "src/main.rs",
        "tests/contract.rs",
        "experiments/my-net.toml",
        "README.md",
    ] {
        let text = read(file);
        assert!(!text.to_lowercase().contains("example"), "{file}:\n{text}");
    }
    let again = run_in(folder.path(), &arguments);
    assert_eq!(again.code, 3);
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
}

#[test]
fn a_bad_name_or_framework_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let framework = env!("CARGO_MANIFEST_DIR");
    let bad = run_in(
        folder.path(),
        &[
            "plugins",
            "new",
            "architecture",
            "My_Net",
            "--framework",
            framework,
        ],
    );
    assert_eq!(bad.code, 2);
    assert!(bad.stderr.contains("kebab-case"), "{}", bad.stderr);
    let elsewhere = run_in(
        folder.path(),
        &[
            "plugins",
            "new",
            "architecture",
            "my-net",
            "--framework",
            ".",
        ],
    );
    assert_eq!(elsewhere.code, 3);
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_reference_pages_are_those_of_the_code() {
    let ran = run(&["plugins", "docs", "--check"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn every_plugin_of_the_bundle_says_how_it_differs_from_its_original() {
    let all = degu_core::registry::all().unwrap();
    let bundled = all
        .iter()
        .filter(|entry| entry.origin.package != env!("CARGO_PKG_NAME"));
    for entry in bundled {
        let told = degu_core::docs::differences(entry);
        assert!(
            !told.is_empty(),
            "{} `{}`: add `degu_core::document!(\"lib.rs\");` to its crate",
            entry.slot,
            entry.name
        );
        assert!(told.iter().all(|line| line.len() > 3), "{told:?}");
    }
}
