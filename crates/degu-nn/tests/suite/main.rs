//! Tests of the layers, losses, parameters and optimizers against oracles.

mod candle_defects;
mod common;
mod goldens;
mod gradients;
mod loss_gradients;
mod losses;
mod models;
mod networks;
mod optimizers;
mod rescale;
mod rules;
mod schedules;
mod stores;
