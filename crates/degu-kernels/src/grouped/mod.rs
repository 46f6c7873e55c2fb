//! Convolutions of small groups of channels, depthwise ones included.
//!
//! Where each group has `q` input and `q` output channels, output channel `o` reads only inputs
//! `o - q + 1 .. o + q`: per tap the weights are `2 q - 1` diagonals over the channels, and the
//! loop is vectorised along them with shifted loads. The input gradient is the same loop with
//! transposed diagonals; the weight gradient computes diagonals and keeps those values that belong
//! to a group.

mod forward;
mod shared;
mod weight_gradient;
mod weights;

pub use forward::grouped_conv_forward;
pub use weight_gradient::grouped_conv_weight_gradient;
pub use weights::GroupedConv;
