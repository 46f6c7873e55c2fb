//! `degu-lab plugins`.

pub(crate) mod check;
mod docs;
mod list;
mod new;
mod page;
mod show;

use degu_core::{
    registry::{self, Entry},
    suggest::nearest,
};

use crate::{CliError, Result, args::PluginsCommand, output::Output};

pub(crate) use check::setting_of;

pub(crate) fn run(command: &PluginsCommand, output: &mut Output) -> Result<()> {
    match command {
        PluginsCommand::List { slot } => list::run(slot.as_deref(), output),
        PluginsCommand::Show { name } => show::run(name, output),
        PluginsCommand::Check(args) => check::run(args, output),
        PluginsCommand::New(args) => new::run(args, output),
        PluginsCommand::Docs { check, root } => docs::run(root, *check, output),
    }
}

/// The plugin of `NAME` or `SLOT/NAME`.
fn find(text: &str) -> Result<Entry> {
    let all = registry::all()?;
    let (slot, name) = match text.split_once('/') {
        Some((slot, name)) => (Some(slot), name),
        None => (None, text),
    };
    let of_slot = |entry: &&Entry| slot.is_none_or(|slot| entry.slot.to_string() == slot);
    let found: Vec<&Entry> = all
        .iter()
        .filter(of_slot)
        .filter(|entry| entry.name == name)
        .collect();
    match found.as_slice() {
        [one] => Ok(**one),
        [] => Err(CliError::UnknownPlugin {
            name: text.to_owned(),
            nearest: nearest(name, all.iter().filter(of_slot).map(|entry| entry.name)),
        }),
        several => Err(CliError::AmbiguousPlugin {
            name: name.to_owned(),
            slots: several.iter().map(|entry| entry.slot).collect(),
        }),
    }
}
