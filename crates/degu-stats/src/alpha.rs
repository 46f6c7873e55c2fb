//! Error rates as exact fractions, and the conformal rank.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Result, StatsError};

/// Most decimals an error rate may be written with.
const MAX_DECIMALS: u32 = 12;

/// An error rate (miscoverage level) in (0, 1), held as an exact fraction: 0.1 is 1/10.
///
/// Ranks are computed in integers, because `ceil((n + 1)(1 - alpha))` in floating point is wrong
/// for common pairs of `n` and `alpha`. A number from a configuration file is read by its shortest
/// decimal text, which is what was typed.
///
/// # Examples
///
/// ```
/// use degu_stats::Alpha;
///
/// let alpha: Alpha = "0.1".parse()?;
/// assert_eq!(alpha.rank(9), 9);
/// assert_eq!(alpha.rank(8), 9); // above n: the interval is infinite
/// assert_eq!(alpha.divided_by(4)?.to_string(), "0.025");
/// assert_eq!(Alpha::from_f64(0.1)?, alpha);
/// # Ok::<(), degu_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alpha {
    num: u64,
    den: u64,
}

impl Alpha {
    /// The fraction `num`/`den` in lowest terms.
    ///
    /// # Errors
    ///
    /// [`StatsError::Alpha`] unless `0 < num < den`.
    pub fn new(num: u64, den: u64) -> Result<Self> {
        if num == 0 || num >= den {
            return Err(StatsError::Alpha {
                found: format!("{num}/{den}"),
                hint: "",
            });
        }
        let divisor = gcd(num, den);
        Ok(Self {
            num: num / divisor,
            den: den / divisor,
        })
    }

    /// Reads a number by its shortest decimal text.
    ///
    /// # Errors
    ///
    /// [`StatsError::Alpha`] outside (0, 1) or for more than 12 decimals, as left over by
    /// floating-point arithmetic.
    pub fn from_f64(value: f64) -> Result<Self> {
        format!("{value}").parse()
    }

    /// The error rate of a coverage level such as 0.9, subtracted as a fraction.
    pub fn from_level(level: f64) -> Result<Self> {
        Ok(Self::from_f64(level)?.complement())
    }

    /// Numerator in lowest terms.
    pub const fn numerator(self) -> u64 {
        self.num
    }

    /// Denominator in lowest terms.
    pub const fn denominator(self) -> u64 {
        self.den
    }

    /// The error rate as the nearest floating-point number.
    pub fn value(self) -> f64 {
        self.num as f64 / self.den as f64
    }

    /// The level `1 - alpha` as the nearest floating-point number.
    pub fn level(self) -> f64 {
        (self.den - self.num) as f64 / self.den as f64
    }

    /// `1 - alpha`, exactly.
    pub const fn complement(self) -> Self {
        Self {
            num: self.den - self.num,
            den: self.den,
        }
    }

    /// `alpha / parts`, exactly: two sides, or T tasks.
    ///
    /// # Errors
    ///
    /// [`StatsError::Parameter`] if `parts` is 0 or the denominator leaves 64 bits.
    pub fn divided_by(self, parts: u64) -> Result<Self> {
        match self.den.checked_mul(parts) {
            Some(den) if parts > 0 => Self::new(self.num, den),
            _ => Err(StatsError::Parameter {
                name: "parts",
                expected: "at least 1 and small enough for a 64-bit denominator",
                found: parts as f64,
            }),
        }
    }

    /// `ceil((n + 1)(1 - alpha))`, the rank of the conformal quantile among `n` scores, counted
    /// from 1.
    ///
    /// A rank of `n + 1` means that the quantile is infinite; it is never clamped.
    pub fn rank(self, n: usize) -> usize {
        self.complement().ceil_of(n as u64 + 1) as usize
    }

    /// Smallest calibration set for which [`rank`](Self::rank) is finite: `ceil(1/alpha) - 1` rows.
    pub const fn smallest_calibration(self) -> usize {
        (self.den.div_ceil(self.num) - 1) as usize
    }

    /// `ceil(alpha * count)` in exact arithmetic.
    pub const fn ceil_of(self, count: u64) -> u64 {
        (self.num as u128 * count as u128).div_ceil(self.den as u128) as u64
    }

    /// `floor(alpha * count)` in exact arithmetic.
    pub const fn floor_of(self, count: u64) -> u64 {
        (self.num as u128 * count as u128 / self.den as u128) as u64
    }
}

