//! What every {slot} must fulfil: {rules}.

use {crate} as _;

degu_train::contract!({macro} "example"{params});
