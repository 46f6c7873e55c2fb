//! `degu-lab plugins show`.

use std::fmt::Write as _;

use degu_core::Slot;

use super::{
    find,
    page::{Page, default, link, meaning},
};
use crate::{Result, output::Output};

/// Width of a paragraph in characters.
const WIDTH: usize = 96;

pub(super) fn run(name: &str, output: &mut Output) -> Result<()> {
    let page = Page::of(&find(name)?);
    let text = text(&page, output);
    output.result(&page, || text)
}

fn text(page: &Page, output: &Output) -> String {
    let mut text = format!(
        "{}  {}\n\n{}\n",
        output.bold(&format!("{}/{}", page.slot, page.name)),
        page.summary,
        wrap(&page.description, "")
    );
    for paragraph in &page.about {
        let _ = write!(text, "\n{}\n", wrap(paragraph, ""));
    }
    if page.parameters.is_empty() {
        text.push_str("\nNo parameters.\n");
    }
    for p in &page.parameters {
        let range = p.kind.range();
        let range = if range.is_empty() {
            range
        } else {
            format!(", {range}")
        };
        let _ = write!(
            text,
            "\n{} = {}   ({}{range})\n{}\n",
            output.bold(&p.path),
            default(p),
            p.kind.words(),
            wrap(&meaning(p), "    ")
        );
    }
    let _ = write!(text, "\nuse       {}\n", usage(page));
    if let Some(cite) = page.cite {
        let _ = writeln!(text, "cite      {}", link(cite));
    }
    let _ = writeln!(
        text,
        "origin    {} {} ({}:{})\nrevision  {}",
        page.package, page.version, page.file, page.line, page.revision
    );
    text
}

/// The line of an experiment file that selects the plugin.
fn usage(page: &Page) -> String {
    let name = page.name;
    match page.slot {
        Slot::Dataset => format!("[dataset] plugin = \"{name}\""),
        Slot::Architecture => format!("[architecture] plugin = \"{name}\""),
        Slot::UncertaintyHead => format!("[ensemble] head = {{ plugin = \"{name}\" }}"),
        Slot::Augmentation => format!("[augmentation] plugin = \"{name}\""),
        Slot::Attributor => format!("[attribute.{name}] plugin = \"{name}\""),
        Slot::Calibrator => format!("[calibration.main] plugin = \"{name}\""),
        Slot::Shift => format!("[shift.{name}] plugin = \"{name}\""),
        Slot::Metric => format!("[evaluation] metrics = [\"{name}\"]"),
        other => format!("[{other}] plugin = \"{name}\""),
    }
}

fn wrap(text: &str, indent: &str) -> String {
    let mut lines = Vec::new();
    for paragraph in text.split("\n\n") {
        let mut line = String::from(indent);
        for word in paragraph.split_whitespace() {
            let used = line.chars().count();
            if used > indent.len() && used + 1 + word.chars().count() > WIDTH {
                lines.push(std::mem::replace(&mut line, indent.to_owned()));
            }
            if line.len() > indent.len() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
        lines.push(String::new());
    }
    lines.pop();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn paragraphs_are_wrapped_and_indented() {
        let text = wrap(&"word ".repeat(30), "  ");
        assert!(
            text.lines()
                .all(|l| l.chars().count() <= 96 && l.starts_with("  "))
        );
        assert_eq!(text.lines().count(), 2);
        assert_eq!(wrap("a\nb\n\nc", ""), "a b\n\nc");
    }
}
