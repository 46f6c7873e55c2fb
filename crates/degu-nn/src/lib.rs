//! Layers, losses, optimizers, parameters and gradient checks.
