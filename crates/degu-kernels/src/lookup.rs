//! The first layer on base codes: a convolution over one-hot rows is a sum of table rows, and the
//! table is the weight tensor `[taps, 4, c_out]` itself. Codes above 3 (N) and positions outside
//! the sequence add nothing.

use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// How output rows read the codes: row `m` reads the positions `m * stride + t * dilation - left`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeWindow {
    /// First output row.
    pub first_row: usize,
    /// Output rows.
    pub rows: usize,
    /// Taps of the convolution.
    pub taps: usize,
    /// Positions from one output row to the next.
    pub stride: usize,
    /// Positions from one tap to the next.
    pub dilation: usize,
    /// Padding before the sequence.
    pub left: usize,
}

impl CodeWindow {
    /// Table row, `tap * 4 + base`, that tap `t` of output row `m` (counted from `first_row`) adds,
    /// if any.
    #[inline(always)]
    fn table_row(&self, codes: &[u8], m: usize, t: usize) -> Option<usize> {
        let at = ((self.first_row + m) * self.stride + t * self.dilation).checked_sub(self.left)?;
        let code = usize::from(*codes.get(at)?);
        (code < 4).then_some(t * 4 + code)
    }
}

/// Taps whose table rows are summed in one go.
const GROUP: usize = 32;

/// `y[m][o] = bias[o] + sum over taps of table[tap][codes[..]][o]`; the row stride of `y` is
/// `y_pitch`.
///
/// # Panics
///
/// If a slice is shorter than the shapes say.
pub fn lookup_forward(
    isa: Isa,
    table: &[f32],
    c_out: usize,
    codes: &[u8],
    window: CodeWindow,
    bias: Option<&[f32]>,
    y: &mut [f32],
    y_pitch: usize,
) {
    if window.rows == 0 || c_out == 0 {
        return;
    }
    assert!(
        table.len() >= window.taps * 4 * c_out,
        "table of {} values is too short",
        table.len()
    );
    assert!(
        y_pitch >= c_out && y.len() >= (window.rows - 1) * y_pitch + c_out,
        "output of {} values is too short",
        y.len()
    );
    assert!(
        bias.is_none_or(|b| b.len() >= c_out),
        "bias shorter than {c_out} channels"
    );
    let bias = bias.map_or(std::ptr::null(), <[f32]>::as_ptr);
    isa.run(Forward {
        table: table.as_ptr(),
        c_out,
        codes,
        window,
        bias,
        y: y.as_mut_ptr(),
        y_pitch,
    });
}

struct Forward<'a> {
    table: *const f32,
    c_out: usize,
    codes: &'a [u8],
    window: CodeWindow,
    bias: *const f32,
    y: *mut f32,
    y_pitch: usize,
}

impl Kernel for Forward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut rows = [0usize; GROUP];
        for m in 0..self.window.rows {
            let mut tap = 0;
            while tap < self.window.taps {
                let end = (tap + GROUP).min(self.window.taps);
                let mut count = 0;
                for t in tap..end {
                    if let Some(row) = self.window.table_row(self.codes, m, t) {
                        rows[count] = row * self.c_out;
                        count += 1;
                    }
                }
                // SAFETY: table rows below taps * 4 and output row m exist, as the caller checked.
                unsafe { self.row(s, m, &rows[..count], tap > 0) };
                tap = end;
            }
        }
    }
}

