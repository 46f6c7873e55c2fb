//! Sequences of one part in another.

use degu_config::{SplitConfig, Study};
use degu_core::Split;
use degu_genome::NearDuplicates;
use degu_workflow::store::Artifact;

use super::split::allows;
use crate::{
    error::{Result, StageError},
    results::{LeakageNote, PreparedData},
};

/// Pairs of names that a message about leakage shows.
const EXAMPLES: usize = 3;

/// Refuses prepared data in the store that leak where a study does not allow it: what is allowed
/// changes no row, so a run that allowed more has the same.
///
/// # Errors
///
/// [`StageError::Leakage`]. Data that cannot be read are computed again.
pub(crate) fn refuse_stored(study: &Study, artifact: &Artifact<'_>) -> Result<()> {
    for note in PreparedData::leakage_of(artifact).unwrap_or_default() {
        let count = note.exact + note.reverse_complement;
        if count > 0 && !allows(&study.split, note.first, note.second) {
            return Err(StageError::Leakage {
                first: note.first.name(),
                second: note.second.name(),
                count,
                of: note.of,
                examples: String::new(),
            });
        }
    }
    Ok(())
}

/// Counts what two parts share, and refuses what is not allowed by name.
///
/// The same sequence on either strand is refused; near-duplicates are counted and reported.
pub(super) fn measured(prepared: &PreparedData, config: &SplitConfig) -> Result<Vec<LeakageNote>> {
    let parts = Split::ALL.map(|part| (part, prepared.rows(part)));
    let sequences =
        |rows: &[usize]| -> Vec<&[u8]> { rows.iter().map(|r| prepared.examples.row(*r)).collect() };
    let mut notes = Vec::new();
    for (k, (first, theirs)) in parts.iter().enumerate() {
        let (first, their_sequences) = (*first, sequences(theirs));
        for (second, rows) in &parts[k + 1..] {
            let second = *second;
            if theirs.is_empty() || rows.is_empty() {
                continue;
            }
            let found = NearDuplicates::default().leakage(&their_sequences, &sequences(rows));
            let refused = found.exact.len() + found.reverse_complement.len();
            if refused > 0 && !allows(config, first, second) {
                let pairs = found.exact.iter().chain(&found.reverse_complement);
                let name = |row: usize| &prepared.ids[row];
                let examples: Vec<String> = pairs
                    .take(EXAMPLES)
                    .map(|(a, b)| format!("`{}` and `{}`", name(theirs[*a]), name(rows[*b])))
                    .collect();
                return Err(StageError::Leakage {
                    first: first.name(),
                    second: second.name(),
                    count: refused,
                    of: rows.len(),
                    examples: examples.join(", "),
                });
            }
            notes.push(LeakageNote {
                first,
                second,
                exact: found.exact.len(),
                reverse_complement: found.reverse_complement.len(),
                near_duplicate: found.near_duplicate.len(),
                of: rows.len(),
            });
        }
    }
    Ok(notes)
}
