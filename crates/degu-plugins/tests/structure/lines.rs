//! Lines of comments, functions, crates and the whole; and roles that names must not carry.

use std::collections::BTreeMap;

use crate::sources::{Source, compare, sources};

/// Crates above degu-nn, whose functions fit on a screen.
const UPPER: [&str; 9] = [
    "degu-apply",
    "degu-cli",
    "degu-config",
    "degu-contract",
    "degu-lab",
    "degu-report",
    "degu-study",
    "degu-train",
    "degu-workflow",
];

/// What the study was split into.
const ROOMS: [&str; 4] = ["degu-apply", "degu-config", "degu-study", "degu-workflow"];

/// Functions that are still longer than 80 lines. Shrinks only.
const LONG: &[&str] = &[
    "crates/degu-contract/src/attributor.rs checks",
    "crates/degu-contract/src/calibrator.rs checks",
    "crates/degu-contract/src/head.rs checks",
    "crates/degu-report/src/figures/conditional.rs figure",
    "crates/degu-report/src/figures/coverage.rs figure",
    "crates/degu-report/src/figures/kept.rs figure",
    "crates/degu-report/src/figures/learning.rs draw",
    "crates/degu-report/src/figures/reliability.rs figure",
    "crates/degu-report/src/figures/selective.rs figure",
    "crates/degu-train/src/fit.rs step",
];

/// Files that still read a model's role from its name. Shrinks only.
const ROLES: &[&str] = &[];

#[test]
fn comments_are_at_most_100_columns_wide() {
    let mut found = Vec::new();
    for source in sources() {
        let mut code = false;
        for (i, line) in source.text.lines().enumerate() {
            let comment = line.trim_start();
            let said = comment.trim_start_matches(['/', '!', ' ']);
            code ^= said.starts_with("```");
            // Code, rows of tables and the targets of links cannot be wrapped.
            let indented = comment.trim_start_matches(['/', '!']).starts_with("    ");
            let whole = code
                || indented
                || said.starts_with('|')
                || said.starts_with('[') && said.contains("]: ");
            if comment.starts_with("//") && line.chars().count() > 100 && !whole {
                found.push(format!("{}:{}", source.path, i + 1));
            }
        }
    }
    compare("comment lines over 100 columns", &[], &found);
}

/// `path name` of every function of more than `most` lines.
fn longer_than(most: usize, source: &Source) -> Vec<String> {
    let lines = source.lines();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let Some((before, after)) = code.split_once("fn ") else {
            continue;
        };
        let word = |w: &str| {
            w.starts_with("pub") || ["const", "unsafe", "async", "extern", "\"C\""].contains(&w)
        };
        if !before.split_whitespace().all(word) {
            continue;
        }
        // A method without a body ends with its signature.
        if lines[start..]
            .iter()
            .find(|l| l.ends_with(['{', ';', '}']))
            .is_some_and(|l| l.ends_with(';'))
        {
            continue;
        }
        let close = format!("{}}}", &line[..line.len() - code.len()]);
        let end = lines[start..].iter().position(|l| *l == close);
        if end.is_some_and(|end| end + 1 > most) {
            let name = after.split(['(', '<']).next().unwrap();
            found.push(format!("{} {name}", source.path));
        }
    }
    found
}

#[test]
fn functions_of_the_upper_crates_are_at_most_80_lines_long() {
    let found: Vec<String> = sources()
        .iter()
        .filter(|s| UPPER.contains(&s.package.as_str()) && !s.is_test())
        .flat_map(|s| longer_than(80, s))
        .collect();
    compare("functions over 80 lines", LONG, &found);
}

#[test]
fn no_role_is_read_from_a_name() {
    let roles =
        ["member", "student", "control", "ensemble"].map(|role| format!("starts_with(\"{role}"));
    let found: Vec<String> = sources()
        .iter()
        .filter(|s| s.path.starts_with("crates/") && !s.is_test())
        .filter(|s| {
            let lines = s.lines();
            let by_prefix = |line: &&str| roles.iter().any(|role| line.contains(role));
            let by_last_word = |three: &[&str]| {
                three[2].contains(".rsplit(' ')") && three.iter().any(|line| line.contains("name"))
            };
            lines.iter().any(by_prefix) || lines.windows(3).any(by_last_word)
        })
        .map(|s| s.path.clone())
        .collect();
    compare("roles read from names: use ModelId", ROLES, &found);
}

/// Most lines of the files that are no tests, blank ones included. Shrink only: the aim is 110,000.
const ALL_LINES: usize = 112_400;

/// Most lines of the four rooms. Shrink only: the aim is 27,500.
const ROOM_LINES: usize = 30_200;

#[test]
fn sources_stay_small() {
    let mut of = BTreeMap::<String, usize>::new();
    for source in sources().iter().filter(|s| !s.is_test()) {
        *of.entry(source.package.clone()).or_default() += source.text.lines().count();
    }
    let total: usize = of.values().sum();
    let rooms: usize = ROOMS.iter().map(|room| of[*room]).sum();
    let (largest, most) = of.iter().max_by_key(|(_, lines)| **lines).unwrap();
    let share = 100.0 * *most as f64 / total as f64;
    println!("{total} lines; {rooms} in {ROOMS:?}; the largest is {largest}: {share:.1} %");
    assert!(
        share <= 13.0,
        "{largest} holds {share:.1} % of {total} lines: at most 13 %"
    );
    assert!(
        rooms <= ROOM_LINES,
        "{ROOMS:?} have {rooms} lines: at most {ROOM_LINES}"
    );
    assert!(total <= ALL_LINES, "{total} lines: at most {ALL_LINES}");
}
