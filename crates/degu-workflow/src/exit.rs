//! Exit codes of the command line, in one place.

use std::fmt::Write as _;

/// Exit codes. Uninhabited: a name space of constants.
#[derive(Debug)]
pub enum ExitCode {}

impl ExitCode {
    /// Everything asked for is there.
    pub const OK: u8 = 0;
    /// The command line was not understood.
    pub const USAGE: u8 = 2;
    /// The experiment file is wrong.
    pub const CONFIGURATION: u8 = 3;
    /// Data cannot be used, or are not what was pinned.
    pub const DATA: u8 = 4;
    /// A stage failed; what finished is kept.
    pub const STAGE: u8 = 5;
    /// A loss or a weight is not finite.
    pub const DIVERGED: u8 = 6;
    /// The store is corrupt, full, unwritable or not atomic.
    pub const STORE: u8 = 7;
    /// The executor or device asked for is not there.
    pub const EXECUTOR: u8 = 8;
    /// A broken invariant or a panic: our fault.
    pub const BUG: u8 = 70;
    /// Another process runs this study or task.
    pub const LOCKED: u8 = 75;
    /// Interrupted after a checkpoint.
    pub const INTERRUPTED: u8 = 130;

    /// The class of a code in one word, for programs.
    pub const fn name(code: u8) -> &'static str {
        match code {
            Self::OK => "ok",
            Self::USAGE => "usage",
            Self::CONFIGURATION => "configuration",
            Self::DATA => "data",
            Self::STAGE => "stage",
            Self::DIVERGED => "diverged",
            Self::STORE => "store",
            Self::EXECUTOR => "executor",
            Self::LOCKED => "locked",
            Self::INTERRUPTED => "interrupted",
            _ => "bug",
        }
    }

    /// Every code with its meaning and what the program prints, in ascending order.
    pub const TABLE: [(u8, &str, &str); 11] = [
        (Self::OK, "ok", ""),
        (Self::USAGE, "usage", "the message of the argument parser"),
        (
            Self::CONFIGURATION,
            "configuration",
            "all errors with file, line and column",
        ),
        (
            Self::DATA,
            "data",
            "file, line or row, expected and found; a digest that differs",
        ),
        (
            Self::STAGE,
            "a stage failed; partial results kept",
            "failed task, log, blocked tasks, the command that resumes",
        ),
        (
            Self::DIVERGED,
            "diverged (loss or weights not finite)",
            "stage, epoch, step, last losses, a hint",
        ),
        (
            Self::STORE,
            "store (corrupt, unwritable, not atomic, full)",
            "path and remedy",
        ),
        (
            Self::EXECUTOR,
            "executor or device unavailable",
            "what was tried; nothing is lost",
        ),
        (
            Self::BUG,
            "bug (panic, broken invariant)",
            "a report with the version",
        ),
        (
            Self::LOCKED,
            "locked: another process runs this study or task",
            "holder's host, process id, age",
        ),
        (
            Self::INTERRUPTED,
            "interrupted (checkpointed)",
            "the command that resumes",
        ),
    ];

    /// Which of several failures decides: 70 > 7 > 8 > 4 > 6 > 5, then 130, then the rest.
    pub fn most_severe(codes: impl IntoIterator<Item = u8>) -> u8 {
        const ORDER: [u8; 7] = [
            ExitCode::BUG,
            ExitCode::STORE,
            ExitCode::EXECUTOR,
            ExitCode::DATA,
            ExitCode::DIVERGED,
            ExitCode::STAGE,
            ExitCode::INTERRUPTED,
        ];
        let rank = |code: u8| {
            let place = ORDER.iter().position(|&known| known == code);
            place.unwrap_or(if code == Self::OK { 255 } else { 128 })
        };
        let most = codes.into_iter().min_by_key(|&code| rank(code));
        most.unwrap_or(Self::OK)
    }

    /// The table as text, for `degu-lab help exit-codes`.
    pub fn help() -> String {
        let width = Self::TABLE.iter().map(|row| row.1.len()).max().unwrap_or(0);
        let mut text = format!("code  {:width$}  what is printed\n", "meaning");
        for (code, meaning, prints) in Self::TABLE {
            let line = format!("{code:>4}  {meaning:width$}  {prints}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text.push_str("When several apply: 70, 7, 8, 4, 6, 5, 130, in this order.\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::ExitCode;

    #[test]
    fn the_table_is_complete_and_sorted() {
        let codes: Vec<u8> = ExitCode::TABLE.iter().map(|row| row.0).collect();
        assert_eq!(codes, [0, 2, 3, 4, 5, 6, 7, 8, 70, 75, 130]);
        assert!(ExitCode::help().contains("  75  locked"));
    }

    #[test]
    fn the_most_severe_failure_decides() {
        assert_eq!(ExitCode::most_severe([]), 0);
        assert_eq!(ExitCode::most_severe([0, 130]), 130);
        assert_eq!(ExitCode::most_severe([5, 6, 130]), 6);
        assert_eq!(ExitCode::most_severe([5, 4, 8, 7]), 7);
        assert_eq!(ExitCode::most_severe([70, 7]), 70);
    }
}
