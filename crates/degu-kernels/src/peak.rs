//! The peak of multiply-adds, to measure the matrix kernels against.

use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// Independent chains: enough to hide the latency of the unit, few enough for sixteen registers.
const CHAINS: usize = 12;

/// Runs `rounds` rounds of multiply-adds in registers, no memory, and returns the floating-point
/// operations done and a number that depends on all of them.
pub fn multiply_adds(isa: Isa, rounds: usize) -> (f64, f32) {
    struct Chains(usize);
    impl Kernel<f32> for Chains {
        type Output = (f64, f32);
        #[inline(always)]
        fn run<S: Simd<T = f32>>(self, s: S) -> (f64, f32) {
            let (factor, term) = (
                s.splat(std::hint::black_box(0.5)),
                s.splat(std::hint::black_box(0.25)),
            );
            let mut chains = [s.splat(1.0); CHAINS];
            for _ in 0..self.0 {
                for chain in &mut chains {
                    *chain = s.fma(*chain, factor, term);
                }
            }
            let mut total = s.zero();
            for chain in chains {
                total = s.add(total, chain);
            }
            let mut lanes = [0.0f32; 16];
            // SAFETY: sixteen values hold the widest vector.
            unsafe { s.store(lanes.as_mut_ptr(), total) };
            let operations = (2 * self.0 * CHAINS * S::LANES) as f64;
            (operations, lanes.iter().sum())
        }
    }
    isa.run_f32(Chains(rounds))
}
