//! The profile test kit: a dataset, an architecture and a head with base-resolution outputs `[N, B,
//! T]`, registered in this test binary alone, and a study that runs on them from end to end.
//!
//! It holds the promise that every slot carries profiles of several tasks. Nothing here is in the
//! bundle.

mod architecture;
mod dataset;
mod head;
mod study;

use degu_contract::{Slot, assert_contract};

#[test]
fn the_profile_plugins_keep_the_contract_of_their_slots() {
    let small = r#"{ "train": 40, "validation": 12, "test": 12, "length": 24, "bins": 6 }"#;
    assert_contract(Slot::Dataset, "kit-profile", Some(small));
    assert_contract(Slot::Architecture, "kit-profile-tower", None);
    assert_contract(
        Slot::Architecture,
        "kit-profile-tower",
        Some(r#"{ "direct": true }"#),
    );
    assert_contract(Slot::UncertaintyHead, "kit-profile-rate", None);
}
