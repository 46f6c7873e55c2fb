//! Ranges of parameters, with uniform messages.

use std::{fmt::Display, ops::RangeBounds};

use crate::Invalid;

/// `value` lies within `range`.
///
/// # Errors
///
/// [`Invalid`], as in "must be in [0, 1), found 1.5".
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers pass numbers and ranges as they write them"
)]
pub fn range<V: PartialOrd + Display>(
    field: &'static str,
    value: V,
    range: impl RangeBounds<V>,
) -> Result<(), Invalid> {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    if range.contains(&value) {
        return Ok(());
    }
    let low = match range.start_bound() {
        Included(v) => format!("[{v}"),
        Excluded(v) => format!("({v}"),
        Unbounded => "(-inf".to_owned(),
    };
    let high = match range.end_bound() {
        Included(v) => format!("{v}]"),
        Excluded(v) => format!("{v})"),
        Unbounded => "inf)".to_owned(),
    };
    Err(Invalid {
        field,
        message: format!("must be in {low}, {high}, found {value}"),
    })
}

/// Every element fulfils a rule, which `expected` puts into words.
///
/// # Errors
///
/// [`Invalid`], naming the first element that does not.
pub fn each<V: Display>(
    field: &'static str,
    values: &[V],
    rule: impl Fn(&V) -> bool,
    expected: &str,
) -> Result<(), Invalid> {
    match values.iter().position(|v| !rule(v)) {
        None => Ok(()),
        Some(i) => Err(Invalid {
            field,
            message: format!("element {i} must be {expected}, found {}", values[i]),
        }),
    }
}
