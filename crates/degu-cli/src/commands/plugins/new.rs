//! `degu-lab plugins new`: a crate of one's own from a template that is itself compiled and tested.

use std::path::{Path, PathBuf};

use degu_core::Slot;
use serde::Serialize;

use self::templates::{COMMON, TEMPLATES, Template};
use crate::{CliError, Result, args::NewArgs, output::Output};

mod templates;

#[derive(Serialize)]
struct Written {
    folder: PathBuf,
    files: Vec<PathBuf>,
}

pub(super) fn run(args: &NewArgs, output: &mut Output) -> Result<()> {
    let names = Names::new(&args.name)?;
    let template = of_slot(args.slot)?;
    let folder = args
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from(names.package(template)));
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
    for (file, text) in files(template, &names, &framework) {
        let path = folder.join(file);
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
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

fn of_slot(slot: Slot) -> Result<&'static Template> {
    let found = TEMPLATES.iter().find(|template| template.slot == slot);
    found.ok_or_else(|| CliError::Usage {
        command: "plugins new",
        problem: format!("there is no template of the slot `{slot}`"),
    })
}

/// The files of a crate: path below its folder, text.
fn files(template: &Template, names: &Names, framework: &Framework) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = COMMON
        .iter()
        .map(|(file, text)| {
            let text = common(&names.fill(text), template, names, framework);
            ((*file).to_owned(), text)
        })
        .collect();
    let mut own = |file: &str, text: &str| all.push((names.fill(file), names.fill(text)));
    own("src/lib.rs", template.lib);
    own("experiments/example.toml", template.experiment);
    if let Some(rows) = template.rows {
        own("tests/small.tsv", rows);
    }
    all
}

/// Fills the blanks of a file that all slots have in common.
fn common(text: &str, template: &Template, names: &Names, framework: &Framework) -> String {
    let slot = template.slot.to_string();
    let mut capital = slot.clone();
    if let Some(first) = capital.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let article = if slot.starts_with(['a', 'u']) {
        "An"
    } else {
        "A"
    };
    let of_framework = ["degu-cli", "degu-core", "degu-plugins"];
    let mut dependencies: Vec<&str> = of_framework
        .into_iter()
        .chain(template.framework.iter().copied())
        .collect();
    dependencies.sort_unstable();
    let lines: Vec<String> = dependencies
        .iter()
        .map(|krate| format!("{krate} = {}", framework.source(krate)))
        .collect();
    let more: String = template
        .others
        .iter()
        .map(|(krate, version)| format!("{krate} = \"{version}\"\n"))
        .collect();
    let others = template.others.iter().map(|(krate, _)| *krate);
    let mut used: Vec<String> = ["degu-core", "schemars", "serde"]
        .into_iter()
        .chain(template.framework.iter().copied())
        .chain(others)
        .map(|krate| format!("{} as _", krate.replace('-', "_")))
        .collect();
    used.sort_unstable();
    let package = names.package(template);
    [
        ("{package}", package.as_str()),
        ("{crate}", &package.replace('-', "_")),
        ("{Slot}", &format!("{article} {slot}")),
        ("{slot}", &slot),
        ("{dependencies}", &lines.join("\n")),
        ("{more}", &more),
        ("{framework}", &framework.source("degu-contract")),
        ("{used}", &used.join(", ")),
        ("{macro}", template.contract),
        ("{params}", template.params),
        ("{rules}", template.rules),
        ("{change}", &names.fill(template.change)),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (blank, value)| {
        text.replace(blank, value)
    })
}

/// A plugin's name in the two spellings that its crate uses.
struct Names {
    kebab: String,
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
            camel: name.split('-').map(capital).collect(),
        })
    }

    /// The template's own name is `example`, in every spelling.
    fn fill(&self, text: &str) -> String {
        text.replace("Example", &self.camel)
            .replace("example", &self.kebab)
    }

    fn package(&self, template: &Template) -> String {
        format!("degu-{}-{}", template.short, self.kebab)
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

    /// What a manifest says behind the name of a crate.
    fn source(&self, krate: &str) -> String {
        match self {
            Self::Folder(root) => {
                let path = root.join("crates").join(krate);
                format!("{{ path = {:?} }}", path.display().to_string())
            }
            Self::Git(url) => format!("{{ git = {url:?} }}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_two_ways() {
        let names = Names::new("my-net-2").unwrap();
        assert_eq!(names.fill("Example \"example\""), "MyNet2 \"my-net-2\"");
        for bad in ["", "My", "a_b", "-a", "a-", "2a"] {
            assert!(Names::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_slot_has_a_template_without_blanks() {
        let framework = Framework::Git("https://forge.test/lab".to_owned());
        for slot in Slot::ALL {
            let template = of_slot(*slot).unwrap();
            for (file, text) in files(template, &Names::new("my-own").unwrap(), &framework) {
                for blank in [
                    "{slot}", "{crate}", "{used}", "{more}", "{params}", "xample",
                ] {
                    assert!(!text.contains(blank), "{slot} {file}: {blank}");
                }
            }
        }
    }

    #[test]
    fn crates_come_from_a_folder_or_a_repository() {
        let git = Framework::Git("https://example.org/lab".to_owned());
        assert_eq!(
            git.source("degu-core"),
            "{ git = \"https://example.org/lab\" }"
        );
        let folder = Framework::Folder("/lab".into());
        assert_eq!(
            folder.source("degu-core"),
            "{ path = \"/lab/crates/degu-core\" }"
        );
    }
}
