//! `degu-lab plugins list`.

use degu_core::{Slot, registry, suggest::nearest};
use serde::Serialize;

use crate::{
    CliError, Result,
    output::{Output, Table},
};

#[derive(Serialize)]
struct Listing {
    plugins: Vec<Row>,
}

/// One plugin in a list.
#[derive(Serialize)]
struct Row {
    slot: Slot,
    name: &'static str,
    summary: &'static str,
    revision: u32,
    package: &'static str,
    version: &'static str,
    file: &'static str,
    line: u32,
    cite: Option<&'static str>,
}

pub(super) fn run(slot: Option<&str>, output: &mut Output) -> Result<()> {
    let names: Vec<String> = Slot::ALL.iter().map(Slot::to_string).collect();
    if let Some(wanted) = slot
        && !names.iter().any(|name| name == wanted)
    {
        let near = nearest(wanted, names.iter().map(String::as_str));
        let hint = near
            .map(|n| format!(", did you mean `{n}`?"))
            .unwrap_or_default();
        return Err(CliError::Usage {
            command: "plugins list",
            problem: format!(
                "no slot is named `{wanted}`{hint} (there are {})",
                names.join(", ")
            ),
        });
    }
    let plugins: Vec<Row> = registry::all()?
        .into_iter()
        .filter(|entry| slot.is_none_or(|wanted| entry.slot.to_string() == wanted))
        .map(|entry| Row {
            slot: entry.slot,
            name: entry.name,
            summary: entry.summary,
            revision: entry.revision,
            package: entry.origin.package,
            version: entry.origin.version,
            file: entry.origin.file,
            line: entry.origin.line,
            cite: entry.cite,
        })
        .collect();
    let listing = Listing { plugins };
    let text = text(&listing, output);
    output.result(&listing, || text)
}

fn text(listing: &Listing, output: &Output) -> String {
    let mut table = Table::new(&["slot", "name", "revision", "origin", "summary"]);
    for row in &listing.plugins {
        table.row([
            row.slot.to_string(),
            row.name.to_owned(),
            row.revision.to_string(),
            format!("{} {}", row.package, row.version),
            row.summary.to_owned(),
        ]);
    }
    let text = table.render();
    // Styles come after alignment, which counts letters.
    match text.split_once('\n') {
        Some((header, rest)) => format!("{}\n{rest}", output.bold(header)),
        None => text,
    }
}
