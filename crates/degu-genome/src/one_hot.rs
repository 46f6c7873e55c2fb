//! One-hot arrays to codes and back, in any order of bases and with the base axis first or last.

use crate::alphabet::N;
use crate::error::{GenomeError, Result};

/// Largest distance of a channel value from 0, 0.25 or 1 at which it still counts as that value.
///
/// One-hot files are exact in every float type (0, 0.25 and 1 are representable in f16), so the
/// tolerance only forgives values that went through arithmetic in f32.
pub const ONE_HOT_TOLERANCE: f32 = 1e-5;

/// Which base each of the four channels stands for.
///
/// Known orders: `ACGT` (DEGU, EvoAug, tangermeme, Kundaje lab), `AGCT` (DREAM challenge,
/// MPRA-LegNet), `ACTG` (some PyTorch re-trainings of DeepSTARR).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BaseOrder {
    code_of_channel: [u8; 4],
}

impl BaseOrder {
    /// Our own order.
    pub const ACGT: Self = Self {
        code_of_channel: [0, 1, 2, 3],
    };
    /// DREAM challenge (prixfixe) and MPRA-LegNet.
    pub const AGCT: Self = Self {
        code_of_channel: [0, 2, 1, 3],
    };
    /// Some PyTorch re-trainings of DeepSTARR.
    pub const ACTG: Self = Self {
        code_of_channel: [0, 1, 3, 2],
    };

    /// Parses four letters such as `AGCT`: each of A, C, G and T (or U) once, in any letter case.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Argument`] for anything else.
    pub fn parse(letters: &str) -> Result<Self> {
        let invalid = || {
            GenomeError::argument(
                "alphabet",
                "each of the letters A, C, G and T once, for example `ACGT`",
                format_args!("`{letters}`"),
            )
        };
        let codes = crate::alphabet::encode(letters.as_bytes())
            .map_err(|_| invalid())?
            .codes;
        let code_of_channel: [u8; 4] = codes.try_into().map_err(|_| invalid())?;
        let mut sorted = code_of_channel;
        sorted.sort_unstable();
        if sorted == [0, 1, 2, 3] {
            Ok(Self { code_of_channel })
        } else {
            Err(invalid())
        }
    }

    /// The code that each channel stands for.
    pub fn codes(self) -> [u8; 4] {
        self.code_of_channel
    }

    /// The channel of each code.
    pub fn channels(self) -> [usize; 4] {
        let mut channels = [0; 4];
        for (channel, code) in self.code_of_channel.iter().enumerate() {
            channels[usize::from(*code)] = channel;
        }
        channels
    }

    /// Re-labels codes that were counted in this order to ours; N stays.
    ///
    /// ```
    /// use degu_genome::BaseOrder;
    /// // In AGCT files code 1 is G.
    /// let mut codes = [0, 1, 2, 3, 4];
    /// BaseOrder::AGCT.to_ours(&mut codes);
    /// assert_eq!(codes, [0, 2, 1, 3, 4]);
    /// ```
    pub fn to_ours(self, codes: &mut [u8]) {
        for code in codes {
            if let Some(ours) = self.code_of_channel.get(usize::from(*code)) {
                *code = *ours;
            }
        }
    }
}

impl std::fmt::Display for BaseOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::alphabet::decode(&self.code_of_channel))
    }
}

/// Which axis of a `[N, ., .]` array holds the four bases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseAxis {
    /// `[N, L, 4]`, ours.
    Last,
    /// `[N, 4, L]`, PyTorch and tf-modisco.
    First,
}

impl BaseAxis {
    /// Finds the base axis of `[N, L, 4]` or `[N, 4, L]`; returns the axis and L.
    ///
    /// # Errors
    ///
    /// [`GenomeError::Shape`] if neither or both axes have length 4, or there are not three axes.
    pub fn of_shape(name: &str, shape: &[u64]) -> Result<(Self, usize)> {
        match *shape {
            [_, length, 4] if length != 4 => Ok((Self::Last, length as usize)),
            [_, 4, length] if length != 4 => Ok((Self::First, length as usize)),
            _ => Err(GenomeError::Shape {
                name: name.to_owned(),
                expected: "[N, L, 4] or [N, 4, L] with L other than 4",
                found: shape.to_vec(),
            }),
        }
    }
}

