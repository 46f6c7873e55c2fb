//! `degu-lab plugins new`: a crate of one's own from a template that is itself compiled and tested.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{
    CliError, Result,
    args::{NewArgs, NewKind},
    output::Output,
};

/// Files of a template: path below the crate, text.
type Files = &'static [(&'static str, &'static str)];

/// Embeds a template's files.
macro_rules! template {
    ($folder:literal: $($file:literal),* $(,)?) => {
        &[$(($file, include_str!(concat!("../../../templates/", $folder, "/", $file)))),*]
    };
}

const ARCHITECTURE: Files = template!("architecture":
    "Cargo.toml", "README.md", "src/lib.rs", "src/main.rs", "tests/contract.rs", "experiments/example.toml");

#[derive(Serialize)]
struct Written {
    folder: PathBuf,
    files: Vec<PathBuf>,
}

pub(super) fn run(args: &NewArgs, output: &mut Output) -> Result<()> {
    let names = Names::new(&args.name)?;
    let (prefix, files) = match args.kind {
        NewKind::Architecture => ("degu-arch", ARCHITECTURE),
    };
    let package = format!("{prefix}-{}", names.kebab);
    let folder = args
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from(&package));
    let taken = folder.is_dir() && fs_err::read_dir(&folder)?.next().is_some();
    if taken || folder.is_file() {
        return Err(CliError::Template {
            path: folder,
            problem: "exists already; nothing was written: choose another folder with `--output`"
                .to_owned(),
        });
    }
    let framework = Framework::of(&args.framework)?;
    let mut written = Vec::new();
    for (file, text) in files {
        let file = file.replace("example", &names.kebab);
        let path = folder.join(&file);
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        let text = names.fill(text);
        let text = if file == "Cargo.toml" {
            framework.fill(&text)
        } else {
            text
        };
        fs_err::write(&path, text)?;
        written.push(path);
    }
    // The versions that the framework was tested with; cargo drops what the crate does not need.
    if let Framework::Folder(root) = &framework
        && root.join("Cargo.lock").is_file()
    {
        let path = folder.join("Cargo.lock");
        fs_err::copy(root.join("Cargo.lock"), &path)?;
        written.push(path);
    }
    let written = Written {
        folder: folder.clone(),
        files: written,
    };
    output.result(&written, || {
        let files: Vec<String> = written
            .files
            .iter()
            .map(|file| format!("  {}", file.display()))
            .collect();
        format!(
            "wrote {} files\n{}\n\nnext\n  cd {}\n  cargo test                                  the contract of its slot\n  cargo run --release -- plugins show {}      its page\n  cargo run --release -- run experiments/{}.toml",
            files.len(),
            files.join("\n"),
            folder.display(),
            names.kebab,
            names.kebab,
        )
    })
}

/// A plugin's name in the three spellings that its crate uses.
struct Names {
    kebab: String,
    snake: String,
    camel: String,
}

impl Names {
    fn new(name: &str) -> Result<Self> {
        let kebab = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.split('-').all(|part| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            });
        if !kebab {
            return Err(CliError::Usage {
                command: "plugins new",
                problem: format!(
                    "expected a kebab-case name such as `my-network-2`, found `{name}`"
                ),
            });
        }
        let capital = |part: &str| {
            let mut letters = part.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
                .unwrap_or_default()
        };
        Ok(Self {
            kebab: name.to_owned(),
            snake: name.replace('-', "_"),
            camel: name.split('-').map(capital).collect(),
        })
    }

    /// The template's own name is `example`, in every spelling.
    fn fill(&self, text: &str) -> String {
        text.replace("degu_arch_example", &format!("degu_arch_{}", self.snake))
            .replace("Example", &self.camel)
            .replace("example", &self.kebab)
    }
}

/// Where the framework's crates come from.
enum Framework {
    /// A workspace on this machine.
    Folder(PathBuf),
    /// A git repository.
    Git(String),
}

impl Framework {
    fn of(text: &str) -> Result<Self> {
        if text.contains("://") || text.starts_with("git@") {
            return Ok(Self::Git(text.to_owned()));
        }
        let folder = Path::new(text);
        if !folder.join("crates/degu-core/Cargo.toml").is_file() {
            return Err(CliError::Template {
                path: folder.to_owned(),
                problem: "expected the workspace of degu-lab (with `crates/degu-core`), or the URL of its git repository".to_owned(),
            });
        }
        Ok(Self::Folder(fs_err::canonicalize(folder)?))
    }

    /// Replaces the template's relative paths to the framework's crates.
    fn fill(&self, manifest: &str) -> String {
        let lines = manifest.lines().map(|line| {
            let Some((name, rest)) = line.split_once(" = { path = \"../../../../crates/") else {
                return line.to_owned();
            };
            let krate = rest.split('"').next().unwrap_or_default();
            match self {
                Self::Folder(root) => {
                    let path = root.join("crates").join(krate);
                    format!("{name} = {{ path = {:?} }}", path.display().to_string())
                }
                Self::Git(url) => format!("{name} = {{ git = {url:?} }}"),
            }
        });
        let mut text = lines.collect::<Vec<_>>().join("\n");
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_three_ways() {
        let names = Names::new("my-net-2").unwrap();
        assert_eq!(
            names.fill("degu-arch-example degu_arch_example::Example \"example\""),
            "degu-arch-my-net-2 degu_arch_my_net_2::MyNet2 \"my-net-2\""
        );
        for bad in ["", "My", "a_b", "-a", "a-", "2a"] {
            assert!(Names::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_of_the_template_become_those_of_the_framework() {
        let line = "degu-core = { path = \"../../../../crates/degu-core\" }";
        let git = Framework::Git("https://example.org/lab".to_owned()).fill(line);
        assert_eq!(git, "degu-core = { git = \"https://example.org/lab\" }\n");
        let folder = Framework::Folder("/lab".into()).fill(line);
        assert_eq!(folder, "degu-core = { path = \"/lab/crates/degu-core\" }\n");
    }
}
