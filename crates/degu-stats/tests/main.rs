//! Laws, simulations and oracle values. One binary.

mod coverage;
mod laws;
#[path = "common/random.rs"]
mod random;
mod uq;
