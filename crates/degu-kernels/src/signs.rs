//! Which values are positive, one bit each: all that the backward pass of a rectified layer needs
//! of its input.

use crate::isa::{Isa, Kernel};
use crate::matrix::{Rows, Shape};
use crate::simd::Simd;

/// Channels of one word.
const WORD: usize = 16;

/// Words that hold the signs of a matrix.
pub fn sign_words(shape: Shape) -> usize {
    shape.rows * shape.channels.div_ceil(WORD)
}

/// Notes which of `x`, plus `skip` where there is one, are above zero: one bit each, in
/// [`sign_words`](crate::sign_words) words.
///
/// # Panics
///
/// If a slice is shorter than the shape says.
pub fn pack_signs(isa: Isa, shape: Shape, x: Rows<'_>, skip: Option<Rows<'_>>, signs: &mut [u16]) {
    struct Pack {
        shape: Shape,
        x: *const f32,
        x_pitch: usize,
        skip: *const f32,
        skip_pitch: usize,
        signs: *mut u16,
    }
    impl Kernel for Pack {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let words = self.shape.channels.div_ceil(WORD);
            for m in 0..self.shape.rows {
                for w in 0..words {
                    let mut bits = 0u32;
                    let mut c = w * WORD;
                    while c < ((w + 1) * WORD).min(self.shape.channels) {
                        let left = self.shape.channels - c;
                        let load = |p: *const f32| {
                            // SAFETY: the channels c .. c + min(left, LANES) of row m exist, as
                            // checked below.
                            unsafe {
                                if left >= S::LANES {
                                    s.load(p)
                                } else {
                                    s.load_part(p, left)
                                }
                            }
                        };
                        let mut z = load(self.x.wrapping_add(m * self.x_pitch + c));
                        if !self.skip.is_null() {
                            z = s.add(z, load(self.skip.wrapping_add(m * self.skip_pitch + c)));
                        }
                        bits |= s.bits(s.gt(z, s.zero())) << (c - w * WORD);
                        c += S::LANES;
                    }
                    // SAFETY: the words of row m exist, as checked below.
                    unsafe { *self.signs.add(m * words + w) = bits as u16 };
                }
            }
        }
    }
    shape.check("x", x.values.len(), x.pitch);
    assert!(signs.len() >= sign_words(shape), "a bit per value");
    let (skip, skip_pitch) = skip.map_or((std::ptr::null(), 0), |r| {
        shape.check("skip", r.values.len(), r.pitch);
        (r.values.as_ptr(), r.pitch)
    });
    isa.run(Pack {
        shape,
        x: x.values.as_ptr(),
        x_pitch: x.pitch,
        skip,
        skip_pitch,
        signs: signs.as_mut_ptr(),
    });
}

/// 1 where the bit is set, 0 elsewhere: a matrix whose rectified derivative is that of the
/// matrix that was noted.
///
/// # Panics
///
/// If a slice is shorter than the shape says.
pub fn unpack_signs(isa: Isa, shape: Shape, signs: &[u16], out: &mut [f32], pitch: usize) {
    struct Unpack {
        shape: Shape,
        signs: *const u16,
        out: *mut f32,
        pitch: usize,
    }
    impl Kernel for Unpack {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let words = self.shape.channels.div_ceil(WORD);
            let one = s.constant(1.0);
            for m in 0..self.shape.rows {
                let mut c = 0;
                while c < self.shape.channels {
                    let left = self.shape.channels - c;
                    // SAFETY: the words and the channels of row m exist, as checked below.
                    unsafe {
                        let word = u32::from(*self.signs.add(m * words + c / WORD));
                        let v = s.select(s.mask(word >> (c % WORD)), one, s.zero());
                        let at = self.out.add(m * self.pitch + c);
                        if left >= S::LANES {
                            s.store(at, v);
                        } else {
                            s.store_part(at, left, v);
                        }
                    }
                    c += S::LANES;
                }
            }
        }
    }
    shape.check("out", out.len(), pitch);
    assert!(signs.len() >= sign_words(shape), "a bit per value");
    isa.run(Unpack {
        shape,
        signs: signs.as_ptr(),
        out: out.as_mut_ptr(),
        pitch,
    });
}
