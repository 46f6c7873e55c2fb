//! Help, versions, usage errors.

use crate::support::{ok, run};

#[test]
fn every_command_explains_itself_in_a_line() {
    let help = ok(&["--help"]);
    for command in [
        "run", "plan", "resume", "report", "why", "predict", "import", "data", "config", "schema",
        "status", "ls", "show", "gc", "verify", "doctor", "plugins", "help",
    ] {
        let line = help
            .lines()
            .find(|line| line.split_whitespace().next() == Some(command))
            .unwrap_or_else(|| panic!("no `{command}` in\n{help}"));
        assert!(line.split_whitespace().count() > 3, "{line}");
    }
}

#[test]
fn exit_codes_are_a_help_page() {
    let page = ok(&["help", "exit-codes"]);
    for code in ["0", "2", "3", "4", "5", "6", "7", "8", "70", "75", "130"] {
        assert!(
            page.lines()
                .any(|line| line.split_whitespace().next() == Some(code)),
            "{code}"
        );
    }
}

#[test]
fn help_follows_the_words_of_a_command() {
    assert!(ok(&["help", "plugins", "show"]).contains("plugins show"));
    let ran = run(&["help", "plugin"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("did you mean `plugins`?"),
        "{}",
        ran.stderr
    );
}

#[test]
fn usage_errors_exit_with_2_and_leave_stdout_empty() {
    for arguments in [
        &["no-such-command"][..],
        &["predict"],
        &["plugins", "list", "--slot", "architectur"],
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty());
        assert!(!ran.stderr.is_empty());
    }
}

#[test]
fn the_doctor_finds_this_machine_fit() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let text = ok(&[
        "doctor",
        "--store",
        store.to_str().unwrap(),
        "--format",
        "json",
    ]);
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["schema"], 1);
    assert_eq!(found["store_works"], true);
    assert!(found["threads"].as_u64().unwrap() >= 1);
    assert!(!found["kernels"].as_str().unwrap().is_empty());
}

#[test]
fn a_store_that_cannot_be_exits_with_7() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs_err::write(&file, "not a folder").unwrap();
    let ran = run(&["doctor", "--store", file.to_str().unwrap()]);
    assert_eq!(ran.code, 7, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("DOES NOT WORK"), "{}", ran.stdout);
}