/// One-hot rows to codes. All-zero and all-0.25 positions become N.
///
/// # Shapes
///
/// * `values` - `[N, L, 4]` or `[N, 4, L]` as `axis` says, f32
/// * returns codes, `[N, L]`
///
/// # Errors
///
/// [`GenomeError::NotOneHot`] with row, position and the four values; rows are counted from
/// `first_row`. [`GenomeError::Argument`] if the number of values is no multiple of 4 L.
pub fn codes_from_one_hot(
    values: &[f32],
    length: usize,
    axis: BaseAxis,
    order: BaseOrder,
    first_row: usize,
) -> Result<Vec<u8>> {
    let row_size = 4 * length;
    if length == 0 || !values.len().is_multiple_of(row_size) {
        return Err(GenomeError::argument(
            "one-hot values",
            "a multiple of 4 L values with L > 0",
            format_args!("{} values for L = {length}", values.len()),
        ));
    }
    let mut codes = Vec::with_capacity(values.len() / 4);
    for (row, one_hot) in values.chunks_exact(row_size).enumerate() {
        for position in 0..length {
            let channels: [f32; 4] = match axis {
                BaseAxis::Last => std::array::from_fn(|channel| one_hot[4 * position + channel]),
                BaseAxis::First => {
                    std::array::from_fn(|channel| one_hot[channel * length + position])
                }
            };
            let code = base_of(channels).ok_or(GenomeError::NotOneHot {
                row: first_row + row,
                position,
                found: channels,
            })?;
            codes.push(if code == N {
                N
            } else {
                order.code_of_channel[usize::from(code)]
            });
        }
    }
    Ok(codes)
}

/// Channel of a one-hot base, 4 for N, `None` for anything else.
#[inline]
fn base_of(values: [f32; 4]) -> Option<u8> {
    let near = |value: f32, target: f32| (value - target).abs() <= ONE_HOT_TOLERANCE;
    let mut base = None;
    let mut zeros = 0;
    for (channel, value) in values.iter().enumerate() {
        if near(*value, 0.0) {
            zeros += 1;
        } else if near(*value, 1.0) {
            base = Some(channel as u8);
        }
    }
    match (zeros, base) {
        (3, Some(channel)) => Some(channel),
        (4, _) => Some(N),
        (0, None) if values.iter().all(|value| near(*value, 0.25)) => Some(N),
        _ => None,
    }
}

/// Codes to one-hot in our order, `[L, 4]`; N is an all-zero row.
pub fn one_hot(codes: &[u8]) -> Vec<f32> {
    one_hot_in(codes, BaseAxis::Last, BaseOrder::ACGT)
}

/// Codes to one-hot, `[L, 4]` or `[4, L]`, channels in `order`; N is all zero.
pub fn one_hot_in(codes: &[u8], axis: BaseAxis, order: BaseOrder) -> Vec<f32> {
    let channels = order.channels();
    let mut values = vec![0.0; 4 * codes.len()];
    for (position, code) in codes.iter().enumerate() {
        if let Some(channel) = channels.get(usize::from(*code)) {
            let index = match axis {
                BaseAxis::Last => 4 * position + channel,
                BaseAxis::First => channel * codes.len() + position,
            };
            values[index] = 1.0;
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_in_every_order_and_layout() {
        let codes = [0u8, 3, 2, 1, 4, 1, 0];
        for order in [
            BaseOrder::ACGT,
            BaseOrder::AGCT,
            BaseOrder::ACTG,
            BaseOrder::parse("tgca").unwrap(),
        ] {
            for axis in [BaseAxis::Last, BaseAxis::First] {
                let values = one_hot_in(&codes, axis, order);
                let back = codes_from_one_hot(&values, codes.len(), axis, order, 0).unwrap();
                assert_eq!(back, codes, "{order} {axis:?}");
            }
        }
        // Channel 1 of an AGCT file is G: a reader that ignores the order sees C.
        let g = one_hot_in(&[2], BaseAxis::Last, BaseOrder::AGCT);
        assert_eq!(g, [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn quarter_and_zero_are_n_and_others_are_placed_errors() {
        let mut values = one_hot(&[0, 1, 2, 0, 1, 2]);
        values[4..8].fill(0.25);
        values[8..12].fill(0.0);
        let codes = codes_from_one_hot(&values, 3, BaseAxis::Last, BaseOrder::ACGT, 10).unwrap();
        assert_eq!(codes, [0, 4, 4, 0, 1, 2]);
        values[17] = 0.5;
        let error =
            codes_from_one_hot(&values, 3, BaseAxis::Last, BaseOrder::ACGT, 10).unwrap_err();
        assert!(
            matches!(error, GenomeError::NotOneHot { row: 11, position: 1, found } if found[1] > 0.4)
        );
        for bad in [
            [1.0, 1.0, 0.0, 0.0],
            [f32::NAN, 0.0, 0.0, 1.0],
            [0.25, 0.25, 0.25, 0.0],
            [-1.0, 0.0, 0.0, 0.0],
        ] {
            assert_eq!(base_of(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn base_axis_is_found_or_refused() {
        assert_eq!(
            BaseAxis::of_shape("x", &[7, 249, 4]).unwrap(),
            (BaseAxis::Last, 249)
        );
        assert_eq!(
            BaseAxis::of_shape("x", &[7, 4, 249]).unwrap(),
            (BaseAxis::First, 249)
        );
        for shape in [&[7, 4, 4][..], &[7, 249, 6], &[7, 4], &[2, 7, 249, 4]] {
            assert!(BaseAxis::of_shape("x", shape).is_err(), "{shape:?}");
        }
        assert!(BaseOrder::parse("ACGG").is_err());
        assert!(BaseOrder::parse("ACG").is_err());
        assert!(BaseOrder::parse("ACG!").is_err());
    }
}
