//! The public kernels of layers beyond convolutions and their tails, compiled here for f32 and f64.

use crate::activation::Shape;
use crate::attention::{AttentionWork, Heads};
use crate::compiled::compiled;
use crate::conv::{Start, Window, Winograd};
use crate::diagonal::Diagonals;
use crate::element::Element;
use crate::isa::Isa;
use crate::lstm::{LstmSteps, Series};
use crate::pack::Packed;
use crate::tail::{Pool, Rows, RowsMut};

compiled! {
    CompiledLayers:
    /// Runs steps of one direction of an LSTM: `c_t = f c_{t-1} + i g`, `h_t = o tanh(c_t)` from a
    /// state of zeros.
    ///
    /// `gates` holds the arguments of the gates i, f, g, o without the recurrent product (row 0 is
    /// the first step of the stretch) and then the gates; `cells` and `hidden` gain the states.
    ///
    /// # Panics
    ///
    /// If a buffer is shorter than the shapes say, or the weights are not `[H, 4 H]`.
    lstm::lstm_forward(
        recurrent: &Packed<T> => &Packed<Self>,
        steps: LstmSteps => LstmSteps,
        gates: &mut Series<'_, T> => &mut Series<'_, Self>,
        cells: &mut Series<'_, T> => &mut Series<'_, Self>,
        hidden: &mut Series<'_, T> => &mut Series<'_, Self>,
    );

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
    lstm::lstm_backward(
        recurrent: &Packed<T> => &Packed<Self>,
        steps: LstmSteps => LstmSteps,
        gates: &mut Series<'_, T> => &mut Series<'_, Self>,
        cells: &mut Series<'_, T> => &mut Series<'_, Self>,
        hidden: &mut Series<'_, T> => &mut Series<'_, Self>,
        carry: &mut [T] => &mut [Self],
    );

    /// `y = (x - mean) / sqrt(variance + epsilon) * gamma + beta`, mean and biased variance over
    /// the channels of each row.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shape says.
    channels::layer_norm_forward(
        isa: Isa => Isa,
        shape: Shape => Shape,
        x: Rows<'_, T> => Rows<'_, Self>,
        gamma: &[T] => &[Self],
        beta: &[T] => &[Self],
        epsilon: f64 => f64,
        out: RowsMut<'_, T> => RowsMut<'_, Self>,
    );

    /// Gradients of a layer norm: that of `x` to `dx`, those of gamma and beta added to `sums`.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shape says.
    channels::layer_norm_backward(
        isa: Isa => Isa,
        shape: Shape => Shape,
        x: Rows<'_, T> => Rows<'_, Self>,
        gamma: &[T] => &[Self],
        epsilon: f64 => f64,
        dy: Rows<'_, T> => Rows<'_, Self>,
        sums: [&mut [T]; 2] => [&mut [Self]; 2],
        dx: RowsMut<'_, T> => RowsMut<'_, Self>,
    );

    /// `y = exp(x) / sum(exp(x))` over the channels of each row.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shape says.
    channels::softmax_forward(
        isa: Isa => Isa,
        shape: Shape => Shape,
        x: Rows<'_, T> => Rows<'_, Self>,
        out: RowsMut<'_, T> => RowsMut<'_, Self>,
    );

    /// The gradient of a softmax's input, `y (dy - sum(dy y))`, from its input.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shape says.
    channels::softmax_backward(
        isa: Isa => Isa,
        shape: Shape => Shape,
        x: Rows<'_, T> => Rows<'_, Self>,
        dy: Rows<'_, T> => Rows<'_, Self>,
        dx: RowsMut<'_, T> => RowsMut<'_, Self>,
    );

    /// `softmax(q k^T / sqrt(D)) v` for each head of self-attention: `projected` `[L, 3 H D]` holds
    /// queries, keys and values of all heads side by side, `out` `[L, H D]` gains the results of
    /// all heads.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shape says.
    attention::attention_forward(
        isa: Isa => Isa,
        shape: Heads => Heads,
        projected: Rows<'_, T> => Rows<'_, Self>,
        out: RowsMut<'_, T> => RowsMut<'_, Self>,
        work: &mut AttentionWork<T> => &mut AttentionWork<Self>,
    );

    /// The gradients of queries, keys and values, `[L, 3 H D]`, from `dy` `[L, H D]`, that of the
    /// results; the softmax is computed again.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shape says.
    attention::attention_backward(
        isa: Isa => Isa,
        shape: Heads => Heads,
        projected: Rows<'_, T> => Rows<'_, Self>,
        dy: Rows<'_, T> => Rows<'_, Self>,
        dx: RowsMut<'_, T> => RowsMut<'_, Self>,
        work: &mut AttentionWork<T> => &mut AttentionWork<Self>,
    );

    /// Pools `x` `[rows, channels]` over windows `stride` apart into `out` `[(rows - size) /
    /// stride + 1, channels]`.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shapes say.
    windows::pool_forward(
        isa: Isa => Isa,
        shape: Shape => Shape,
        pool: Pool => Pool,
        stride: usize => usize,
        x: Rows<'_, T> => Rows<'_, Self>,
        out: RowsMut<'_, T> => RowsMut<'_, Self>,
    );

    /// The gradient of a pool's input from that of its result `dy`; the first of tied rows gets
    /// that of a maximum.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shapes say.
    windows::pool_backward(
        isa: Isa => Isa,
        shape: Shape => Shape,
        pool: Pool => Pool,
        stride: usize => usize,
        x: Rows<'_, T> => Rows<'_, Self>,
        dy: Rows<'_, T> => Rows<'_, Self>,
        dx: RowsMut<'_, T> => RowsMut<'_, Self>,
    );

    /// `y[m][o] = start + sum over t and the channels c of o's group of x[m*stride +
    /// t*dilation][c] * w[t][c][o]`, for groups of few channels, as many outputs as inputs.
    ///
    /// # Panics
    ///
    /// If `x`, `y` or the bias are shorter than the shapes say.
    diagonal::diagonal_forward(
        weights: &Diagonals<T> => &Diagonals<Self>,
        x: &[T] => &[Self],
        window: Window => Window,
        start: Start<'_, T> => Start<'_, Self>,
        y: &mut [T] => &mut [Self],
        y_pitch: usize => usize,
    );

    /// Adds the weight gradient of one stretch of rows to `dw` `[taps, group, channels]`.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shapes say.
    diagonal::diagonal_weight_gradient(
        isa: Isa => Isa,
        shape: [usize; 3] => [usize; 3],
        x: &[T] => &[Self],
        window: Window => Window,
        dy: &[T] => &[Self],
        dy_pitch: usize => usize,
        dw: &mut [T] => &mut [Self],
    );

    /// As [`conv_weight_gradient`](crate::conv_weight_gradient) into some columns of a wider
    /// matrix: the row stride of `dw` is `dw_pitch`.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shapes say.
    conv::conv_weight_gradient_columns(
        isa: Isa => Isa,
        shape: [usize; 3] => [usize; 3],
        x: &[T] => &[Self],
        window: Window => Window,
        dy: &[T] => &[Self],
        dy_pitch: usize => usize,
        dw: &mut [T] => &mut [Self],
        dw_pitch: usize => usize,
    );

    /// As [`conv_forward`](crate::conv_forward) up to rounding, by minimal filtering; `work` is
    /// scratch.
    ///
    /// # Panics
    ///
    /// If `x`, `y` or the bias are shorter than the shapes say, a row stride is below the channels,
    /// there are fewer than three taps, or the window has a stride, or a dilation with more than
    /// three taps.
    conv::winograd_forward(
        weights: &Winograd<T> => &Winograd<Self>,
        x: &[T] => &[Self],
        window: Window => Window,
        start: Start<'_, T> => Start<'_, Self>,
        y: &mut [T] => &mut [Self],
        y_pitch: usize => usize,
        work: &mut Vec<T> => &mut Vec<Self>,
    );

    /// Adds the weight gradient of one stretch of rows to `sums`,
    /// [`winograd_sums`](crate::winograd_sums) values that start as zeros and that
    /// [`winograd_fold`](crate::winograd_fold) turns into the gradient; `work` is scratch.
    ///
    /// # Panics
    ///
    /// As [`winograd_forward`].
    conv::winograd_weight_gradient(
        isa: Isa => Isa,
        shape: [usize; 3] => [usize; 3],
        x: &[T] => &[Self],
        window: Window => Window,
        dy: &[T] => &[Self],
        dy_pitch: usize => usize,
        sums: &mut [T] => &mut [Self],
        work: &mut Vec<T> => &mut Vec<Self>,
    );

    /// Notes which of `x`, plus `skip` where there is one, are above zero: one bit each, in
    /// [`sign_words`](crate::sign_words) words.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shape says.
    signs::pack_signs(
        isa: Isa => Isa,
        shape: Shape => Shape,
        x: Rows<'_, T> => Rows<'_, Self>,
        skip: Option<Rows<'_, T>> => Option<Rows<'_, Self>>,
        signs: &mut [u16] => &mut [u16],
    );

    /// 1 where the bit is set, 0 elsewhere: a matrix whose rectified derivative is that of the
    /// matrix that was noted.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shape says.
    signs::unpack_signs(
        isa: Isa => Isa,
        shape: Shape => Shape,
        signs: &[u16] => &[u16],
        out: &mut [T] => &mut [Self],
        pitch: usize => usize,
    );
}
