//! Finite differences of every operation, f64, batches of three.

mod convolution;
mod norms;
mod pointwise;
mod products;
mod sequence;
mod strides;
