//! The binary: the command line and the plugins that come with it.
//!
//! The lint is the guard against a forgotten `use`: a plugin crate that is only a dependency is not
//! linked, silently. Not under `test`, where the compiler sees development dependencies as well.
#![cfg_attr(not(test), deny(unused_crate_dependencies))]

degu_cli::main!(degu_plugins);
