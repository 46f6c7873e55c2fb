//! The peak of multiply-adds, to measure the matrix kernels against.

use degu_kernels::Isa;
use std::hint::black_box;

/// Independent chains: enough to hide the latency of the unit, few enough for sixteen registers.
const CHAINS: usize = 12;

/// The function `$name`: `$rounds` rounds of `chain * factor + term` in vectors of `$lanes` values.
macro_rules! chains {
    ($name:ident, $lanes:expr, $vector:ty, $set:path, $fma:path $(, $features:literal)?) => {
        $(#[target_feature(enable = $features)])?
        fn $name(rounds: usize) -> f64 {
            let (factor, term): ($vector, $vector) = ($set(black_box(0.5)), $set(black_box(0.25)));
            let mut chains = [$set(1.0); CHAINS];
            for _ in 0..rounds {
                for chain in &mut chains {
                    *chain = $fma(*chain, factor, term);
                }
            }
            black_box(chains);
            (2 * rounds * CHAINS * $lanes) as f64
        }
    };
}

const fn splat(x: f32) -> [f32; 4] {
    [x; 4]
}

fn multiply_add(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
    std::array::from_fn(|i| a[i] * b[i] + c[i])
}

chains!(portable, 4, [f32; 4], splat, multiply_add);
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, __m512, _mm256_fmadd_ps, _mm256_set1_ps, _mm512_fmadd_ps, _mm512_set1_ps,
};
#[cfg(target_arch = "x86_64")]
chains!(avx2, 8, __m256, _mm256_set1_ps, _mm256_fmadd_ps, "avx2,fma");
#[cfg(target_arch = "x86_64")]
chains!(
    avx512,
    16,
    __m512,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    "avx512f"
);

/// Runs `rounds` rounds of multiply-adds in registers, no memory, and returns the floating-point
/// operations done.
pub(crate) fn multiply_adds(isa: Isa, rounds: usize) -> f64 {
    match isa.name() {
        // SAFETY: an `Isa` of this name exists only where the processor has the instructions.
        #[cfg(target_arch = "x86_64")]
        "avx2" => unsafe { avx2(rounds) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        "avx512" => unsafe { avx512(rounds) },
        _ => portable(rounds),
    }
}
