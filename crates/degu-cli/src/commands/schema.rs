//! `degu-lab schema`: the JSON Schema of experiment files, for editors.

use crate::{Result, output::Output};

pub(crate) fn run(output: &mut Output) -> Result<()> {
    let schema = degu_config::json_schema()?;
    output.text(&serde_json::to_string_pretty(&schema)?)
}
