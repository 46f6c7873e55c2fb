//! An inspection as text for a terminal.

use std::fmt;

use super::inspect::{Inspection, TargetInspection};

/// Eight heights of a bar.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Categories shown.
const SHOWN: usize = 12;

/// A histogram in one line; empty bins are blank.
fn bars(counts: &[usize]) -> String {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    counts
        .iter()
        .map(|count| match count {
            0 => ' ',
            count => BARS[(count * 8).div_ceil(most).clamp(1, 8) - 1],
        })
        .collect()
}

/// A number with separators of thousands.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn count(n: usize) -> String {
    thousands(n as u64)
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"))
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        for guess in &self.guesses {
            writeln!(f, "  guessed: {guess}")?;
        }
        self.sequences(f)?;
        for target in &self.targets {
            target.fmt(f)?;
        }
        for pair in &self.replicates {
            writeln!(
                f,
                "replicates  {} and {}: r {} over {} rows",
                pair.first,
                pair.second,
                number(pair.pearson),
                count(pair.rows)
            )?;
        }
        self.parts(f)?;
        for note in &self.notes {
            writeln!(f, "note        {note}")?;
        }
        Ok(())
    }
}

impl Inspection {
    fn sequences(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "rows        {}", count(self.rows))?;
        let mut lengths: Vec<_> = self.lengths.iter().collect();
        lengths.sort_by_key(|(length, rows)| (std::cmp::Reverse(**rows), **length));
        let shown: Vec<String> = lengths
            .iter()
            .take(5)
            .map(|(length, rows)| format!("{length} bp x {}", count(**rows)))
            .collect();
        let more = match lengths.len().saturating_sub(5) {
            0 => String::new(),
            more => format!(", and {more} other lengths"),
        };
        writeln!(f, "lengths     {}{more}", shown.join(", "))?;
        let total: u64 = self.bases.iter().sum();
        let shares: Vec<String> = "ACGTN"
            .chars()
            .zip(self.bases)
            .map(|(base, n)| format!("{base} {:.1} %", 100.0 * n as f64 / total.max(1) as f64))
            .collect();
        writeln!(
            f,
            "bases       {}; {} sequences with N",
            shares.join(", "),
            count(self.with_n)
        )?;
        writeln!(
            f,
            "GC          mean {}, sd {}  0 |{}| 1",
            number(self.gc_mean),
            number(self.gc_std),
            bars(&self.gc_histogram)
        )?;
        writeln!(
            f,
            "duplicates  {} repeat a sequence, {} as reverse complement only; {} names occur again",
            count(self.exact_duplicates),
            count(self.reverse_complements),
            count(self.duplicate_ids)
        )
    }

    /// Categories, parts, and sequences in two parts.
    fn parts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut categories: Vec<_> = self.categories.iter().collect();
        categories.sort_by_key(|(name, rows)| (std::cmp::Reverse(**rows), (*name).clone()));
        for (name, rows) in categories.iter().take(SHOWN) {
            writeln!(f, "category    {name}: {}", count(**rows))?;
        }
        if categories.len() > SHOWN {
            writeln!(f, "            and {} more", categories.len() - SHOWN)?;
        }
        for (name, rows) in &self.splits {
            writeln!(f, "part        {name}: {}", count(*rows))?;
        }
        for leak in &self.leakage {
            writeln!(
                f,
                "leakage     {} in {}: {} equal, {} reverse complements, {} near-duplicates; {} groups straddle",
                leak.test,
                leak.train,
                count(leak.exact),
                count(leak.reverse_complement),
                count(leak.near_duplicate),
                count(leak.groups)
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for TargetInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "target      {}: {} measured, {} missing, mean {}, sd {}",
            self.name,
            count(self.measured),
            count(self.missing),
            number(self.mean),
            number(self.std)
        )?;
        if let Some([low, high]) = self.range {
            write!(f, "  {low:.2} |{}| {high:.2}", bars(&self.histogram))?;
        }
        writeln!(f)?;
        if self.with_replicates > 0 {
            writeln!(
                f,
                "            replicates of {} rows: mean sd {}, implied correlation {}",
                count(self.with_replicates),
                number(self.replicate_std),
                number(self.replicate_correlation)
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_and_thousands() {
        assert_eq!(bars(&[0, 1, 8, 4]), " ▁█▄");
        assert_eq!(bars(&[0, 0]), "  ");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(12), "12");
    }
}
