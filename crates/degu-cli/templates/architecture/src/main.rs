//! The command line with the built-in plugins and this one.
#![cfg_attr(not(test), deny(unused_crate_dependencies))]

// What the library of this package uses; a binary sees the same dependencies.
use {degu_core as _, degu_nn as _, schemars as _, serde as _};

degu_cli::main!(degu_plugins, degu_arch_example);
