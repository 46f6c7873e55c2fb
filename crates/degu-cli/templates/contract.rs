//! What every {slot} must fulfil: {rules}.

use {crate} as _;

degu_contract::contract!({macro} "example"{params});
