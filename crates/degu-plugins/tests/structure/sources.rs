//! The Rust and CUDA sources of the workspace.

use std::path::{Path, PathBuf};

/// One source file.
pub(crate) struct Source {
    /// From the root of the workspace.
    pub(crate) path: String,
    /// The package's folder: `degu-nn`, `head-gaussian`, `benches`, `tests`.
    pub(crate) package: String,
    pub(crate) text: String,
}

impl Source {
    /// A file that only tests compile.
    pub(crate) fn is_test(&self) -> bool {
        ["/tests/", "/tests.rs"]
            .iter()
            .any(|part| self.path.contains(part))
            || self.path.starts_with("tests/")
    }

    /// The lines before the module of unit tests, which ends a file.
    pub(crate) fn lines(&self) -> Vec<&str> {
        let lines: Vec<&str> = self.text.lines().collect();
        let end = lines.windows(2).position(|pair| {
            pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
        });
        lines[..end.unwrap_or(lines.len())].to_vec()
    }
}

/// Every source file, in order of paths.
pub(crate) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["crates", "plugins", "benches", "tests"] {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let path = file
                .strip_prefix(&root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            let mut parts = path.split('/');
            let package = match parts.next().unwrap() {
                "crates" | "plugins" => parts.next().unwrap(),
                folder => folder,
            };
            Source {
                package: package.to_owned(),
                text: fs_err::read_to_string(&file).unwrap(),
                path,
            }
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs" || e == "cu") {
            files.push(path);
        }
    }
}

/// Entries of `allowed` that `found` no longer needs, and findings that `allowed` lacks.
pub(crate) fn compare(what: &str, allowed: &[&str], found: &[String]) {
    let new: Vec<_> = found
        .iter()
        .filter(|f| !allowed.contains(&f.as_str()))
        .collect();
    let old: Vec<_> = allowed
        .iter()
        .filter(|a| !found.iter().any(|f| f == *a))
        .collect();
    assert!(new.is_empty(), "{what}: {new:#?}");
    assert!(
        old.is_empty(),
        "the list for \"{what}\" can shrink: {old:#?}"
    );
}
