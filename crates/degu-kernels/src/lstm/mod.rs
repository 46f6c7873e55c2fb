//! LSTM over the sequences of a chunk: the recurrent products of all sequences at one step are one
//! matrix product.
//!
//! The product with the input, for all steps at once, is a dense layer
//! ([`conv_forward`](crate::conv_forward)) whose result the steps turn into gates in place; the
//! backward pass turns the gates into the gradients of their arguments in place, and the gradients
//! of `h` back into `h`. Nothing else is stored but the cell states. Each value is one chain of
//! multiply-adds (bias, input channels, hidden units), so it does not depend on which other
//! sequences are in the chunk.

mod cell;

use crate::conv::{Start, Window, conv_forward};
use crate::pack::Packed;
use cell::{cell_backward, cell_forward};

/// Matrices of several sequences in one buffer: row `t` of sequence `n` starts at `n * sequence +
/// t * row`.
#[derive(Debug)]
pub struct Series<'a> {
    /// The values, from row 0 of sequence 0 on.
    pub values: &'a mut [f32],
    /// Values from one sequence to the next.
    pub sequence: usize,
    /// Values from one row to the next; 0 keeps one row, the last one written.
    pub row: usize,
}

/// A stretch of the steps of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LstmSteps {
    /// Sequences that run side by side.
    pub sequences: usize,
    /// Positions of a whole sequence.
    pub length: usize,
    /// First position of the stretch.
    pub first: usize,
    /// Positions of the stretch. A direction runs its stretches in its own order.
    pub steps: usize,
    /// Whether the direction runs from the last position to the first.
    pub reversed: bool,
}

impl LstmSteps {
    /// All steps of `sequences` sequences of `length` positions.
    pub fn whole(sequences: usize, length: usize, reversed: bool) -> Self {
        Self {
            sequences,
            length,
            first: 0,
            steps: length,
            reversed,
        }
    }

    /// The positions of the stretch in the direction's order, each with the one before it.
    fn order(self) -> impl DoubleEndedIterator<Item = (usize, Option<usize>)> {
        (0..self.steps).map(move |i| {
            if self.reversed {
                let t = self.first + self.steps - 1 - i;
                (t, (t + 1 < self.length).then_some(t + 1))
            } else {
                let t = self.first + i;
                (t, t.checked_sub(1))
            }
        })
    }

    fn check(self, name: &str, series: &Series<'_>, last: usize, width: usize) {
        assert!(
            series.sequence >= width,
            "`{name}`: {} values from one sequence to the next for {width} channels",
            series.sequence
        );
        let need = (self.sequences - 1) * series.sequence + last * series.row + width;
        assert!(
            series.values.len() >= need,
            "`{name}` has {} values where {self:?} needs {need}",
            series.values.len()
        );
    }

    fn check_all(self, units: usize, gates: &Series<'_>, cells: &Series<'_>, hidden: &Series<'_>) {
        assert!(
            self.first + self.steps <= self.length,
            "{self:?} leaves the sequence"
        );
        let last = self.first + self.steps - 1;
        self.check("gates", gates, self.steps - 1, 4 * units);
        self.check("cells", cells, last, units);
        self.check("hidden", hidden, last, units);
    }
}

/// Runs steps of one direction of an LSTM: `c_t = f c_{t-1} + i g`, `h_t = o tanh(c_t)` from a
/// state of zeros.
///
/// `gates` holds the arguments of the gates i, f, g, o without the recurrent product (row 0 is
/// the first step of the stretch) and then the gates; `cells` and `hidden` gain the states.
///
/// # Panics
///
/// If a buffer is shorter than the shapes say, or the weights are not `[H, 4 H]`.
pub fn lstm_forward(
    recurrent: &Packed,
    steps: LstmSteps,
    gates: &mut Series<'_>,
    cells: &mut Series<'_>,
    hidden: &mut Series<'_>,
) {
    let units = recurrent.c_in();
    assert_eq!(recurrent.c_out(), 4 * units, "recurrent weights [H, 4 H]");
    if steps.sequences == 0 || steps.steps == 0 || units == 0 {
        return;
    }
    steps.check_all(units, gates, cells, hidden);
    let window = Window {
        rows: steps.sequences,
        pitch: hidden.sequence,
        stride: 1,
        dilation: 1,
    };
    for (t, before) in steps.order() {
        let z = &mut gates.values[(t - steps.first) * gates.row..];
        if let Some(before) = before {
            let h = &hidden.values[before * hidden.row..];
            conv_forward(recurrent, h, window, Start::Accumulate, z, gates.sequence);
        }
        cell_forward(
            recurrent.isa(),
            [steps.sequences, units],
            (z, gates.sequence),
            (cells.values, cells.sequence),
            [Some(t * cells.row), before.map(|b| b * cells.row)],
            (&mut hidden.values[t * hidden.row..], hidden.sequence),
        );
    }
}

/// The backward pass over whole sequences: from the gradients of `h` in `hidden` to those of
/// the gates' arguments in `gates`.
///
/// `recurrent` holds the transposed weights ([`Packed::pack_reversed`]), `carry` has
/// `sequences * H` values of scratch. On return `hidden` holds `h` again, for the gradient of
/// the recurrent weights.
///
/// # Panics
///
/// As [`lstm_forward`], and if the stretch is not the whole sequence.
pub fn lstm_backward(
    recurrent: &Packed,
    steps: LstmSteps,
    gates: &mut Series<'_>,
    cells: &mut Series<'_>,
    hidden: &mut Series<'_>,
    carry: &mut [f32],
) {
    let units = recurrent.c_out();
    assert_eq!(recurrent.c_in(), 4 * units, "transposed weights [4 H, H]");
    if steps.sequences == 0 || steps.steps == 0 || units == 0 {
        return;
    }
    assert_eq!(
        steps.steps, steps.length,
        "a backward pass is over all steps"
    );
    steps.check_all(units, gates, cells, hidden);
    assert!(
        carry.len() >= steps.sequences * units,
        "a carried gradient per sequence and unit"
    );
    carry[..steps.sequences * units].fill(0.0);
    let window = Window {
        rows: steps.sequences,
        pitch: gates.sequence,
        stride: 1,
        dilation: 1,
    };
    for (t, before) in steps.order().rev() {
        let z = &mut gates.values[t * gates.row..];
        cell_backward(
            recurrent.isa(),
            [steps.sequences, units],
            (z, gates.sequence),
            (cells.values, cells.sequence),
            [Some(t * cells.row), before.map(|b| b * cells.row)],
            (&mut hidden.values[t * hidden.row..], hidden.sequence),
            carry,
        );
        if let Some(before) = before {
            let dh = &mut hidden.values[before * hidden.row..];
            conv_forward(recurrent, z, window, Start::Accumulate, dh, hidden.sequence);
        }
    }
}
