//! Thirty-two bytes that are written as hexadecimal digits.

use std::fmt;

/// A 256-bit hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Hex32(pub(crate) [u8; 32]);

impl Hex32 {
    /// Digits of the first `bytes` bytes.
    pub(crate) fn prefix(&self, bytes: usize) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.0
            .iter()
            .take(bytes)
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
            .collect()
    }

    /// Reads 64 digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = u8::try_from(high * 16 + low).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Hex32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.prefix(32))
    }
}

#[cfg(test)]
mod tests {
    use super::Hex32;

    #[test]
    fn digits_round_trip() {
        let mut bytes = [0_u8; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = (i * 37 % 256) as u8;
        }
        let text = Hex32(bytes).to_string();
        assert_eq!(&text[..8], "00254a6f");
        assert!(Hex32::parse(&text) == Some(Hex32(bytes)));
        assert!(Hex32::parse(&text[1..]).is_none());
        assert!(Hex32::parse(&text.replace('0', "g")).is_none());
    }
}
