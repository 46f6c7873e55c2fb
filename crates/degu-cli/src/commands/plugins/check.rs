//! `degu-lab plugins check`.

use degu_contract::{Outcome, Report, parameters};
use serde_json::{Map, Value};

use super::find;
use crate::{
    CliError, Result,
    args::CheckArgs,
    output::{Output, Table},
};

pub(super) fn run(args: &CheckArgs, output: &mut Output) -> Result<()> {
    let entry = find(&args.name)?;
    let mut params = Value::Object(Map::new());
    for setting in &args.set {
        let (path, value) = setting_of(setting)?;
        params = parameters::with(&params, path, value);
    }
    let report = degu_contract::check(entry.slot, entry.name, &params)?;
    let text = text(&report, output);
    output.result(&report, || text)?;
    let failed = report.failures().count();
    if failed > 0 {
        return Err(CliError::ContractFailed {
            failed,
            total: report.checks.len(),
        });
    }
    Ok(())
}

/// `key=value`, the value as TOML; a bare word is text.
pub(crate) fn setting_of(setting: &str) -> Result<(&str, Value)> {
    let bad = |problem: String| CliError::Setting {
        text: setting.to_owned(),
        problem,
    };
    let (path, text) = setting
        .split_once('=')
        .ok_or_else(|| bad("expected KEY=VALUE".to_owned()))?;
    let (path, text) = (path.trim(), text.trim());
    if path.is_empty() || path.split('.').any(str::is_empty) {
        return Err(bad(
            "expected a key before `=`, as in `weights.mean`".to_owned()
        ));
    }
    let document: Result<toml::Table, _> = toml::from_str(&format!("value = {text}"));
    let value = match document {
        Ok(mut table) => table.remove("value"),
        Err(_)
            if text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b)) =>
        {
            Some(toml::Value::String(text.to_owned()))
        }
        Err(error) => return Err(bad(format!("expected a TOML value: {}", error.message()))),
    };
    Ok((path, serde_json::to_value(value)?))
}

fn text(report: &Report, output: &Output) -> String {
    let mut table = Table::new(&["check", "outcome", "rule"]);
    for check in &report.checks {
        let (word, why) = match &check.outcome {
            Outcome::Passed => ("passed", String::new()),
            Outcome::Skipped(why) => ("skipped", format!(" ({why})")),
            Outcome::Failed(why) => ("FAILED", format!("\n               {why}")),
        };
        table.row([
            check.id.to_owned(),
            word.to_owned(),
            format!("{}{why}", check.rule),
        ]);
    }
    let count = |wanted: fn(&Outcome) -> bool| {
        let checks = report.checks.iter();
        checks.filter(|check| wanted(&check.outcome)).count()
    };
    let passed = count(|o| matches!(o, Outcome::Passed));
    let skipped = count(|o| matches!(o, Outcome::Skipped(_)));
    let failed = count(|o| matches!(o, Outcome::Failed(_)));
    format!(
        "{}\n{}{passed} passed, {skipped} skipped, {failed} failed\n",
        output.bold(&format!("{}/{}", report.slot, report.name)),
        table.render().replace("FAILED", &output.red("FAILED")),
    )
}

#[cfg(test)]
mod tests {
    use super::setting_of;
    use serde_json::json;

    #[test]
    fn settings_are_toml_and_bare_words_are_text() {
        assert_eq!(setting_of("a.b=[1, 2]").unwrap(), ("a.b", json!([1, 2])));
        assert_eq!(
            setting_of("norm = torch").unwrap(),
            ("norm", json!("torch"))
        );
        assert_eq!(setting_of("p=0.5").unwrap(), ("p", json!(0.5)));
        assert!(setting_of("p").is_err());
        assert!(setting_of("=1").is_err());
        assert!(setting_of("p=[1").is_err());
    }
}
