//! Files that import each other, directly or by way of others.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{Source, compare, sources};

/// Circles of the workspace: the package and the first file. Shrinks only.
const CIRCLES: &[&str] = &[
    "cal-mondrian crate::",
    "data-simulated crate::config",
    "degu-core crate::attribution",
    "degu-nn crate::engine::probe",
    "degu-workflow crate::store::digest",
    "degu-workflow crate::store::files",
    "head-quantile crate::config",
];

/// The module path of a file below `src`, from its crate.
fn module(path: &str) -> Option<Vec<String>> {
    let inside = path.split_once("/src/")?.1.strip_suffix(".rs")?;
    let mut parts: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if matches!(
        parts.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        parts.pop();
    }
    Some(parts)
}

/// One leaf of a `use` item: its path, and the name it gets.
struct Import {
    path: Vec<String>,
    name: String,
    public: bool,
}

/// The leaves of the `use` items of a file.
fn imports(source: &Source) -> Vec<Import> {
    let mut found = Vec::new();
    let code: Vec<&str> = source
        .lines()
        .into_iter()
        .filter(|l| !l.trim_start().starts_with("//"))
        .collect();
    let code = code.join("\n");
    for item in code.split(';') {
        let Some(start) = item.rfind("use ") else {
            continue;
        };
        let head = item[..start].rsplit('\n').next().unwrap().trim();
        if !(head.is_empty() || head.starts_with("pub")) {
            continue;
        }
        let tree: String = item[start + 4..]
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        leaves(&[], &tree, head.starts_with("pub"), &mut found);
    }
    found
}

fn leaves(before: &[String], tree: &str, public: bool, found: &mut Vec<Import>) {
    let (path, group) = match tree.split_once('{') {
        Some((path, rest)) => (path, rest.rsplit_once('}').map(|(inner, _)| inner)),
        None => (tree, None),
    };
    let (path, alias) = path.split_once(" as ").unwrap_or((path, ""));
    let mut full = before.to_vec();
    full.extend(
        path.split("::")
            .map(|p| p.trim().to_owned())
            .filter(|p| !p.is_empty()),
    );
    let Some(group) = group else {
        if full.last().is_some_and(|last| last == "self") {
            full.pop();
        }
        let name = if alias.is_empty() {
            full.last().cloned().unwrap_or_default()
        } else {
            alias.to_owned()
        };
        found.push(Import {
            path: full,
            name,
            public,
        });
        return;
    };
    let (mut depth, mut start) = (0, 0);
    for (i, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = group[start..i].trim();
                if !part.is_empty() {
                    leaves(&full, part, public, found);
                }
                start = i + 1;
            }
            _ => {}
        }
    }
}

/// The modules of one crate and what they import.
struct Crate {
    modules: BTreeMap<Vec<String>, Vec<Import>>,
}

impl Crate {
    /// From the crate's root: a path as written in `module`.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Vec<String>> {
        let mut at = module.to_vec();
        let rest = match path.first()?.as_str() {
            "crate" => {
                at.clear();
                &path[1..]
            }
            "self" => &path[1..],
            "super" => path,
            first => {
                at.push(first.to_owned());
                return self
                    .modules
                    .contains_key(&at)
                    .then(|| [&at[..], &path[1..]].concat());
            }
        };
        let up = rest.iter().take_while(|p| *p == "super").count();
        at.truncate(at.len().checked_sub(up)?);
        at.extend_from_slice(&rest[up..]);
        Some(at)
    }

    /// The module that defines what a path names; follows `pub use`.
    fn defines(&self, path: &[String], depth: usize) -> Option<Vec<String>> {
        let end = (0..=path.len())
            .rev()
            .find(|end| self.modules.contains_key(&path[..*end]))?;
        let (module, rest) = path.split_at(end);
        let again = rest.first().filter(|_| depth < 8).and_then(|name| {
            let import = self.modules[module]
                .iter()
                .find(|i| i.public && i.name == *name)?;
            self.defines(&self.absolute(module, &import.path)?, depth + 1)
        });
        Some(again.unwrap_or_else(|| module.to_vec()))
    }

    /// What each module imports. Re-exports are not imports.
    fn edges(&self) -> BTreeMap<&Vec<String>, BTreeSet<Vec<String>>> {
        let of = |module: &Vec<String>, imports: &[Import]| {
            imports
                .iter()
                .filter(|i| !i.public)
                .filter_map(|i| self.defines(&self.absolute(module, &i.path)?, 0))
                .filter(|to| to != module)
                .collect()
        };
        self.modules
            .iter()
            .map(|(m, imports)| (m, of(m, imports)))
            .collect()
    }

    /// Groups of modules of which each reaches each.
    fn circles(&self) -> BTreeSet<Vec<Vec<String>>> {
        let edges = self.edges();
        let reach = |from: &Vec<String>| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(at) = next.pop() {
                next.extend(
                    edges[&at]
                        .iter()
                        .filter(|to| seen.insert((*to).clone()))
                        .cloned(),
                );
            }
            seen
        };
        let all: BTreeMap<_, _> = self.modules.keys().map(|m| (m.clone(), reach(m))).collect();
        let circle = |(m, seen): (&Vec<String>, &BTreeSet<Vec<String>>)| {
            seen.contains(m).then(|| {
                seen.iter()
                    .filter(|o| all[*o].contains(m))
                    .cloned()
                    .collect()
            })
        };
        all.iter().filter_map(circle).collect()
    }
}

/// The circles of each package: its name and its modules.
fn circles(sources: &[Source]) -> Vec<(String, Vec<String>)> {
    let mut crates = BTreeMap::<&str, Crate>::new();
    for source in sources.iter().filter(|s| !s.is_test()) {
        if let Some(module) = module(&source.path) {
            let one = crates.entry(&source.package).or_insert_with(|| Crate {
                modules: BTreeMap::new(),
            });
            one.modules.insert(module, imports(source));
        }
    }
    let mut found = Vec::new();
    for (package, one) in crates {
        for circle in one.circles() {
            let files = circle
                .iter()
                .map(|m| format!("crate::{}", m.join("::")))
                .collect();
            found.push((package.to_owned(), files));
        }
    }
    found
}

#[test]
fn files_do_not_import_each_other_in_circles() {
    let all = circles(&sources());
    for (package, files) in &all {
        println!("{package}: {}", files.join(", "));
    }
    let found: Vec<String> = all
        .iter()
        .map(|(package, files)| format!("{package} {}", files[0]))
        .collect();
    compare(
        "circles of files (members: run with --nocapture)",
        CIRCLES,
        &found,
    );
}

#[test]
fn a_planted_circle_is_found_through_a_re_export() {
    let file = |path: &str, text: &str| Source {
        path: format!("crates/x/src/{path}"),
        package: "x".to_owned(),
        text: text.to_owned(),
    };
    let planted = [
        file("lib.rs", "mod a;\nmod b;\nmod c;\npub use b::B;\n"),
        file("a.rs", "use crate::{B, c::{C, D}};\n"),
        file("b.rs", "use super::a::A;\n"),
        file("c.rs", "use std::fmt;\n"),
    ];
    let found = circles(&planted);
    assert_eq!(
        found,
        [(
            "x".to_owned(),
            vec!["crate::a".to_owned(), "crate::b".to_owned()]
        )]
    );
}
