//! Key paths: `a.b`, `a."b.c"`, `filters[1]`.

use std::{fmt, ops::Range};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// A key of a table.
    Key(String),
    /// An element of an array.
    Index(usize),
}

/// Steps from the root of a study to a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyPath(pub(crate) Vec<Step>);

impl KeyPath {
    pub(crate) fn of(keys: &[&str]) -> Self {
        Self(
            keys.iter()
                .map(|key| Step::Key((*key).to_owned()))
                .collect(),
        )
    }

    pub(crate) fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    pub(crate) fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// Whether `self` is `other` or lies below it.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The keys, without indices.
    pub(crate) fn keys(&self) -> Vec<&str> {
        let mut keys = Vec::new();
        for step in &self.0 {
            if let Step::Key(key) = step {
                keys.push(key.as_str());
            }
        }
        keys
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if i == 0 => f.write_str(&quoted(key))?,
                Step::Key(key) => write!(f, ".{}", quoted(key))?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A key as TOML wants it: bare where possible.
pub(crate) fn quoted(key: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !key.is_empty() && key.bytes().all(bare) {
        key.to_owned()
    } else {
        toml_edit::Value::from(key).to_string()
    }
}

/// A segment of a written path, with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
}

/// Why a written path is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadPath {
    pub(crate) message: &'static str,
    pub(crate) span: Range<usize>,
}

/// Reads a dotted path; `"` and `'` quote segments that contain dots. Blanks around segments are
/// ignored.
pub(crate) fn parse(text: &str) -> Result<Vec<Segment>, BadPath> {
    let bytes = text.as_bytes();
    let mut segments = Vec::new();
    let mut at = 0;
    loop {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        let start = at;
        let name = if let Some(&quote @ (b'"' | b'\'')) = bytes.get(at) {
            let Some(length) = text[at + 1..].find(char::from(quote)) else {
                return Err(BadPath {
                    message: "this quote is not closed",
                    span: at..text.len(),
                });
            };
            at += length + 2;
            text[start + 1..at - 1].to_owned()
        } else {
            at += text[at..].find('.').unwrap_or(text.len() - at);
            text[start..at].trim_end().to_owned()
        };
        if name.is_empty() {
            return Err(BadPath {
                message: "a key is missing here",
                span: start..at.max(start),
            });
        }
        let span = start..start + text[start..at].trim_end().len();
        segments.push(Segment { name, span });
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        match bytes.get(at) {
            None => return Ok(segments),
            Some(b'.') => at += 1,
            Some(_) => {
                return Err(BadPath {
                    message: "expected `.` here",
                    span: at..text.len(),
                });
            }
        }
    }
}

/// Byte of the first `=` outside of quotes.
pub(crate) fn equals_sign(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'=') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        parse(text)
            .expect(text)
            .into_iter()
            .map(|s| s.name)
            .collect()
    }

    #[test]
    fn quotes_protect_dots() {
        assert_eq!(names("a.b.c"), ["a", "b", "c"]);
        assert_eq!(names(r#"a."b.c""#), ["a", "b.c"]);
        assert_eq!(names("a.'b.c'.d"), ["a", "b.c", "d"]);
        assert_eq!(names(" a . b "), ["a", "b"]);
        assert_eq!(parse(r#"a."b.c".d"#).expect("a path")[1].span, 2..7);
    }

    #[test]
    fn bad_paths_are_located() {
        for (text, span) in [
            ("", 0..0),
            ("a..b", 2..2),
            ("a.", 2..2),
            ("a.\"b", 2..4),
            ("\"a\"b", 3..4),
        ] {
            assert_eq!(parse(text).expect_err(text).span, span, "{text}");
        }
    }

    #[test]
    fn the_equals_sign_may_hide_in_quotes() {
        assert_eq!(equals_sign("a.b=c=d"), Some(3));
        assert_eq!(equals_sign(r#"a."b=c"=1"#), Some(7));
        assert_eq!(equals_sign("a.b"), None);
    }

    #[test]
    fn paths_print_as_toml() {
        let path = KeyPath::of(&["a", "b.c"]).index(1).key("d");
        assert_eq!(path.to_string(), r#"a."b.c"[1].d"#);
    }
}
