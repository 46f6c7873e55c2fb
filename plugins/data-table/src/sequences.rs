//! Sequences of a FASTA file, and sequences of unequal length.

use std::collections::BTreeMap;
use std::path::Path;

use degu_core::{Error, Result};
use degu_genome::{FastaReader, N};

use crate::config::Fit;
use crate::error::{reading, unusable};

/// Reads a FASTA file; a name may occur again with the same sequence only.
pub(crate) fn by_name(path: &Path) -> Result<(BTreeMap<String, Vec<u8>>, usize)> {
    let mut reader = FastaReader::open(path).map_err(reading)?;
    let mut sequences: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut ambiguous = 0;
    while let Some(record) = reader.next_record().map_err(reading)? {
        ambiguous += record.ambiguous;
        if let Some(known) = sequences.get(&record.id)
            && *known != record.codes
        {
            return Err(unusable(
                path,
                format!("line {}", record.line),
                format!(
                    "`{}` occurs again with another sequence, so a table cannot refer to it",
                    record.id
                ),
            ));
        }
        sequences.insert(record.id, record.codes);
    }
    Ok((sequences, ambiguous))
}

/// Brings all sequences to one length; gives the length and how many were padded and cropped.
///
/// # Errors
///
/// [`Error::Data`] naming the first row that does not fit.
pub(crate) fn fit(
    sequences: &[Vec<u8>],
    length: Option<usize>,
    fit: Fit,
    error: impl Fn(usize, String) -> Error,
) -> Result<(Vec<u8>, usize, [usize; 2]), Error> {
    let lengths = sequences.iter().map(Vec::len);
    let length = length.or(match fit {
        Fit::Refuse => lengths.clone().next(),
        Fit::Pad | Fit::Both => lengths.clone().max(),
        Fit::Crop => lengths.clone().min(),
    });
    let length = length.unwrap_or(0);
    let mut codes = Vec::with_capacity(length * sequences.len());
    let mut changed = [0, 0];
    for (row, sequence) in sequences.iter().enumerate() {
        let found = sequence.len();
        let allowed = match fit {
            Fit::Refuse => found == length,
            Fit::Pad => found <= length,
            Fit::Crop => found >= length,
            Fit::Both => true,
        };
        if !allowed {
            return Err(error(
                row,
                format!(
                    "expected {length} bp, found {found}; set `fit` to \"pad\", \"crop\" or \"both\", or `length`"
                ),
            ));
        }
        if found < length {
            let left = (length - found) / 2;
            codes.resize(codes.len() + left, N);
            codes.extend_from_slice(sequence);
            codes.resize(codes.len() + length - found - left, N);
            changed[0] += 1;
        } else {
            let left = (found - length) / 2;
            codes.extend_from_slice(&sequence[left..left + length]);
            changed[1] += usize::from(found > length);
        }
    }
    Ok((codes, length, changed))
}
