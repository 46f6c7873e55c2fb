//! Shift plugins: mutagenesis and shuffles.
