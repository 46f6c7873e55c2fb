//! What a column of a table holds, by its cells.

use std::collections::BTreeSet;

use degu_core::Split;
use degu_genome::{encode, parse_number};

/// Shortest sequence that a column is taken for.
pub(super) const SHORTEST: usize = 8;
/// Most different texts of a category.
const MOST_CATEGORIES: usize = 50;

/// What is known of a column. A few cells that do not fit leave it what it is, so that they are
/// found and named when it is read.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) bases: usize,
    sequences: usize,
    not_sequences: usize,
    numbers: usize,
    fractions: usize,
    not_numbers: usize,
    parts: usize,
    not_parts: usize,
    texts: BTreeSet<String>,
    pub(super) rows: usize,
}

/// Whether at most one cell in five contradicts the others.
fn mostly(fitting: usize, contradicting: usize) -> bool {
    fitting > 0 && contradicting * 4 <= fitting
}

impl Judged {
    pub(super) fn see(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        self.rows += 1;
        self.texts.insert(text.clone().into_owned());
        match parse_number(&text) {
            Ok(None) => return,
            Ok(Some(value)) => {
                self.numbers += 1;
                self.fractions += usize::from(value.fract() != 0.0);
            }
            Err(_) => self.not_numbers += 1,
        }
        match Split::parse(&text) {
            Some(_) => self.parts += 1,
            None => self.not_parts += 1,
        }
        if bytes.len() < SHORTEST || encode(bytes).is_err() {
            self.not_sequences += 1;
        } else {
            self.sequences += 1;
            self.bases += bytes.len();
        }
    }

    pub(super) fn is_sequence(&self) -> bool {
        mostly(self.sequences, self.not_sequences)
    }

    pub(super) fn is_target(&self) -> bool {
        self.fractions > 0 && mostly(self.numbers, self.not_numbers)
    }

    pub(super) fn is_split(&self) -> bool {
        mostly(self.parts, self.not_parts)
    }

    pub(super) fn is_name(&self) -> bool {
        !self.is_target()
            && self.not_numbers > 0
            && !self.is_sequence()
            && mostly(self.texts.len(), self.rows - self.texts.len())
    }

    pub(super) fn is_category(&self) -> bool {
        !self.is_target()
            && self.not_numbers > 0
            && (2..=MOST_CATEGORIES).contains(&self.texts.len())
            && self.texts.len() * 4 <= self.rows
    }
}
