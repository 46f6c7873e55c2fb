//! Base codes: A 0, C 1, G 2, T 3, N 4, one `u8` per position.

use crate::error::{GenomeError, Result};

/// Code of an unknown base.
pub const N: u8 = 4;

/// Letters of the codes, in order.
pub const LETTERS: [u8; 5] = *b"ACGTN";

/// The code of an IUPAC letter that stands for two or three bases: becomes N and is counted.
const AMBIGUOUS: u8 = 5;
const INVALID: u8 = 0xFF;

const CODE_OF: [u8; 256] = {
    let mut table = [INVALID; 256];
    let letters = b"ACGTUNRYSWKMBDHV";
    let codes = [0, 1, 2, 3, 3, N, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5];
    let mut i = 0;
    while i < letters.len() {
        table[letters[i] as usize] = codes[i];
        table[letters[i].to_ascii_lowercase() as usize] = codes[i];
        i += 1;
    }
    table
};

/// Codes of a sequence and what was lost in making them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encoded {
    /// Base codes, `[L]`.
    pub codes: Vec<u8>,
    /// Letters R, Y, S, W, K, M, B, D, H or V, which became N. A plain N is not counted.
    pub ambiguous: usize,
}

/// Parses letters to base codes. Lower case equals upper case, U is T, other IUPAC letters become
/// N.
///
/// # Errors
///
/// [`GenomeError::InvalidBase`] with the position and the byte for anything else (gaps and blanks
/// included).
///
/// # Examples
///
/// ```
/// let encoded = degu_genome::encode(b"acGUNr")?;
/// assert_eq!(encoded.codes, [0, 1, 2, 3, 4, 4]);
/// assert_eq!(encoded.ambiguous, 1);
/// # Ok::<(), degu_genome::GenomeError>(())
/// ```
pub fn encode(letters: &[u8]) -> Result<Encoded> {
    let mut codes = Vec::with_capacity(letters.len());
    let ambiguous = encode_into(letters, &mut codes)?;
    Ok(Encoded { codes, ambiguous })
}

/// Appends the codes of `letters` to `codes`; returns the count of ambiguous letters that became N.
///
/// # Errors
///
/// As [`encode`]; `codes` then keeps the bases before the invalid one.
pub fn encode_into(letters: &[u8], codes: &mut Vec<u8>) -> Result<usize> {
    let start = codes.len();
    codes.extend(letters.iter().map(|letter| CODE_OF[usize::from(*letter)]));
    let mut ambiguous = 0;
    // The common case, four bases only, costs one more pass over cached bytes.
    if codes[start..].iter().any(|code| *code > N) {
        for position in 0..letters.len() {
            match codes[start + position] {
                AMBIGUOUS => {
                    codes[start + position] = N;
                    ambiguous += 1;
                }
                INVALID => {
                    codes.truncate(start + position);
                    return Err(GenomeError::InvalidBase {
                        position,
                        byte: letters[position],
                    });
                }
                _ => {}
            }
        }
    }
    Ok(ambiguous)
}

/// Letters of codes; codes above 4 print as N.
pub fn decode(codes: &[u8]) -> String {
    codes
        .iter()
        .map(|code| char::from(LETTERS[usize::from((*code).min(N))]))
        .collect()
}

/// The reverse complement.
///
/// ```
/// use degu_genome::{decode, encode, reverse_complement};
/// let codes = encode(b"AACGN")?.codes;
/// assert_eq!(decode(&reverse_complement(&codes)), "NCGTT");
/// # Ok::<(), degu_genome::GenomeError>(())
/// ```
pub fn reverse_complement(codes: &[u8]) -> Vec<u8> {
    codes.iter().rev().map(|code| complement(*code)).collect()
}

/// Reverse-complements in place.
pub fn reverse_complement_in_place(codes: &mut [u8]) {
    codes.reverse();
    for code in codes {
        *code = complement(*code);
    }
}

/// Complement of one code; N for anything above 3.
#[inline]
pub fn complement(code: u8) -> u8 {
    if code < N { 3 - code } else { N }
}

/// Share of G and C among the known bases, in [0, 1]; `None` without a known base.
pub fn gc_content(codes: &[u8]) -> Option<f64> {
    let known = codes.iter().filter(|code| **code < N).count();
    let gc = codes.iter().filter(|code| matches!(code, 1 | 2)).count();
    (known > 0).then(|| gc as f64 / known as f64)
}

/// The smaller of a sequence and its reverse complement, comparing codes: the group key of both
/// strands.
pub fn canonical(codes: &[u8]) -> Vec<u8> {
    if is_canonical(codes) {
        codes.to_vec()
    } else {
        reverse_complement(codes)
    }
}

/// Whether a sequence is not larger than its reverse complement.
fn is_canonical(codes: &[u8]) -> bool {
    codes
        .iter()
        .copied()
        .le(codes.iter().rev().map(|code| complement(*code)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_byte_is_a_base_an_iupac_letter_or_an_error() {
        for byte in 0..=255u8 {
            let result = encode(&[byte]);
            match byte.to_ascii_uppercase() {
                b'A' => assert_eq!(result.unwrap().codes, [0]),
                b'C' => assert_eq!(result.unwrap().codes, [1]),
                b'G' => assert_eq!(result.unwrap().codes, [2]),
                b'T' | b'U' => assert_eq!(result.unwrap().codes, [3]),
                b'N' => assert_eq!(result.unwrap().ambiguous, 0),
                b'R' | b'Y' | b'S' | b'W' | b'K' | b'M' | b'B' | b'D' | b'H' | b'V' => {
                    let encoded = result.unwrap();
                    assert_eq!((encoded.codes, encoded.ambiguous), (vec![N], 1));
                }
                _ => assert!(matches!(
                    result,
                    Err(GenomeError::InvalidBase { position: 0, byte: found }) if found == byte
                )),
            }
        }
    }

    #[test]
    fn invalid_byte_is_placed() {
        let error = encode(b"ACGT-ACGT").unwrap_err();
        assert!(matches!(
            error,
            GenomeError::InvalidBase {
                position: 4,
                byte: b'-'
            }
        ));
    }

    #[test]
    fn gc_ignores_n() {
        assert_eq!(gc_content(&[0, 1, 2, 4, 4]), Some(2.0 / 3.0));
        assert_eq!(gc_content(&[4, 4]), None);
        assert_eq!(gc_content(&[]), None);
    }

    proptest! {
        #[test]
        fn complement_laws(codes in proptest::collection::vec(0u8..5, 0..60)) {
            let reverse = reverse_complement(&codes);
            prop_assert_eq!(&reverse_complement(&reverse), &codes);
            prop_assert_eq!(canonical(&codes), canonical(&reverse));
            prop_assert_eq!(&encode(decode(&codes).as_bytes()).unwrap().codes, &codes);
            let mut in_place = codes.clone();
            reverse_complement_in_place(&mut in_place);
            prop_assert_eq!(in_place, reverse);
            prop_assert!(canonical(&codes) <= codes);
        }
    }
}
