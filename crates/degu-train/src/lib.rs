//! Trainer, checkpoints, ensembles and distillation.
