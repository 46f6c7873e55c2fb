//! The command line with the built-in plugins and this one.
#![cfg_attr(not(test), deny(unused_crate_dependencies))]

// What the library of this package uses; a binary sees the same dependencies.
use {{used}};

degu_cli::main!(degu_plugins, {crate});
