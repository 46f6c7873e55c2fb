//! Weights rearranged into column panels, so that the inner loop of the matrix kernels reads one
//! forward stream.

use crate::isa::Isa;

/// Most outputs that are few.
pub(crate) const FEW: usize = 4;

/// Whether a convolution is computed by the kernels for few outputs, with `lanes` values in a
/// vector.
pub(crate) fn is_narrow(taps: usize, c_in: usize, c_out: usize, lanes: usize) -> bool {
    taps > 1 && (1..=FEW).contains(&c_out) && c_in >= lanes
}

/// Packed weights of a convolution (a dense layer has one tap), for one instruction set.
///
/// Columns are cut into panels of one to four vectors, as equal as possible and zero-padded; within
/// a panel the order is tap, input channel, column. Few columns of a convolution are not padded:
/// their order is column, tap, input channel.
#[derive(Clone, Debug)]
pub struct Packed {
    isa: Isa,
    taps: usize,
    c_in: usize,
    c_out: usize,
    lanes: usize,
    panel: usize,
    data: Vec<f32>,
}

/// Widths, in vectors, of the panels that cover `vectors`, each at most `widest`.
#[inline(always)]
pub(crate) fn panels(vectors: usize, widest: usize) -> impl Iterator<Item = usize> {
    let count = vectors.div_ceil(widest).max(1);
    let (base, rest) = (vectors / count, vectors % count);
    (0..count).map(move |i| base + usize::from(i < rest))
}

impl Packed {
    /// Room for weights `[taps, c_in, c_out]`, all zero.
    pub fn new(isa: Isa, taps: usize, c_in: usize, c_out: usize) -> Self {
        let (lanes, panel) = isa.geometry();
        let columns = if is_narrow(taps, c_in, c_out, lanes) {
            c_out
        } else {
            c_out.div_ceil(lanes) * lanes
        };
        let data = vec![0.0; taps * c_in * columns];
        Self {
            isa,
            taps,
            c_in,
            c_out,
            lanes,
            panel,
            data,
        }
    }

    /// Packs `weights`, `[taps, c_in, c_out]`.
    ///
    /// # Panics
    ///
    /// If `weights` has another length.
    pub fn pack(&mut self, weights: &[f32]) {
        assert_eq!(
            weights.len(),
            self.taps * self.c_in * self.c_out,
            "weights [taps, c_in, c_out]"
        );
        self.pack_rows(weights, self.c_out);
    }

    /// Packs the `taps * c_in` rows of `c_out` values that start `pitch` values apart.
    ///
    /// # Panics
    ///
    /// If `rows` is too short.
    pub(crate) fn pack_rows(&mut self, rows: &[f32], pitch: usize) {
        let depth = self.taps * self.c_in;
        if self.is_narrow() {
            for (o, column) in self.data.chunks_exact_mut(depth).enumerate() {
                for (m, value) in column.iter_mut().enumerate() {
                    *value = rows[m * pitch + o];
                }
            }
            return;
        }
        let (mut at, mut first) = (0, 0);
        for p in panels(self.c_out.div_ceil(self.lanes), self.panel) {
            let width = p * self.lanes;
            let end = (first + width).min(self.c_out);
            let panel = &mut self.data[at..at + depth * width];
            for (m, row) in panel.chunks_exact_mut(width).enumerate() {
                row[..end - first].copy_from_slice(&rows[m * pitch + first..m * pitch + end]);
            }
            at += depth * width;
            first += width;
        }
    }

    /// Packs the weights of the input gradient of a convolution with `weights` `[taps, c_out,
    /// c_in]`: taps reversed, channels transposed. `self` was made for the gradient's own
    /// direction: its `c_in` is the convolution's number of outputs.
    ///
    /// # Panics
    ///
    /// If `weights` has another length.
    pub fn pack_reversed(&mut self, weights: &[f32]) {
        assert_eq!(
            weights.len(),
            self.taps * self.c_in * self.c_out,
            "weights [taps, c_out, c_in]"
        );
        self.pack_reversed_taps(weights, 0, 1);
    }

    /// As [`Packed::pack_reversed`] from the taps `first`, `first + step`, .. of `weights` alone,
    /// as many as `self` has.
    ///
    /// # Panics
    ///
    /// If `weights` has fewer taps.
    pub fn pack_reversed_taps(&mut self, weights: &[f32], first: usize, step: usize) {
        let (taps, size) = (self.taps, self.c_in * self.c_out);
        let tap = |t: usize| &weights[(first + (taps - 1 - t) * step) * size..][..size];
        self.transpose(tap, self.c_in);
    }

    /// Packs the transpose of a matrix of `c_out` rows of `c_in` values that start `pitch` values
    /// apart; one tap.
    ///
    /// # Panics
    ///
    /// If `rows` is too short.
    pub(crate) fn pack_transposed(&mut self, rows: &[f32], pitch: usize) {
        self.transpose(|_| rows, pitch);
    }

    /// Packs the transposes of the matrices `[c_out, c_in]` of all taps, whose rows start `pitch`
    /// values apart.
    pub(crate) fn transpose<'a>(&mut self, tap: impl Fn(usize) -> &'a [f32], pitch: usize) {
        let (inner, outer) = (self.c_in, self.c_out);
        if self.is_narrow() {
            for (m, column) in self.data.chunks_exact_mut(self.taps * inner).enumerate() {
                for (t, values) in column.chunks_exact_mut(inner).enumerate() {
                    values.copy_from_slice(&tap(t)[m * pitch..m * pitch + inner]);
                }
            }
            return;
        }
        let (mut at, mut first) = (0, 0);
        for p in panels(outer.div_ceil(self.lanes), self.panel) {
            let width = p * self.lanes;
            let end = (first + width).min(outer);
            for t in 0..self.taps {
                let source = tap(t);
                let block = &mut self.data[at..at + inner * width];
                for (j, m) in (first..end).enumerate() {
                    let row = &source[m * pitch..m * pitch + inner];
                    for (value, target) in row.iter().zip(block[j..].iter_mut().step_by(width)) {
                        *target = *value;
                    }
                }
                at += inner * width;
            }
            first += width;
        }
    }

    /// Whether there are few columns: the kernels of `conv::narrow` compute them.
    pub(crate) fn is_narrow(&self) -> bool {
        is_narrow(self.taps, self.c_in, self.c_out, self.lanes)
    }

    /// The instruction set that these weights are packed for.
    pub fn isa(&self) -> Isa {
        self.isa
    }
    /// Taps of the convolution.
    pub fn taps(&self) -> usize {
        self.taps
    }
    /// Channels that are summed over.
    pub fn c_in(&self) -> usize {
        self.c_in
    }
    /// Columns of the result.
    pub fn c_out(&self) -> usize {
        self.c_out
    }
    pub(crate) fn data(&self) -> &[f32] {
        &self.data
    }
}
