//! Numbers and text as people read them.

/// Escapes text for HTML and SVG, in content and in double-quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Control characters are not allowed in SVG, which is XML.
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A number with about four significant digits, a true minus sign, `∞` and `–` for a missing one.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        return "–".into();
    }
    if value.is_infinite() {
        return if value > 0.0 {
            "∞".into()
        } else {
            "−∞".into()
        };
    }
    let size = value.abs();
    let text = if size == 0.0 {
        "0".into()
    } else if !(1e-4..1e6).contains(&size) {
        return scientific(value);
    } else if size >= 1000.0 {
        thousands(value)
    } else if size >= 100.0 {
        format!("{value:.1}")
    } else if size >= 10.0 {
        format!("{value:.2}")
    } else if size >= 0.1 {
        format!("{value:.3}")
    } else {
        // Leading zeros are not digits that say something.
        let decimals = (2.0 - size.log10().floor()) as usize;
        format!("{value:.decimals$}")
    };
    text.replace('-', "−")
}

fn scientific(value: f64) -> String {
    let text = format!("{value:.2e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: String = exponent
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '0' => '⁰',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            c => char::from_u32(u32::from('⁴') + (u32::from(c) - u32::from('4'))).unwrap_or(c),
        })
        .collect();
    format!("{} × 10{exponent}", digits.replace('-', "−"))
}

fn thousands(value: f64) -> String {
    let whole = count(value.abs().round() as usize);
    if value < 0.0 {
        format!("-{whole}")
    } else {
        whole
    }
}

/// A count with thousands separators.
pub(crate) fn count(value: usize) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A share as a percentage, `90.3 %`.
pub(crate) fn percent(value: f64) -> String {
    if !value.is_finite() {
        return number(value);
    }
    let text = format!("{:.1}", value * 100.0);
    format!(
        "{} %",
        text.strip_suffix(".0").unwrap_or(&text).replace('-', "−")
    )
}

/// `value` or `value [low, high]`.
pub(crate) fn with_interval(value: f64, low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!("{} [{}, {}]", number(value), number(low), number(high)),
        _ => number(value),
    }
}

/// `label (unit)`, or the label alone.
pub(crate) fn labelled(label: &str, unit: &str) -> String {
    if unit.is_empty() {
        label.to_owned()
    } else {
        format!("{label} ({unit})")
    }
}

/// Shortens text to at most `limit` characters with an ellipsis.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(limit.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// A name that is safe in file names and HTML ids: letters, digits, `-` and `_`, lower case, never
/// empty.
pub(crate) fn slug(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            out.push(c.to_ascii_lowercase());
        } else if !out.ends_with('-') && !out.is_empty() {
            out.push('-');
        }
    }
    while out.ends_with('-') {
        out.pop();
    }
    if out.is_empty() {
        "unnamed".into()
    } else {
        out
    }
}

/// A metric's name for people: `interval_width@0.1` becomes `interval width at α = 0.1`.
pub(crate) fn metric_label(metric: &str) -> String {
    let (name, alpha) = metric
        .split_once('@')
        .map_or((metric, None), |(n, a)| (n, Some(a)));
    let name = name.rsplit_once('/').map_or(name, |(_, last)| last);
    let label = match name {
        "pearson" => "Pearson correlation".to_owned(),
        "spearman" => "Spearman correlation".to_owned(),
        "rmse" => "RMSE".to_owned(),
        "mae" => "mean absolute error".to_owned(),
        "mse" => "MSE".to_owned(),
        "crps" => "CRPS".to_owned(),
        "nll" => "negative log likelihood".to_owned(),
        "r2" => "R²".to_owned(),
        "ence" => "ENCE".to_owned(),
        "aurc" => "AURC".to_owned(),
        "excess_aurc" => "excess AURC".to_owned(),
        other => other.replace('_', " "),
    };
    alpha.map_or_else(|| label.clone(), |alpha| format!("{label} at α = {alpha}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (0.71234, "0.712"),
            (-0.71234, "−0.712"),
            (0.0123456, "0.0123"),
            (0.00098765, "0.000988"),
            (1.23456, "1.235"),
            (12.3456, "12.35"),
            (123.456, "123.5"),
            (1234.56, "1,235"),
            (-123456.7, "−123,457"),
            (1.5e-7, "1.50 × 10⁻⁷"),
            (4.56e12, "4.56 × 10¹²"),
            (f64::INFINITY, "∞"),
            (f64::NEG_INFINITY, "−∞"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(number(value), expected, "{value:?}");
        }
        assert_eq!(percent(0.9034), "90.3 %");
        assert_eq!(percent(0.9), "90 %");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
    }

    #[test]
    fn text_is_escaped_and_slugs_are_safe() {
        assert_eq!(
            escape("a<b>&\"'\u{1}"),
            "a&lt;b&gt;&amp;&quot;&#39;\u{fffd}"
        );
        assert_eq!(slug("main (normalized)"), "main-normalized");
        assert_eq!(slug("../Ä"), "unnamed");
        assert_eq!(
            metric_label("test/interval_width@0.1"),
            "interval width at α = 0.1"
        );
        assert_eq!(shorten("abcdef", 4), "abc…");
    }
}
