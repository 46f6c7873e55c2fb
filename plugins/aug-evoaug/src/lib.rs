//! Augmentation plugin: EvoAug.
