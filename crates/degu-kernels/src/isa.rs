//! Instruction sets and the choice among them.

use crate::simd::Simd;
use crate::simd::portable::Portable;
#[cfg(target_arch = "x86_64")]
use crate::simd::{avx2::Avx2, avx512::Avx512};

/// The instruction set that the kernels of one engine use.
///
/// A value exists only for a set that this processor has, so holding one is the proof that its
/// kernels may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Why an instruction set that was asked for cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IsaError {
    /// The name is none that we know.
    #[error("unknown kernel set `{name}`: expected one of `portable`, `avx2`, `avx512`")]
    Unknown {
        /// The name that was given.
        name: String,
    },
    /// The processor lacks the instructions.
    #[error(
        "kernel set `{name}` needs instructions that this processor lacks: leave it unset or use `portable`"
    )]
    Missing {
        /// The name that was given.
        name: String,
    },
}

impl Isa {
    /// The kernels in plain Rust, which run everywhere.
    pub const PORTABLE: Self = Self(Kind::Portable);

    /// The best set of this processor, or the one that `wanted` names (the value of `DEGU_KERNELS`,
    /// read by the caller).
    ///
    /// # Errors
    ///
    /// [`IsaError::Unknown`] for a name other than `portable`, `avx2`, `avx512`;
    /// [`IsaError::Missing`] if the processor lacks it.
    pub fn detect(wanted: Option<&str>) -> Result<Self, IsaError> {
        let available = Self::available();
        match wanted {
            None | Some("") => Ok(available.last().copied().unwrap_or(Self::PORTABLE)),
            Some(name @ ("portable" | "avx2" | "avx512")) => available
                .into_iter()
                .find(|isa| isa.name() == name)
                .ok_or_else(|| IsaError::Missing {
                    name: name.to_owned(),
                }),
            Some(name) => Err(IsaError::Unknown {
                name: name.to_owned(),
            }),
        }
    }

    /// Every set of this processor, slowest first.
    pub fn available() -> Vec<Self> {
        #[cfg_attr(
            not(target_arch = "x86_64"),
            expect(unused_mut, reason = "one set only")
        )]
        let mut sets = vec![Self::PORTABLE];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets.push(Self(Kind::Avx2));
                if is_x86_feature_detected!("avx512f") {
                    sets.push(Self(Kind::Avx512));
                }
            }
        }
        sets
    }

    /// `portable`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
        }
    }

    /// Values of one vector register, and the widest column panel in registers.
    pub(crate) fn geometry(self) -> (usize, usize) {
        struct Geometry;
        impl Kernel for Geometry {
            type Output = (usize, usize);
            #[inline(always)]
            fn run<S: Simd>(self, _: S) -> (usize, usize) {
                (S::LANES, S::PANEL)
            }
        }
        self.run(Geometry)
    }

    /// Runs a kernel with the instructions of this set.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Kind::Portable => kernel.run(Portable),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Kind::Avx2` is built only after the processor was found to have AVX2 and
            // FMA.
            Kind::Avx2 => unsafe { run_avx2(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Kind::Avx512` is built only after the processor was found to have
            // AVX-512F.
            Kind::Avx512 => unsafe { run_avx512(kernel) },
        }
    }
}

/// A loop that can be compiled for any instruction set. `run` must be `#[inline(always)]`, down to
/// the intrinsics.
pub(crate) trait Kernel {
    /// What the loop returns.
    type Output;
    /// The loop.
    fn run<S: Simd>(self, s: S) -> Self::Output;
}

/// # Safety
/// The processor has AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: promised by the caller.
    kernel.run(unsafe { Avx2::new() })
}

/// # Safety
/// The processor has AVX-512F.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: promised by the caller.
    kernel.run(unsafe { Avx512::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forced_set_is_the_one_named() {
        for isa in Isa::available() {
            assert_eq!(Isa::detect(Some(isa.name())), Ok(isa));
        }
        assert_eq!(Isa::detect(Some("portable")), Ok(Isa::PORTABLE));
        assert!(matches!(
            Isa::detect(Some("sse9")),
            Err(IsaError::Unknown { .. })
        ));
    }
}
