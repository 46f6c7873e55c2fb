//! The contract of every attributor.

macro_rules! contracts {
    ($($module:ident = $name:literal;)*) => {
        $(mod $module { degu_contract::contract!(attributor $name); })*

        #[test]
        fn every_attributor_is_listed() {
            let listed = [$($name),*];
            for entry in degu_core::Slot::Attributor.entries().unwrap() {
                assert!(listed.contains(&entry.name), "add `{}`", entry.name);
            }
        }
    };
}

contracts! {
    deepshap = "deepshap";
    expected_gradients = "expected-gradients";
    input_x_gradient = "input-x-gradient";
    integrated_gradients = "integrated-gradients";
    ism = "ism";
    saliency = "saliency";
    smoothgrad = "smoothgrad";
    window_shuffle = "window-shuffle";
}
