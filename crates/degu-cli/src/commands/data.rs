//! `degu-lab data`.

use std::path::Path;

use degu_apply::data::{self, fetch::Client, inspect};
use serde::Serialize;

use super::config;
use crate::{
    Result,
    args::DataCommand,
    output::{Output, Table},
};

pub(crate) fn run(command: &DataCommand, output: &mut Output) -> Result<()> {
    match command {
        DataCommand::Inspect { file } => inspect(file, output),
        DataCommand::Fetch { name: None, .. } => list(output),
        DataCommand::Fetch {
            name: Some(name),
            output: folder,
        } => fetch(name, folder, output),
    }
}

fn inspect(file: &Path, output: &mut Output) -> Result<()> {
    let experiment = file
        .extension()
        .is_some_and(|extension| extension == "toml");
    let inspection = if experiment {
        let study = config::read(file, &[])?;
        inspect::inspect(study.dataset.plugin.build()?.as_ref())?
    } else {
        inspect::inspect_file(file)?
    };
    output.result(&inspection, || inspection.to_string())
}

#[derive(Serialize)]
struct Known {
    sources: Vec<KnownSource>,
}

#[derive(Serialize)]
struct KnownSource {
    name: &'static str,
    title: &'static str,
    plugin: &'static str,
    cite: &'static str,
    page: &'static str,
    files: Vec<&'static str>,
}

fn list(output: &mut Output) -> Result<()> {
    let known = Known {
        sources: data::sources()
            .iter()
            .map(|source| KnownSource {
                name: source.name,
                title: source.title,
                plugin: source.plugin,
                cite: source.cite,
                page: source.page,
                files: source.files.iter().map(|file| file.name).collect(),
            })
            .collect(),
    };
    output.result(&known, || {
        let mut table = Table::new(&["name", "plugin", "files", "what"]);
        for source in &known.sources {
            let files = match source.files.len() {
                0 => "by hand".to_owned(),
                n => n.to_string(),
            };
            table.row([source.name, source.plugin, &files, source.title]);
        }
        table.render()
    })
}

#[derive(Serialize)]
struct Fetched {
    name: &'static str,
    files: Vec<FetchedFile>,
}

#[derive(Serialize)]
struct FetchedFile {
    path: String,
    sha256: String,
    bytes: u64,
    downloaded: bool,
}

fn fetch(name: &str, folder: &Path, output: &mut Output) -> Result<()> {
    let source = data::find(name)?;
    let client = Client::default();
    let mut files = Vec::new();
    for file in source.files {
        tracing::info!(file = file.name, url = file.url, "fetching");
        let fetched = client.fetch(file, folder, &mut |progress| {
            tracing::debug!(received = progress.received, expected = ?progress.expected, "fetching");
        })?;
        files.push(FetchedFile {
            path: fetched.path.display().to_string(),
            sha256: fetched.sha256,
            bytes: fetched.bytes,
            downloaded: fetched.downloaded,
        });
    }
    let fetched = Fetched {
        name: source.name,
        files,
    };
    output.result(&fetched, || {
        if fetched.files.is_empty() {
            return format!(
                "no stable address is known; get the files from {}",
                source.page
            );
        }
        let mut table = Table::new(&["file", "bytes", "sha256"]);
        for file in &fetched.files {
            table.row([&file.path, &file.bytes.to_string(), &file.sha256]);
        }
        table.render()
    })
}
