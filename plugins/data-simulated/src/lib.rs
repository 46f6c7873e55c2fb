//! Dataset plugin: simulated regulatory sequences with known mean and noise.