impl Forward<'_> {
    /// # Safety
    /// Output row `m` exists and every offset of `rows` is the start of a table row.
    #[inline(always)]
    unsafe fn row<S: Simd>(&self, s: S, m: usize, rows: &[usize], accumulate: bool) {
        // SAFETY: promised by the caller; vectors stay below `c_out`.
        unsafe {
            let y = self.y.add(m * self.y_pitch);
            let start = if accumulate {
                y.cast_const()
            } else {
                self.bias
            };
            let mut c = 0;
            while c + 4 * S::LANES <= self.c_out {
                self.block::<S, 4, false>(s, y, start, rows, c, 0);
                c += 4 * S::LANES;
            }
            while c + S::LANES <= self.c_out {
                self.block::<S, 1, false>(s, y, start, rows, c, 0);
                c += S::LANES;
            }
            if c < self.c_out {
                self.block::<S, 1, true>(s, y, start, rows, c, self.c_out - c);
            }
        }
    }

    /// # Safety
    /// As [`Self::row`]; `W` vectors from channel `c` on, or `part` values, exist.
    #[inline(always)]
    unsafe fn block<S: Simd, const W: usize, const PART: bool>(
        &self,
        s: S,
        y: *mut f32,
        start: *const f32,
        rows: &[usize],
        c: usize,
        part: usize,
    ) {
        // SAFETY: promised by the caller.
        unsafe {
            let mut acc = [s.zero(); W];
            if !start.is_null() {
                for (j, a) in acc.iter_mut().enumerate() {
                    *a = s.load_up_to::<PART>(start.add(c + j * S::LANES), part);
                }
            }
            for row in rows {
                for (j, a) in acc.iter_mut().enumerate() {
                    *a = s.add(
                        *a,
                        s.load_up_to::<PART>(self.table.add(row + c + j * S::LANES), part),
                    );
                }
            }
            for (j, a) in acc.iter().enumerate() {
                s.store_up_to::<PART>(y.add(c + j * S::LANES), part, *a);
            }
        }
    }
}

/// Adds the gradient of the table: row `[tap][code]` of `dtable` gains `dy[m]` for each output
/// row that read it.
///
/// # Panics
///
/// If a slice is shorter than the shapes say.
pub fn lookup_weight_gradient(
    isa: Isa,
    dtable: &mut [f32],
    c_out: usize,
    codes: &[u8],
    window: CodeWindow,
    dy: &[f32],
    dy_pitch: usize,
) {
    if window.rows == 0 || c_out == 0 {
        return;
    }
    assert!(
        dtable.len() >= window.taps * 4 * c_out,
        "table of {} values is too short",
        dtable.len()
    );
    assert!(
        dy_pitch >= c_out && dy.len() >= (window.rows - 1) * dy_pitch + c_out,
        "gradient of {} values is too short",
        dy.len()
    );
    isa.run(Scatter {
        dtable: dtable.as_mut_ptr(),
        c_out,
        codes,
        window,
        dy: dy.as_ptr(),
        dy_pitch,
    });
}

struct Scatter<'a> {
    dtable: *mut f32,
    c_out: usize,
    codes: &'a [u8],
    window: CodeWindow,
    dy: *const f32,
    dy_pitch: usize,
}

impl Kernel for Scatter<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut rows = [0usize; GROUP];
        for m in 0..self.window.rows {
            let mut tap = 0;
            while tap < self.window.taps {
                let end = (tap + GROUP).min(self.window.taps);
                let mut count = 0;
                for t in tap..end {
                    if let Some(row) = self.window.table_row(self.codes, m, t) {
                        rows[count] = row * self.c_out;
                        count += 1;
                    }
                }
                // SAFETY: table rows below taps * 4 and gradient row m exist, as the caller
                // checked.
                unsafe {
                    let dy = self.dy.add(m * self.dy_pitch);
                    let mut c = 0;
                    while c + 4 * S::LANES <= self.c_out {
                        self.block::<S, 4, false>(s, dy, &rows[..count], c, 0);
                        c += 4 * S::LANES;
                    }
                    while c + S::LANES <= self.c_out {
                        self.block::<S, 1, false>(s, dy, &rows[..count], c, 0);
                        c += S::LANES;
                    }
                    if c < self.c_out {
                        self.block::<S, 1, true>(s, dy, &rows[..count], c, self.c_out - c);
                    }
                }
                tap = end;
            }
        }
    }
}

impl Scatter<'_> {
    /// # Safety
    /// Every offset of `rows` is the start of a table row; `W` vectors from channel `c` on, or
    /// `part` values, exist.
    #[inline(always)]
    unsafe fn block<S: Simd, const W: usize, const PART: bool>(
        &self,
        s: S,
        dy: *const f32,
        rows: &[usize],
        c: usize,
        part: usize,
    ) {
        // SAFETY: promised by the caller.
        unsafe {
            let mut d = [s.zero(); W];
            for (j, v) in d.iter_mut().enumerate() {
                *v = s.load_up_to::<PART>(dy.add(c + j * S::LANES), part);
            }
            for row in rows {
                for (j, v) in d.iter().enumerate() {
                    let at = self.dtable.add(row + c + j * S::LANES);
                    s.store_up_to::<PART>(at, part, s.add(s.load_up_to::<PART>(at, part), *v));
                }
            }
        }
    }
}
