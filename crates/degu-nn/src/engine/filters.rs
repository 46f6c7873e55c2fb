//! The two ways to compute a convolution's products: tap by tap, or by Winograd F(2, 3), which
//! takes two thirds of the multiplications where there are three taps or more and enough channels.

use super::convolution::Weights;
use degu_kernels::{
    Isa, Packed, Start, Window, Winograd, conv_forward, conv_weight_gradient, winograd_forward,
    winograd_sums, winograd_weight_gradient,
};

/// Which convolutions are computed by Winograd F(2, 3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Fewest channels on either side.
    pub(super) channels: usize,
    /// Fewest output rows.
    pub(super) rows: usize,
    /// Fewest taps above three.
    pub(super) taps: usize,
}

impl Rule {
    /// Where it is faster: sums of rows cost as much as what they save if there are few channels,
    /// and of five taps only three gain.
    pub(super) const FASTER: Self = Self {
        channels: 48,
        rows: 16,
        taps: 6,
    };

    /// Tap by tap.
    pub(super) const NOWHERE: Self = Self {
        channels: usize::MAX,
        ..Self::FASTER
    };

    /// Wherever it fits.
    #[cfg(test)]
    pub(super) const EVERYWHERE: Self = Self {
        channels: 1,
        rows: 1,
        taps: 4,
    };

    fn suits(
        self,
        taps: usize,
        [c_in, c_out]: [usize; 2],
        [stride, dilation, rows]: [usize; 3],
    ) -> bool {
        Winograd::fits(taps, stride, dilation)
            && (taps == 3 || taps >= self.taps)
            && c_in.min(c_out) >= self.channels
            && rows >= self.rows
    }
}

/// Packed weights of a convolution.
#[derive(Debug)]
pub(super) enum Filters {
    Direct(Packed),
    Winograd(Box<Winograd>),
}

impl Filters {
    /// Room for weights `[taps, c_in, c_out]`.
    pub(super) fn new(isa: Isa, taps: usize, [c_in, c_out]: [usize; 2], winograd: bool) -> Self {
        if winograd {
            Self::Winograd(Box::new(Winograd::new(isa, taps, c_in, c_out)))
        } else {
            Self::Direct(Packed::new(isa, taps, c_in, c_out))
        }
    }

    pub(super) fn pack(&mut self, weights: &[f32]) {
        match self {
            Self::Direct(packed) => packed.pack(weights),
            Self::Winograd(filters) => filters.pack(weights),
        }
    }

    pub(super) fn pack_reversed_taps(&mut self, weights: &[f32], first: usize, step: usize) {
        match self {
            Self::Direct(packed) => packed.pack_reversed_taps(weights, first, step),
            Self::Winograd(filters) => filters.pack_reversed_taps(weights, first, step),
        }
    }

    /// The convolution of the rows that `window` names; `work` is scratch.
    pub(super) fn forward(
        &self,
        x: &[f32],
        window: Window,
        start: Start<'_>,
        y: &mut [f32],
        y_pitch: usize,
        work: &mut Vec<f32>,
    ) {
        match self {
            Self::Direct(packed) => conv_forward(packed, x, window, start, y, y_pitch),
            Self::Winograd(filters) => {
                winograd_forward(filters, x, window, start, y, y_pitch, work);
            }
        }
    }

    /// The rows `first .. end` widened so that their bits are those of the whole.
    pub(super) fn whole(
        &self,
        first: usize,
        end: usize,
        dilation: usize,
        rows: usize,
    ) -> (usize, usize) {
        match self {
            Self::Direct(_) => (first, end),
            Self::Winograd(_) => {
                let grain = Winograd::grain(dilation);
                (first / grain * grain, end.next_multiple_of(grain).min(rows))
            }
        }
    }
}

impl Weights {
    /// `[taps, c_in, c_out]`.
    pub(super) fn shape(&self) -> [usize; 3] {
        [self.taps, self.c_in, self.c_out]
    }

    /// Decides how `rows` outputs and their gradient are computed.
    pub(super) fn choose(&mut self, rule: Rule, rows: usize) {
        let (there, back) = ([self.c_in, self.c_out], [self.c_out, self.c_in]);
        self.winograd = rule.suits(self.taps, there, [self.stride, self.dilation, rows]);
        let phases = self.phases.iter();
        let phases = phases.map(|p| rule.suits(p.taps, back, [1, p.dilation, p.rows]));
        self.winograd_phases = phases.collect();
    }

    /// Values of the sums that [`Self::add_gradient`] adds to: the weight gradient, or what becomes
    /// it at the end of a chunk.
    pub(super) fn sums(&self) -> usize {
        if self.winograd {
            winograd_sums(self.shape())
        } else {
            self.weight.len()
        }
    }

    /// Adds the weight gradient of `rows` rows.
    pub(super) fn add_gradient(
        &self,
        isa: Isa,
        (x, window): (&[f32], Window),
        (dy, dy_pitch): (&[f32], usize),
        sums: &mut [f32],
        work: &mut Vec<f32>,
    ) {
        let shape = self.shape();
        if self.winograd {
            winograd_weight_gradient(isa, shape, x, window, dy, dy_pitch, sums, work);
        } else {
            conv_weight_gradient(isa, shape, x, window, dy, dy_pitch, sums);
        }
    }
}
