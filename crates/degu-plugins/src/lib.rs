//! The plugins that come with degu-lab.
