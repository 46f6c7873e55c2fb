//! `degu-lab plugins docs`: reference pages and schemas from the plugins' own descriptions.
//!
//! Runs in a checkout: the module documentation, which no binary holds, is read from the source
//! files that registered the plugins.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use degu_core::Slot;

use super::page::{Page, default, link, meaning};
use crate::{CliError, Result, output::Output};

/// Parts that every module documentation has, in this order.
const HEADINGS: [&str; 5] = [
    "Model",
    "Parameters",
    "Citation",
    "Differs from the original in",
    "Source of golden numbers",
];

const GENERATED: &str =
    "<!-- Written by `degu-lab plugins docs` from the plugins themselves. Do not edit. -->\n";

pub(super) fn run(root: &Path, check: bool, output: &mut Output) -> Result<()> {
    let files = generate(root)?;
    let stale: Vec<String> = files
        .iter()
        .filter(|(path, text)| {
            fs_err::read_to_string(root.join(path)).ok().as_deref() != Some(text.as_str())
        })
        .map(|(path, _)| path.display().to_string())
        .collect();
    if check {
        return if stale.is_empty() {
            output.text(&format!("{} files are up to date", files.len()))
        } else {
            Err(CliError::Stale { files: stale })
        };
    }
    for (path, text) in &files {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        fs_err::write(path, text)?;
    }
    output.text(&format!(
        "{} files written, {} of them new or changed",
        files.len(),
        stale.len()
    ))
}

fn generate(root: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    let mut index = format!(
        "{GENERATED}\n# Plugins\n\nEverything a study is made of. `degu-lab plugins show NAME` prints these pages for the plugins of a binary, own ones included.\n"
    );
    for slot in Slot::ALL {
        let entries = slot.entries()?;
        if entries.is_empty() {
            continue;
        }
        let _ = write!(
            index,
            "\n## {slot}\n\n| plugin | what | revision |\n|---|---|---|\n"
        );
        for entry in &entries {
            let file = format!("{slot}-{}.md", entry.name);
            let page = Page::of(entry);
            let _ = writeln!(
                index,
                "| [`{}`](plugins/{file}) | {} | {} |",
                entry.name, entry.summary, entry.revision
            );
            let docs = module_docs(root, &page)?;
            files.insert(
                PathBuf::from("docs/plugins").join(file),
                markdown(&page, &docs),
            );
        }
    }
    files.insert(PathBuf::from("docs/PLUGINS.md"), index);
    let schema = degu_config::json_schema()?;
    let mut text = serde_json::to_string_pretty(&schema)?;
    text.push('\n');
    files.insert(PathBuf::from("schemas/experiment.schema.json"), text);
    Ok(files)
}

/// The `//!` lines of the crate that registered a plugin: the registering file if they are complete
/// there, otherwise `lib.rs`.
fn module_docs(root: &Path, page: &Page) -> Result<String> {
    let file = root.join(page.file);
    let library = file.with_file_name("lib.rs");
    let mut missing = HEADINGS[0];
    for source in [&file, &library] {
        let docs: Vec<String> = fs_err::read_to_string(source)?
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .map(|line| line[3..].strip_prefix(' ').unwrap_or(&line[3..]).to_owned())
            .collect();
        let has = |heading: &str| docs.iter().any(|line| line == &format!("# {heading}"));
        match HEADINGS.into_iter().find(|heading| !has(heading)) {
            None => return Ok(docs.join("\n")),
            Some(heading) => missing = heading,
        }
    }
    Err(CliError::ModuleDoc {
        path: library,
        plugin: page.name,
        heading: missing,
    })
}

fn markdown(page: &Page, docs: &str) -> String {
    let mut text = format!(
        "{GENERATED}\n# {} `{}`\n\n{}\n\n",
        page.slot, page.name, page.description
    );
    for paragraph in &page.about {
        let _ = write!(text, "{paragraph}\n\n");
    }
    if page.parameters.is_empty() {
        text.push_str("No parameters.\n");
    } else {
        text.push_str("| parameter | type | default | range | meaning |\n|---|---|---|---|---|\n");
    }
    for p in &page.parameters {
        let _ = writeln!(
            text,
            "| `{}` | {} | `{}` | {} | {} |",
            p.path,
            p.kind.words(),
            default(p),
            p.kind.range(),
            meaning(p).replace('|', "\\|")
        );
    }
    // The headings of the crate, one level down; the parameter table is above.
    for section in sections(docs) {
        let (heading, body) = section;
        if heading == "Parameters" || body.is_empty() {
            continue;
        }
        let _ = write!(
            text,
            "\n## {heading}\n\n{}\n",
            body.replace("[`", "`").replace("`]", "`")
        );
    }
    text.push_str("\n## Origin\n\n");
    if let Some(cite) = page.cite {
        let _ = writeln!(text, "- cite: <{}>", link(cite));
    }
    let _ = write!(
        text,
        "- crate: `{}` (`{}`)\n- revision: {}\n",
        page.package, page.file, page.revision
    );
    text
}

fn sections(docs: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, Vec<&str>)> = Vec::new();
    for line in docs.lines() {
        if let Some(heading) = line.strip_prefix("# ") {
            all.push((heading.to_owned(), Vec::new()));
        } else if let Some((_, body)) = all.last_mut() {
            body.push(line);
        }
    }
    all.into_iter()
        .map(|(heading, body)| (heading, body.join("\n").trim().to_owned()))
        .collect()
}
