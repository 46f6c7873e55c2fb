//! What follows a linear layer, in one pass: batch norm as scale and shift, a skip connection,
//! activation, dropout, pooling and a second dropout; the two backward passes of the same; and that
//! of the rescale rule.
//!
//! Nothing between the linear layer's output and the pooled result is stored: the backward passes
//! compute it again. The winner of a maximum is decided by the same arithmetic each time, and the
//! first of tied rows gets the gradient.

mod backward;
mod common;
mod forward;
mod rescale;
mod sums;
mod types;

pub use backward::epilogue_backward;
pub use forward::epilogue_forward;
pub use rescale::epilogue_rescale;
pub use sums::epilogue_sums;
pub use types::{Epilogue, NormGradient, Pool};
