//! Convolutions with two thirds of the multiplications: Winograd's minimal filtering F(2, 3), in
//! one dimension.
//!
//! Two adjacent outputs of three taps, `d0 g0 + d1 g1 + d2 g2` and `d1 g0 + d2 g1 + d3 g2`, are
//! `m0 + m1 + m2` and `m1 - m2 - m3` with four products in place of six:
//!
//! ```text
//! m0 = (d0 - d2) g0             m1 = (d1 + d2) (g0 + g1 + g2) / 2
//! m3 = (d1 - d3) g2             m2 = (d2 - d1) (g0 - g1 + g2) / 2
//! ```
//!
//! With a dilation the two outputs are `dilation` rows apart. More taps are taken three at a time
//! (at dilation 1), and the one or two that remain are multiplied as they are. Each product is that
//! of a convolution with fewer taps over sums of rows, by the loops of
//! [`conv_forward`](crate::conv_forward). The weight gradient is the transposed map: four sums of
//! products stand for three taps until [`winograd_fold`] turns them into these.
//!
//! An output is the first or the second of its pair: the bits of equal windows at an even and an
//! odd place (in steps of the dilation) may differ, those of whole pairs do not
//! ([`Winograd::grain`]).
//!
//! Source: S. Winograd, Arithmetic Complexity of Computations (1980); Lavin and Gray,
//! arXiv:1509.09308.

mod forward;
mod pairs;
mod rows;
mod weight_gradient;

pub(crate) use forward::winograd_forward;
pub(crate) use weight_gradient::winograd_weight_gradient;
pub use weight_gradient::{winograd_fold, winograd_sums};

use crate::element::Element;
use crate::isa::Isa;
use crate::pack::Packed;

/// Weights of a convolution of stride 1 that is computed by minimal filtering.
#[derive(Clone, Debug)]
pub struct Winograd<T> {
    parts: [Packed<T>; 4],
    /// The taps beyond the last three.
    rest: Option<Packed<T>>,
    /// Combinations of taps before they are packed.
    plain: Vec<T>,
}

impl<T: Element> Winograd<T> {
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
            plain: vec![T::default(); threes * c_in * c_out],
        }
    }

    /// Packs `weights`, `[taps, c_in, c_out]`.
    ///
    /// # Panics
    ///
    /// If `weights` has another length.
    pub fn pack(&mut self, weights: &[T]) {
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
    pub fn pack_reversed_taps(&mut self, weights: &[T], first: usize, step: usize) {
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
    fn combine<'a>(&mut self, part: usize, tap: &impl Fn(usize) -> &'a [T]) {
        let half = T::from_f64(0.5);
        let size = (self.c_in() * self.c_out()).max(1);
        for (j, plain) in self.plain.chunks_exact_mut(size).enumerate() {
            let [g0, g1, g2] = [tap(3 * j), tap(3 * j + 1), tap(3 * j + 2)];
            match part {
                0 => plain.copy_from_slice(g0),
                3 => plain.copy_from_slice(g2),
                _ => {
                    let sign = if part == 1 { half } else { -half };
                    let taps = g0.iter().zip(g1).zip(g2);
                    for (value, ((a, b), c)) in plain.iter_mut().zip(taps) {
                        *value = (*a + *c) * half + *b * sign;
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
