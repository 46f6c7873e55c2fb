//! Elements and adaptors.

use std::path::Path;

use degu_core::{Error, Result};
use degu_genome::{decode, encode};

use crate::config::{Adapters, LentiMpra};
use crate::error::{reading, unusable};

/// The adaptors as base codes and what happens to them.
pub(crate) struct Flanks {
    left: Vec<u8>,
    right: Vec<u8>,
    adapters: Adapters,
}

impl Flanks {
    pub(crate) fn of(config: &LentiMpra) -> Result<Self> {
        let codes = |letters: &str| encode(letters.as_bytes()).map(|e| e.codes).map_err(reading);
        Ok(Self {
            left: codes(&config.left_adapter)?,
            right: codes(&config.right_adapter)?,
            adapters: config.adapters,
        })
    }

    fn has_both(&self, codes: &[u8]) -> bool {
        codes.len() >= self.left.len() + self.right.len()
            && codes.starts_with(&self.left)
            && codes.ends_with(&self.right)
    }

    /// The element within a sequence as it stands in the file.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if an adaptor is missing, or is there and would be added again.
    pub(crate) fn element<'a>(
        &self,
        codes: &'a [u8],
        path: &Path,
        at: impl FnOnce() -> String,
    ) -> Result<&'a [u8], Error> {
        let problem = match self.adapters {
            Adapters::Add if self.left.is_empty() && self.right.is_empty() => return Ok(codes),
            Adapters::Add if !self.has_both(codes) => return Ok(codes),
            Adapters::Keep | Adapters::Strip if self.has_both(codes) => {
                return Ok(&codes[self.left.len()..codes.len() - self.right.len()]);
            }
            Adapters::Add => {
                "the sequence has the adaptors already; set `adapters = \"keep\"`, or \
                              `\"strip\"` for the element alone"
                    .to_owned()
            }
            Adapters::Keep | Adapters::Strip => format!(
                "expected a sequence that starts with `{}` and ends with `{}`, found `{}`; set `adapters = \"add\"` if the \
                 file holds elements alone",
                decode(&self.left),
                decode(&self.right),
                shortened(codes)
            ),
        };
        Err(unusable(path, at(), problem))
    }

    /// Appends what the model reads of an element.
    pub(crate) fn push(&self, element: &[u8], codes: &mut Vec<u8>) {
        let (left, right): (&[u8], &[u8]) = match self.adapters {
            Adapters::Add | Adapters::Keep => (&self.left, &self.right),
            Adapters::Strip => (&[], &[]),
        };
        codes.extend_from_slice(left);
        codes.extend_from_slice(element);
        codes.extend_from_slice(right);
    }
}

/// The element of a sequence that has the adaptors of the assay, else the sequence: what groups are
/// made of.
///
/// Of two orientations only the element is reverse-complemented, the adaptors stay.
pub(crate) fn bare(codes: &[u8]) -> &[u8] {
    // AGGACCGGATCAACT and CATTGCGTGAACCGA
    const LEFT: [u8; 15] = [0, 2, 2, 0, 1, 1, 2, 2, 0, 3, 1, 0, 0, 1, 3];
    const RIGHT: [u8; 15] = [1, 0, 3, 3, 2, 1, 2, 3, 2, 0, 0, 1, 1, 2, 0];
    if codes.len() > 30 && codes.starts_with(&LEFT) && codes.ends_with(&RIGHT) {
        &codes[15..codes.len() - 15]
    } else {
        codes
    }
}

fn shortened(codes: &[u8]) -> String {
    if codes.len() <= 40 {
        decode(codes)
    } else {
        format!(
            "{}..{}",
            decode(&codes[..18]),
            decode(&codes[codes.len() - 18..])
        )
    }
}
