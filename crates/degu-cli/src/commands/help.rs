//! `degu-lab help`.

use clap::CommandFactory;

use crate::{CliError, Result, args::Cli, exit::Codes, output::Output};

/// Name of the page of exit codes.
const EXIT_CODES: &str = "exit-codes";

pub(crate) fn run(topic: &[String], output: &mut Output) -> Result<()> {
    if topic == [EXIT_CODES] {
        return output.text(&Codes::help());
    }
    let mut command = Cli::command();
    command.build();
    let mut found = &mut command;
    for word in topic {
        let known: Vec<String> = found
            .get_subcommands()
            .map(|c| c.get_name().to_owned())
            .chain([EXIT_CODES.to_owned()])
            .collect();
        if !known.contains(word) || word == EXIT_CODES {
            let nearest = degu_core::suggest::nearest(word, known.iter().map(String::as_str));
            return Err(CliError::UnknownTopic {
                name: word.clone(),
                nearest: nearest.map(str::to_owned),
            });
        }
        // `known` holds the word, so the search cannot fail; the error keeps this total.
        found = found
            .find_subcommand_mut(word)
            .ok_or_else(|| CliError::UnknownTopic {
                name: word.clone(),
                nearest: None,
            })?;
    }
    let help = found.render_long_help().to_string();
    output.text(&help)
}
