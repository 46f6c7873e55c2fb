//! The slots of an experiment, and their registries.
//!
//! Slots are closed and plugins are open: a downstream crate can fill a slot, but cannot add one,
//! because the registry of a slot (`inventory::collect!`) must live in the crate that owns
//! [`Plugin`].

use std::fmt;

use serde::Serialize;

use crate::{
    Architecture, Attributor, Augmentation, Build, Calibrator, Dataset, Metric, Plugin,
    PluginConfig, Shift, UncertaintyHead,
};

/// Implemented by the trait object of each slot.
pub trait SlotTrait: Send + Sync + 'static {
    /// The slot.
    const SLOT: Slot;
    /// Keys of the slot's table that belong to the framework; a plugin's parameters may not use
    /// them.
    const RESERVED: &'static [&'static str];
}

/// Lists the slots once: the enum, its display, the link from trait to slot, the registries, and
/// how parameters that are themselves the object are built.
macro_rules! slots {
    ($($(#[$doc:meta])* $slot:ident = $name:literal, reserved $reserved:tt;)*) => {
        /// The place in an experiment that a plugin fills.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Slot {
            $($(#[$doc])* $slot,)*
        }

        impl Slot {
            /// All slots, in the order of a study.
            pub const ALL: &'static [Slot] = &[$(Slot::$slot),*];

            /// Name in files and on the command line.
            pub fn name(self) -> &'static str {
                match self { $(Self::$slot => $name,)* }
            }

            /// Keys of the slot's table that belong to the framework.
            pub fn reserved(self) -> &'static [&'static str] {
                match self { $(Self::$slot => &$reserved,)* }
            }

            /// What is registered, sorted by name: the parts of a [`Plugin`] that do not depend on
            /// the slot.
            ///
            /// # Errors
            ///
            /// [`Error::DuplicatePlugin`](crate::Error::DuplicatePlugin).
            pub fn entries(self) -> crate::Result<Vec<crate::registry::Entry>> {
                match self { $(Self::$slot => crate::registry::entries::<dyn $slot>(),)* }
            }
        }

        impl fmt::Display for Slot {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        $(
            impl SlotTrait for dyn $slot {
                const SLOT: Slot = Slot::$slot;
                const RESERVED: &'static [&'static str] = &$reserved;
            }
            inventory::collect!(Plugin<dyn $slot>);
            impl<C: PluginConfig + $slot> Build<dyn $slot> for C {
                fn build(self) -> crate::Result<Box<dyn $slot>> {
                    Ok(Box::new(self))
                }
            }
        )*
    };
}

slots! {
    /// Labelled sequences.
    Dataset = "dataset", reserved ["plugin"];
    /// A family of networks.
    Architecture = "architecture", reserved ["plugin"];
    /// Meaning of the raw outputs, and the loss.
    UncertaintyHead = "uncertainty-head", reserved ["plugin"];
    /// Random changes of training sequences.
    Augmentation = "augmentation", reserved ["plugin"];
    /// Attribution maps.
    Attributor = "attributor", reserved ["plugin", "targets", "sequences", "forms", "models"];
    /// Prediction intervals.
    Calibrator = "calibrator", reserved ["plugin", "alpha"];
    /// Stress sets.
    Shift = "shift", reserved ["plugin", "severities"];
    /// Numbers in tables.
    Metric = "metric", reserved ["plugin"];
}
