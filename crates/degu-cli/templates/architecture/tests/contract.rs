//! What every architecture must fulfil: shapes, gradients, independence of rows, saving, learning,
//! threads.

use degu_arch_example as _;

degu_contract::contract!(architecture "example");
