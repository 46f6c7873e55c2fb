//! Properties, simulations and oracle values. One binary.

mod coverage;
mod properties;
#[path = "common/random.rs"]
mod random;
mod uq;
