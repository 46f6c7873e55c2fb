//! From a field of a key to the value of the experiment file behind it.

/// Key paths of an experiment file that a field of the key of a task may come from, the likeliest
/// first.
///
/// ```
/// use degu_workflow::why::settings;
/// assert_eq!(settings("train/member-0", "plugins.architecture.params.dropout"), ["architecture.dropout"]);
/// assert_eq!(
///     settings("low@0.1:distill/student-1", "plugins.head.name"),
///     ["distill.head.plugin"]
/// );
/// assert_eq!(settings("calibrate/main", "settings.alpha")[0], "calibration.main.alpha");
/// ```
pub fn settings(task: &str, path: &str) -> Vec<String> {
    let task = task.rsplit_once(':').map_or(task, |(_, task)| task);
    let (stage, name) = task.split_once('/').unwrap_or((task, ""));
    let student = stage == "distill";
    let block = match stage {
        "calibrate" => format!("calibration.{}", quoted(name)),
        "attribute" | "shift" => format!("{stage}.{}", quoted(name)),
        "distill" => "distill".to_owned(),
        "evaluate" => "evaluation".to_owned(),
        _ => "ensemble".to_owned(),
    };
    if path == "seed" {
        return vec!["study.seed".to_owned()];
    }
    if let Some(field) = path.strip_prefix("plugins.") {
        let (role, rest) = field.split_once('.').unwrap_or((field, ""));
        let tables = match role {
            "plugin" => vec![block],
            "head" if student => vec!["distill.head".to_owned()],
            "head" => vec!["ensemble.head".to_owned()],
            "architecture" if student => {
                vec!["distill.architecture".to_owned(), role.to_owned()]
            }
            "augmentation" if student => vec!["distill.augmentation".to_owned()],
            _ => vec![role.to_owned()],
        };
        // Without parameters it is about another plugin, or none.
        let key = rest.strip_prefix("params.").unwrap_or("plugin");
        return tables
            .into_iter()
            .map(|table| format!("{table}.{key}"))
            .collect();
    }
    let Some(field) = path.strip_prefix("settings.") else {
        return Vec::new();
    };
    if student && field.starts_with("training") {
        return vec![format!("distill.{field}"), field.to_owned()];
    }
    if field.starts_with("training") || field.starts_with("split") {
        return vec![field.to_owned()];
    }
    vec![format!("{block}.{field}"), format!("distill.{field}")]
}

/// A key with a dot is quoted, as everywhere.
fn quoted(key: &str) -> String {
    if key.contains('.') {
        format!("\"{key}\"")
    } else {
        key.to_owned()
    }
}
