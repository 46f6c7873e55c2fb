//! Numbers for people.

/// A duration, as in `45 s`, `3 min`, `1 h 20 min`, `2 d 3 h`.
pub fn show_seconds(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    let minutes = (whole + 30) / 60;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 if minutes < 60 => format!("{minutes} min"),
        0..86_400 if minutes < 1440 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => {
            let hours = (whole + 1800) / 3600;
            format!("{} d {} h", hours / 24, hours % 24)
        }
    }
}

/// A size in decimal units, as in `412 B`, `1.2 MB`.
pub fn show_bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A count with separators, as in `12,345`.
pub fn show_count(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{show_bytes, show_count, show_seconds};

    #[test]
    fn numbers_read_well() {
        let seconds = [0.04, 9.96, 59.6, 119.0, 3599.0, 4800.0, 90_000.0, f64::NAN];
        let shown: Vec<String> = seconds.into_iter().map(show_seconds).collect();
        assert_eq!(
            shown,
            [
                "0.0 s",
                "10 s",
                "1 min",
                "2 min",
                "1 h 0 min",
                "1 h 20 min",
                "1 d 1 h",
                "?"
            ]
        );
        assert_eq!(show_bytes(999), "999 B");
        assert_eq!(show_bytes(999_999), "1.0 MB");
        assert_eq!(show_bytes(1_250_000_000), "1.2 GB");
        assert_eq!(show_count(1_234_567), "1,234,567");
        assert_eq!(show_count(999), "999");
    }
}
