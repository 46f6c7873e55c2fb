//! The public kernels, compiled here for f32 and f64, so that no other crate compiles the loops
//! again.

use crate::activation::{Activation, Shape};
use crate::adam::AdamStep;
use crate::columns::Moments;
use crate::conv::{Start, Window};
use crate::dropout::DropoutMask;
use crate::element::Element;
use crate::isa::Isa;
use crate::lookup::CodeWindow;
use crate::pack::Packed;
use crate::tail::{NormGradient, Rows, RowsMut, Tail};

/// Declares a trait with one method per kernel, implements it for both types by the generic loop,
/// and wraps it into functions.
macro_rules! compiled {
    ($trait:ident: $($(#[$doc:meta])* $module:ident :: $name:ident ( $($arg:tt : $plain:ty => $own:ty),* $(,)? );)*) => {
        /// The kernels of one number type.
        pub trait $trait: Sized {
            $(#[doc(hidden)] fn $name($($arg: $own),*);)*
        }
        impl $trait for f32 {
            $(fn $name($($arg: $own),*) { crate::$module::$name::<f32>($($arg),*); })*
        }
        impl $trait for f64 {
            $(fn $name($($arg: $own),*) { crate::$module::$name::<f64>($($arg),*); })*
        }
        $(
            $(#[$doc])*
            pub fn $name<T: Element>($($arg: $plain),*) {
                T::$name($($arg),*);
            }
        )*
    };
}
pub(crate) use compiled;

compiled! {
    Compiled:
    /// Runs the tail on rows `first_row ..` of one sample: `y` `[rows, channels]` to `out` `[rows /
    /// pool, channels]`.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shapes say, or `first_row` does not start a pooling window.
    tail::tail_forward(
        isa: Isa => Isa,
        tail: &Tail<'_, T> => &Tail<'_, Self>,
        shape: Shape => Shape,
        first_row: usize => usize,
        y: Rows<'_, T> => Rows<'_, Self>,
        skip: Option<Rows<'_, T>> => Option<Rows<'_, Self>>,
        out: RowsMut<'_, T> => RowsMut<'_, Self>,
    );

    /// First backward pass of a batch norm: adds to `sum_g` and `sum_gy` the sums over rows of `g`
    /// and `g * (y - mean)`, `g` being the gradient at the batch norm's output.
    ///
    /// # Panics
    ///
    /// As [`tail_forward`].
    tail::tail_sums(
        isa: Isa => Isa,
        tail: &Tail<'_, T> => &Tail<'_, Self>,
        shape: Shape => Shape,
        first_row: usize => usize,
        y: Rows<'_, T> => Rows<'_, Self>,
        skip: Option<Rows<'_, T>> => Option<Rows<'_, Self>>,
        gradient: Rows<'_, T> => Rows<'_, Self>,
        mean: &[T] => &[Self],
        sums: [&mut [T]; 2] => [&mut [Self]; 2],
    );

    /// Second backward pass: the gradient of the linear layer's output, and of the skip connection
    /// where there is one.
    ///
    /// With `into` the gradient goes there and `y` stays; without, it replaces `y`. Rows that no
    /// pooling window covers get the batch-norm terms only.
    ///
    /// # Panics
    ///
    /// As [`tail_forward`].
    tail::tail_backward(
        isa: Isa => Isa,
        tail: &Tail<'_, T> => &Tail<'_, Self>,
        shape: Shape => Shape,
        first_row: usize => usize,
        y: RowsMut<'_, T> => RowsMut<'_, Self>,
        skip: Option<Rows<'_, T>> => Option<Rows<'_, Self>>,
        gradient: Rows<'_, T> => Rows<'_, Self>,
        norm: Option<NormGradient<'_, T>> => Option<NormGradient<'_, Self>>,
        skip_gradient: Option<RowsMut<'_, T>> => Option<RowsMut<'_, Self>>,
        into: Option<RowsMut<'_, T>> => Option<RowsMut<'_, Self>>,
    );

    /// The gradient at the linear layer's output by the DeepLIFT rescale rule: `y` (and `skip`)
    /// hold the rows of the sequence, then of its reference, and `gradient` is the multiplier of
    /// the pooled result. Without dropout.
    ///
    /// # Panics
    ///
    /// As [`tail_forward`].
    tail::tail_rescale(
        isa: Isa => Isa,
        tail: &Tail<'_, T> => &Tail<'_, Self>,
        shape: Shape => Shape,
        y: [Rows<'_, T>; 2] => [Rows<'_, Self>; 2],
        skip: Option<[Rows<'_, T>; 2]> => Option<[Rows<'_, Self>; 2]>,
        gradient: Rows<'_, T> => Rows<'_, Self>,
        skip_gradient: Option<RowsMut<'_, T>> => Option<RowsMut<'_, Self>>,
        out: RowsMut<'_, T> => RowsMut<'_, Self>,
    );

    /// `y[m][o] = start + sum over t, c of x[m*stride + t*dilation][c] * w[t][c][o]`; the row
    /// stride of `y` is `y_pitch`.
    ///
    /// # Panics
    ///
    /// If `x`, `y` or the bias are shorter than the shapes say.
    conv::conv_forward(
        weights: &Packed<T> => &Packed<Self>,
        x: &[T] => &[Self],
        window: Window => Window,
        start: Start<'_, T> => Start<'_, Self>,
        y: &mut [T] => &mut [Self],
        y_pitch: usize => usize,
    );

    /// Adds the weight gradient of one stretch of rows: `dw[t][c][o] += sum over m of x[m*stride +
    /// t*dilation][c] * dy[m][o]`, `dw` being `[taps, c_in, c_out]`. Each element is one chain over
    /// the rows in order, continued from its old value.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shapes say.
    conv::conv_weight_gradient(
        isa: Isa => Isa,
        shape: [usize; 3] => [usize; 3],
        x: &[T] => &[Self],
        window: Window => Window,
        dy: &[T] => &[Self],
        dy_pitch: usize => usize,
        dw: &mut [T] => &mut [Self],
    );

    /// `y[m][o] = bias[o] + sum over taps of table[tap][codes[..]][o]`; the row stride of `y` is
    /// `y_pitch`.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shapes say.
    lookup::lookup_forward(
        isa: Isa => Isa,
        table: &[T] => &[Self],
        c_out: usize => usize,
        codes: &[u8] => &[u8],
        window: CodeWindow => CodeWindow,
        bias: Option<&[T]> => Option<&[Self]>,
        y: &mut [T] => &mut [Self],
        y_pitch: usize => usize,
    );

    /// Adds the gradient of the table: row `[tap][code]` of `dtable` gains `dy[m]` for each output
    /// row that read it.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shapes say.
    lookup::lookup_weight_gradient(
        isa: Isa => Isa,
        dtable: &mut [T] => &mut [Self],
        c_out: usize => usize,
        codes: &[u8] => &[u8],
        window: CodeWindow => CodeWindow,
        dy: &[T] => &[Self],
        dy_pitch: usize => usize,
    );

    /// Adds to `sums` the sum over rows of each channel (the gradient of a bias).
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shape says.
    columns::column_sums(
        isa: Isa => Isa,
        shape: Shape => Shape,
        rows: Rows<'_, T> => Rows<'_, Self>,
        sums: &mut [T] => &mut [Self],
    );

    /// `target = source`, or `target += source`, for matrices of one shape.
    ///
    /// # Panics
    ///
    /// If a slice is shorter than the shape says.
    columns::add_rows(
        isa: Isa => Isa,
        shape: Shape => Shape,
        source: Rows<'_, T> => Rows<'_, Self>,
        target: RowsMut<'_, T> => RowsMut<'_, Self>,
    );

    /// One update of `weights` with moments `m` and `v`; `t` counts steps from 1 (bias correction
    /// as in PyTorch: `eps` is added to the corrected root).
    ///
    /// # Panics
    ///
    /// If the slices differ in length.
    adam::adam(
        isa: Isa => Isa,
        step: &AdamStep => &AdamStep,
        t: u64 => u64,
        weights: &mut [T] => &mut [Self],
        gradient: &[T] => &[Self],
        m: &mut [T] => &mut [Self],
        v: &mut [T] => &mut [Self],
    );

    /// Replaces every value by its activation (`derivative == false`) or by the derivative there.
    activation::apply_activation(
        isa: Isa => Isa,
        activation: Activation => Activation,
        derivative: bool => bool,
        values: &mut [T] => &mut [Self],
    );

    /// Multiplies `values` (`[rows, channels]`, row stride `pitch`) by the mask and its factor; row
    /// 0 is row `first_row` of the sample's tensor.
    ///
    /// # Panics
    ///
    /// If `values` is shorter than the shape.
    dropout::apply_dropout(
        isa: Isa => Isa,
        mask: DropoutMask => DropoutMask,
        shape: Shape => Shape,
        first_row: usize => usize,
        values: &mut [T] => &mut [Self],
        pitch: usize => usize,
    );

    /// `out = part`, or `out += part`.
    ///
    /// # Panics
    ///
    /// If the part is shorter than `out`.
    adam::add_part(
        isa: Isa => Isa,
        out: &mut [T] => &mut [Self],
        part: &[T] => &[Self],
        accumulate: bool => bool,
    );

    /// Adds rows to [`Moments`](crate::Moments).
    columns::add_moments(
        isa: Isa => Isa,
        moments: &mut Moments => &mut Moments,
        shape: Shape => Shape,
        rows: Rows<'_, T> => Rows<'_, Self>,
    );
}
