//! Data sets by hand: what a file is made of ([`inspect`](mod@inspect)), and where public ones are
//! ([`fetch`](mod@fetch)).

pub mod fetch;
mod guess;
pub mod inspect;
mod judge;
mod material;
mod registry;
mod render;

pub use registry::{RemoteFile, Source, find, sources};
