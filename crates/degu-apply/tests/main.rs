//! Finished models and their inputs, from outside. One binary.

mod fetch;
mod inspect;