const fn gcd(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl PartialOrd for Alpha {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Alpha {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (u128::from(self.num) * u128::from(other.den))
            .cmp(&(u128::from(other.num) * u128::from(self.den)))
    }
}

impl FromStr for Alpha {
    type Err = StatsError;

    /// Reads decimal text ("0.1", ".05", "5e-2") or a fraction ("1/3", as [`Display`](fmt::Display)
    /// writes one).
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |hint| StatsError::Alpha {
            found: text.to_owned(),
            hint,
        };
        let trimmed = text.trim();
        if let Some((num, den)) = trimmed.split_once('/') {
            let part = |s: &str| {
                s.trim()
                    .parse::<u64>()
                    .map_err(|_| wrong("; a fraction is two whole numbers"))
            };
            return Self::new(part(num)?, part(den)?);
        }
        let (mantissa, exponent) = match trimmed.split_once(['e', 'E']) {
            None => (trimmed, 0),
            Some((m, e)) => (
                m,
                e.parse::<i32>()
                    .map_err(|_| wrong("; the exponent is not a whole number"))?,
            ),
        };
        let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{decimals}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong(if trimmed.ends_with('%') {
                "; write a percentage as a fraction of 1"
            } else {
                ""
            }));
        }
        let kept = digits.trim_end_matches('0');
        let dropped = (digits.len() - kept.len()) as i64;
        let places = decimals.len() as i64 - i64::from(exponent) - dropped;
        if places > i64::from(MAX_DECIMALS) {
            return Err(wrong(
                "; this looks like the result of floating-point arithmetic, write the number that is meant",
            ));
        }
        let significant = kept.trim_start_matches('0');
        if places < 1 || significant.len() > MAX_DECIMALS as usize {
            return Err(wrong(""));
        }
        let num = significant.parse::<u64>().map_err(|_| wrong(""))?;
        Self::new(num, 10_u64.pow(places as u32)).map_err(|_| wrong(""))
    }
}

impl fmt::Display for Alpha {
    /// Writes the exact decimal, or `num/den` where there is none (a third).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for places in 1..=MAX_DECIMALS {
            let scale = 10_u64.pow(places);
            if scale % self.den == 0 {
                let digits = self.num * (scale / self.den);
                return write!(f, "0.{digits:0width$}", width = places as usize);
            }
        }
        write!(f, "{}/{}", self.num, self.den)
    }
}

impl Serialize for Alpha {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Alpha {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct AlphaVisitor;

        impl Visitor<'_> for AlphaVisitor {
            type Value = Alpha;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an error rate strictly between 0 and 1, as a number or as text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Alpha, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> std::result::Result<Alpha, E> {
                Alpha::from_f64(value).map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> std::result::Result<Alpha, E> {
                Err(E::custom(StatsError::Alpha {
                    found: value.to_string(),
                    hint: "",
                }))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> std::result::Result<Alpha, E> {
                Err(E::custom(StatsError::Alpha {
                    found: value.to_string(),
                    hint: "",
                }))
            }
        }
        deserializer.deserialize_any(AlphaVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_a_fraction_and_written_back() {
        for (text, num, den, shown) in [
            ("0.1", 1, 10, "0.1"),
            (".05", 1, 20, "0.05"),
            ("0.10", 1, 10, "0.1"),
            ("5e-2", 1, 20, "0.05"),
            ("0.000000000001", 1, 1_000_000_000_000, "0.000000000001"),
            ("1/3", 1, 3, "1/3"),
            (" 0.5 ", 1, 2, "0.5"),
        ] {
            let alpha: Alpha = text.parse().unwrap();
            assert_eq!((alpha.num, alpha.den), (num, den), "{text}");
            assert_eq!(alpha.to_string(), shown);
            assert_eq!(shown.parse::<Alpha>().unwrap(), alpha);
        }
    }

    #[test]
    fn rejects_what_is_no_error_rate() {
        for text in [
            "0", "1", "1.0", "0.0", "-0.1", "+0.1", "nan", "inf", "", ".", "10%", "2/2", "1e2",
            "0.1.2", "1/0", "5e",
        ] {
            assert!(text.parse::<Alpha>().is_err(), "{text}");
        }
        let message = Alpha::from_f64(0.1 + 0.2).unwrap_err().to_string();
        assert!(message.contains("floating-point arithmetic"), "{message}");
        assert!(Alpha::from_f64(f64::NAN).is_err());
    }

    #[test]
    fn orders_by_value_and_divides_exactly() {
        let tenth = Alpha::from_f64(0.1).unwrap();
        assert!(tenth < "0.2".parse().unwrap());
        assert_eq!(tenth.divided_by(3).unwrap().to_string(), "1/30");
        assert!(tenth.divided_by(0).is_err() && tenth.divided_by(u64::MAX).is_err());
        assert_eq!(Alpha::from_level(0.9).unwrap(), tenth);
        assert_eq!(
            (
                tenth.smallest_calibration(),
                tenth.divided_by(2).unwrap().smallest_calibration()
            ),
            (9, 19)
        );
    }

    #[test]
    fn serde_takes_numbers_and_text() {
        let alphas: Vec<Alpha> = serde_json::from_str(r#"[0.1, "0.1", "1/3"]"#).unwrap();
        assert_eq!(alphas[0], alphas[1]);
        assert_eq!(
            serde_json::to_string(&alphas).unwrap(),
            r#"["0.1","0.1","1/3"]"#
        );
        assert!(
            serde_json::from_str::<Alpha>("1").is_err()
                && serde_json::from_str::<Alpha>("-1").is_err()
        );
    }

    #[test]
    fn ranks_agree_with_wide_integer_arithmetic() {
        // 1e5 pairs from a linear congruential generator, against (n + 1) - floor((n + 1) num /
        // den).
        let mut state = 20_261_121_u64;
        for _ in 0..100_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let n = (state >> 40) as usize;
            let den = 10_u64.pow(1 + (state % 12) as u32);
            let num = 1 + (state >> 20) % (den - 1);
            let want = n as u128 + 1 - (n as u128 + 1) * u128::from(num) / u128::from(den);
            assert_eq!(Alpha::new(num, den).unwrap().rank(n) as u128, want);
        }
    }
}
