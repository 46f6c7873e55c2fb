//! `degu-lab import`.

use std::path::Path;

use degu_apply::import::keras;
use degu_core::Components;
use degu_workflow::plan::show_count;
use serde::Serialize;
use serde_json::{Map, Value};

use super::plugins::setting_of;
use crate::{
    CliError, Result,
    args::{ImportCommand, KerasArgs},
    output::Output,
};

#[derive(Serialize)]
struct Imported<'a> {
    model: &'a Path,
    architecture: &'a str,
    head: &'a str,
    length: usize,
    tasks: &'a [String],
    parameters: usize,
}

pub(crate) fn run(command: &ImportCommand, output: &mut Output) -> Result<()> {
    let ImportCommand::Keras(args) = command;
    from_keras(args, output)
}

fn from_keras(args: &KerasArgs, output: &mut Output) -> Result<()> {
    let mut params = Value::Object(Map::new());
    for setting in &args.set {
        let (path, value) = setting_of(setting)?;
        params = degu_contract::parameters::with(&params, path, value);
    }
    let mut spreads = Components::default();
    for spread in &args.spreads {
        match spread.as_str() {
            "epistemic" => spreads.epistemic = true,
            "aleatoric" => spreads.aleatoric = true,
            other => {
                return Err(CliError::Usage {
                    command: "import keras",
                    problem: format!(
                        "expected `--spreads` of epistemic and aleatoric, found `{other}`"
                    ),
                });
            }
        }
    }
    let model = keras::import(
        &args.file,
        &keras::Options {
            architecture: args.architecture.clone(),
            params,
            tasks: args.tasks.clone(),
            length: args.length,
            spreads,
            layout: keras::Layout {
                alphabet: args.alphabet.clone(),
                channels_first: args.channels_first,
            },
            written_by: format!("degu-lab {}", env!("CARGO_PKG_VERSION")),
        },
    )?;
    model.save(&args.output)?;
    let card = &model.card;
    let imported = Imported {
        model: &args.output,
        architecture: &card.architecture.plugin,
        head: &card.head.plugin,
        length: card.length,
        tasks: &card.labels.tasks,
        parameters: card.parameters,
    };
    output.result(&imported, || {
        format!(
            "wrote {}: {} with {} parameters, {} bp, tasks {}\nnext: degu-lab predict {} --fasta sequences.fa",
            imported.model.display(),
            imported.architecture,
            show_count(imported.parameters),
            imported.length,
            imported.tasks.join(", "),
            imported.model.display(),
        )
    })
}
