//! What plugins say of themselves in prose: the module documentation, carried into the binary for
//! reports.

use crate::registry::Entry;

/// Heading of the section that names differences.
const DIFFERS: &str = "Differs from the original in";

/// The source of a module whose `//!` lines describe its plugins; see
/// [`document!`](crate::document).
#[derive(Debug, Clone, Copy)]
pub struct SourceDocs {
    /// Package.
    pub package: &'static str,
    /// Source file, as in [`Origin::file`](crate::Origin::file).
    pub file: &'static str,
    /// Its text.
    pub text: &'static str,
}

inventory::collect!(SourceDocs);

/// Carries the module documentation of this file into the binary: `degu_core::document!("lib.rs");`
/// in `lib.rs`.
///
/// A plugin is described by the file that registers it or, without documentation there, by another
/// one of its package.
#[macro_export]
macro_rules! document {
    ($file:literal) => {
        $crate::__private::inventory::submit! {
            $crate::docs::SourceDocs {
                package: env!("CARGO_PKG_NAME"),
                file: file!(),
                text: include_str!($file),
            }
        }
    };
}

/// How a plugin differs from its original, one sentence each; empty where its crate carries no
/// documentation.
pub fn differences(entry: &Entry) -> Vec<String> {
    of_entry(entry)
        .map(|docs| items(docs.text, DIFFERS))
        .unwrap_or_default()
}

/// Why one would use a plugin and when not, in paragraphs: what stands between the title of its
/// documentation and the first heading. Empty where its crate carries no documentation.
pub fn introduction(entry: &Entry) -> Vec<String> {
    of_entry(entry)
        .map(|docs| paragraphs(docs.text))
        .unwrap_or_default()
}

fn of_entry(entry: &Entry) -> Option<&'static SourceDocs> {
    let of_package = || {
        let all = inventory::iter::<SourceDocs>.into_iter();
        all.filter(|docs| docs.package == entry.origin.package)
    };
    let own = of_package().find(|docs| docs.file == entry.origin.file);
    own.or_else(|| of_package().find(|docs| docs.file.ends_with("lib.rs")))
}

/// The paragraphs of the `//!` lines between the first, the title, and the first heading.
fn paragraphs(source: &str) -> Vec<String> {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let lines: Vec<&str> = lines
        .map(str::trim)
        .take_while(|line| !line.starts_with("# "))
        .collect();
    let all = lines.split(|line| line.is_empty()).skip(1);
    all.filter(|paragraph| !paragraph.is_empty())
        .map(|paragraph| paragraph.join(" "))
        .collect()
}

/// The items of a list below a heading of the `//!` lines, or the paragraph that stands there
/// instead.
fn items(source: &str, heading: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let below = lines
        .map(str::trim)
        .skip_while(|line| line.strip_prefix("# ") != Some(heading))
        .skip(1)
        .take_while(|line| !line.starts_with("# "));
    for line in below.filter(|line| !line.is_empty()) {
        let item = line.strip_prefix("- ").or_else(|| line.strip_prefix("* "));
        match (item, found.last_mut()) {
            (Some(item), _) => found.push(item.to_owned()),
            (None, Some(last)) => {
                last.push(' ');
                last.push_str(line);
            }
            (None, None) => found.push(line.to_owned()),
        }
    }
    for item in &mut found {
        let end = item.trim_end_matches([';', '.']).len();
        item.truncate(end);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{items, paragraphs};

    const SOURCE: &str = "//! A plugin.\n//!\n//! # Differs from the original in\n//!\n//! - one thing, on\n//!   two lines;\n//! - another.\n//!\n//! # Source of golden numbers\n//!\n//! - none\n\nmod x;\n";

    #[test]
    fn a_list_is_read_item_by_item() {
        assert_eq!(
            items(SOURCE, "Differs from the original in"),
            ["one thing, on two lines", "another"]
        );
        assert!(items(SOURCE, "Citation").is_empty());
    }

    #[test]
    fn a_paragraph_is_one_item() {
        let source =
            "//! # Differs from the original in\n//!\n//! Nothing: it is\n//! the original.\n";
        assert_eq!(
            items(source, "Differs from the original in"),
            ["Nothing: it is the original"]
        );
    }

    #[test]
    fn the_introduction_stands_between_title_and_headings() {
        let source = "//! A plugin,\n//! of two lines.\n//!\n//! Use it\n//! here.\n//!\n//! Not there.\n//!\n//! # Model\n//!\n//! x\n";
        assert_eq!(paragraphs(source), ["Use it here.", "Not there."]);
        assert!(paragraphs("//! A plugin.\n\nmod x;\n").is_empty());
    }
}
