//! The exponential of one number, and the hash of dropout masks: constants that the vector types
//! share, and the plain forms.

/// Below this the f32 exponential is 0.
pub(crate) const EXP_LO: f32 = -104.0;
/// Above this the f32 exponential is infinite.
pub(crate) const EXP_HI: f32 = 89.0;
/// The upper bits of ln 2: its product with an exponent is exact.
pub(crate) const LN2_HI: f32 = 0.693_359_4;
/// ln 2 - `LN2_HI`.
pub(crate) const LN2_LO: f32 = -2.121_944_4e-4;
/// exp(r) = sum of `r^k / k!`, highest power first; the truncation error at |r| <= ln(2)/2 is 5e-9.
pub(crate) const TAYLOR: [f32; 8] = [
    1.0 / 5040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];

/// The exponential, by a polynomial: relative error below 2e-7.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Comparisons in this order let a NaN through.
    let x = if EXP_LO > x { EXP_LO } else { x };
    let x = if EXP_HI < x { EXP_HI } else { x };
    // Adding and subtracting 1.5 * 2^23 rounds to the nearest integer without a library call.
    let n = (x * std::f32::consts::LOG2_E + 12_582_912.0) - 12_582_912.0;
    let r = (x - n * LN2_HI) - n * LN2_LO;
    let mut p = TAYLOR[0];
    for c in &TAYLOR[1..] {
        p = p * r + c;
    }
    let n = n as i32;
    let (half, rest) = (n >> 1, n - (n >> 1));
    let power = |k: i32| f32::from_bits(((k + 127) << 23) as u32);
    p * power(half) * power(rest)
}

/// Multipliers of the 32-bit mixer (Wellons' low-bias search).
pub(crate) const MIX_A: u32 = 0x7feb_352d;
pub(crate) const MIX_B: u32 = 0x846c_a68b;

/// The 32 random bits of one element.
#[inline(always)]
pub(crate) fn hash(key: [u32; 2], element: u32) -> u32 {
    let mut x = element.wrapping_add(key[0]);
    x ^= x >> 16;
    x = x.wrapping_mul(MIX_A);
    x ^= key[1];
    x ^= x >> 15;
    x = x.wrapping_mul(MIX_B);
    x ^ (x >> 16)
}

/// Finalizer of the 64-bit murmur3 hash.
pub(crate) fn mix(mut x: u64) -> u64 {
    x ^= x >> 33;
    x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
    x ^= x >> 33;
    x = x.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}
