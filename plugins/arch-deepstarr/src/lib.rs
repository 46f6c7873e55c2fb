//! Architecture plugin: DeepSTARR.
