//! The input of a grouped convolution, as both directions read it.

use crate::simd::Simd;

/// What both directions read.
#[derive(Clone, Copy)]
pub(super) struct Shared {
    pub(super) rows: usize,
    pub(super) channels: usize,
    pub(super) taps: usize,
    pub(super) group: usize,
    pub(super) x: *const f32,
    pub(super) row_step: usize,
    pub(super) tap_step: usize,
}

impl Shared {
    /// Channels `c + shift ..` of the row at `x`; zero where there are none.
    ///
    /// # Safety
    /// All channels of the row are readable.
    #[inline(always)]
    pub(super) unsafe fn shifted<S: Simd>(
        &self,
        s: S,
        x: *const f32,
        c: usize,
        shift: isize,
    ) -> S::V {
        let from = c as isize + shift;
        // SAFETY: only channels of the row are read.
        unsafe {
            if from >= 0 {
                let from = from as usize;
                if from + S::LANES <= self.channels {
                    s.load(x.wrapping_add(from))
                } else {
                    s.load_part(x.wrapping_add(from), self.channels.saturating_sub(from))
                }
            } else {
                let mut lanes = [0.0; 16];
                for (i, lane) in lanes.iter_mut().enumerate().take(S::LANES) {
                    let at = from + i as isize;
                    if (0..self.channels as isize).contains(&at) {
                        *lane = *x.offset(at);
                    }
                }
                s.load(lanes.as_ptr())
            }
        }
    }
}
