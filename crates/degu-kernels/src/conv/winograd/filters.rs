//! Weights of Winograd F(2, 3).

use crate::isa::Isa;
use crate::pack::Packed;

/// Weights of a convolution of stride 1 that is computed by Winograd F(2, 3).
#[derive(Clone, Debug)]
pub struct Winograd {
    pub(super) parts: [Packed; 4],
    /// The taps beyond the last three.
    pub(super) rest: Option<Packed>,
    /// Combinations of taps before they are packed.
    plain: Vec<f32>,
}

impl Winograd {
    /// Whether a convolution of this geometry can be computed this way.
    pub fn fits(taps: usize, stride: usize, dilation: usize) -> bool {
        stride == 1 && (taps == 3 || (taps > 3 && dilation == 1))
    }

    /// Room for weights `[taps, c_in, c_out]`, all zero; at least three taps.
    pub fn new(isa: Isa, taps: usize, c_in: usize, c_out: usize) -> Self {
        let (threes, rest) = (taps / 3, taps % 3);
        let part = || Packed::new(isa, threes, c_in, c_out);
        Self {
            parts: [part(), part(), part(), part()],
            rest: (rest > 0).then(|| Packed::new(isa, rest, c_in, c_out)),
            plain: vec![0.0; threes * c_in * c_out],
        }
    }

    /// Packs `weights`, `[taps, c_in, c_out]`.
    ///
    /// # Panics
    ///
    /// If `weights` has another length.
    pub fn pack(&mut self, weights: &[f32]) {
        let size = self.c_in() * self.c_out();
        assert_eq!(
            weights.len(),
            self.taps() * size,
            "weights [taps, c_in, c_out]"
        );
        let tap = |t: usize| &weights[t * size..(t + 1) * size];
        for part in 0..4 {
            self.combine(part, &tap);
            self.parts[part].pack(&self.plain);
        }
        let threes = self.threes();
        if let Some(rest) = &mut self.rest {
            rest.pack(&weights[3 * threes * size..]);
        }
    }

    /// As [`Packed::pack_reversed_taps`].
    ///
    /// # Panics
    ///
    /// If `weights` has fewer taps.
    pub fn pack_reversed_taps(&mut self, weights: &[f32], first: usize, step: usize) {
        let (taps, c_in, size) = (self.taps(), self.c_in(), self.c_in() * self.c_out());
        let tap = |t: usize| &weights[(first + (taps - 1 - t) * step) * size..][..size];
        for part in 0..4 {
            self.combine(part, &tap);
            let plain = &self.plain;
            self.parts[part].transpose(|t| &plain[t * size..(t + 1) * size], c_in);
        }
        let threes = self.threes();
        if let Some(rest) = &mut self.rest {
            rest.transpose(|t| tap(3 * threes + t), c_in);
        }
    }

    /// Fills `plain` with the weights of product `part`.
    fn combine<'a>(&mut self, part: usize, tap: &impl Fn(usize) -> &'a [f32]) {
        let size = (self.c_in() * self.c_out()).max(1);
        for (j, plain) in self.plain.chunks_exact_mut(size).enumerate() {
            let [g0, g1, g2] = [tap(3 * j), tap(3 * j + 1), tap(3 * j + 2)];
            match part {
                0 => plain.copy_from_slice(g0),
                3 => plain.copy_from_slice(g2),
                _ => {
                    let sign = if part == 1 { 0.5 } else { -0.5 };
                    let taps = g0.iter().zip(g1).zip(g2);
                    for (value, ((a, b), c)) in plain.iter_mut().zip(taps) {
                        *value = (*a + *c) * 0.5 + *b * sign;
                    }
                }
            }
        }
    }

    fn threes(&self) -> usize {
        self.parts[0].taps()
    }
    fn rest(&self) -> usize {
        self.rest.as_ref().map_or(0, Packed::taps)
    }
    /// Taps of the convolution.
    pub fn taps(&self) -> usize {
        3 * self.threes() + self.rest()
    }
    /// Channels that are summed over.
    pub fn c_in(&self) -> usize {
        self.parts[0].c_in()
    }
    /// Columns of the result.
    pub fn c_out(&self) -> usize {
        self.parts[0].c_out()
    }
    /// Rows that come in pairs: a stretch that starts at a multiple of it has the bits of the
    /// whole.
    pub fn grain(dilation: usize) -> usize {
        2 * dilation
    }
}
