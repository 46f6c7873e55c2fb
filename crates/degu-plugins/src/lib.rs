//! The plugins that come with degu-lab: one dependency and one `use` each.
//!
//! `use x as _;` is what makes the linker take a plugin crate; a dependency in `Cargo.toml` alone
//! does not, and nothing would say so. The lint below turns a forgotten line into a build error.
#![cfg_attr(not(test), deny(unused_crate_dependencies))]

// Architectures.
use degu_arch_deepstarr as _;
use degu_arch_residualbind as _;

// Attribution.
use degu_attr_gradient as _;
use degu_attr_perturbation as _;
use degu_attr_reference as _;

// Augmentations and shifts.
use degu_aug_evoaug as _;
use degu_aug_sequence as _;
use degu_shift_sequence as _;

// Calibration and metrics.
use degu_cal_conformal as _;
use degu_cal_cqr as _;
use degu_cal_cross as _;
use degu_cal_mondrian as _;
use degu_cal_recalibrate as _;
use degu_cal_weighted as _;
use degu_metric_regression as _;

// Data.
use degu_data_deepstarr as _;
use degu_data_lentimpra as _;
use degu_data_simulated as _;
use degu_data_table as _;

// Heads.
use degu_head_evidential as _;
use degu_head_gaussian as _;
use degu_head_moments as _;
use degu_head_published as _;
use degu_head_quantile as _;
use degu_head_replicate as _;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Folders of `plugins/` whose crate registers nothing yet.
    const EMPTY: [&str; 0] = [];

    #[test]
    fn every_folder_of_plugins_registers_something() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins");
        let folders: BTreeSet<String> = fs_err::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().join("Cargo.toml").exists())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        let packages: BTreeSet<&str> = degu_core::registry::all()
            .unwrap()
            .iter()
            .map(|entry| entry.origin.package)
            .collect();
        let silent: Vec<&String> = folders
            .iter()
            .filter(|f| !packages.contains(format!("degu-{f}").as_str()))
            .filter(|f| !EMPTY.contains(&f.as_str()))
            .collect();
        assert!(
            silent.is_empty(),
            "not linked (add it to Cargo.toml and to `use`), or without `register!`: {silent:?}"
        );
    }

    #[test]
    fn names_and_parameters_are_allowed() {
        degu_core::registry::validate().unwrap();
    }
}
