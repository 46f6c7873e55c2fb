//! `degu-lab config show`: the merged configuration, and who set each value.

use std::{collections::BTreeMap, path::Path};

use degu_config::{LoadOptions, Selection, Study, Sweeps};
use serde::Serialize;

use crate::{
    Result,
    args::{ConfigCommand, SelectionArgs, StudyArgs},
    error::configuration,
    output::{Output, Table},
};

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the keys of the JSON output")]
struct Value {
    path: String,
    value: String,
    origin: String,
}

#[derive(Serialize)]
struct Values {
    file: String,
    values: Vec<Value>,
}

pub(crate) fn run(command: &ConfigCommand, output: &mut Output) -> Result<()> {
    let ConfigCommand::Show { study, origin } = command;
    let loaded = load(study)?;
    if !*origin {
        return if output.is_json() {
            output.result(&loaded.to_json(), String::new)
        } else {
            output.text(&loaded.locked_toml())
        };
    }
    let values = Values {
        file: study.file.display().to_string(),
        values: loaded
            .listing()
            .into_iter()
            .map(|listed| Value {
                path: listed.path,
                value: listed.value,
                origin: listed.origin.to_string(),
            })
            .collect(),
    };
    output.result(&values, || {
        let mut table = Table::new(&["key", "value", "set by"]);
        for v in &values.values {
            table.row([v.path.as_str(), v.value.as_str(), v.origin.as_str()]);
        }
        table.render()
    })
}

/// Reads an experiment file with `--set` and the environment.
pub(crate) fn load(args: &StudyArgs) -> Result<Study> {
    read(&args.file, &args.set)
}

/// The process's environment, as far as it is text.
pub(crate) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// As [`load`].
pub(crate) fn read(file: &Path, sets: &[String]) -> Result<Study> {
    let options = LoadOptions {
        env: environment(),
        sets: sets.to_vec(),
        ..LoadOptions::default()
    };
    Study::load(file, &options).map_err(configuration)
}

/// The sweeps and arms that arguments choose.
pub(crate) fn selection(args: &SelectionArgs) -> Selection {
    let sweeps = match args.sweep.as_slice() {
        [] => Sweeps::None,
        names if names.iter().any(|name| name == "all") => Sweeps::All,
        names => Sweeps::Named(names.to_vec()),
    };
    Selection {
        sweeps,
        ablation: args.ablation,
    }
}
