//! Models of other frameworks, as model folders.
//!
//! | file | what |
//! |---|---|
//! | [`keras`] | weights of Keras (`save_weights`, `model.save`) in HDF5 |

mod arrange;
pub mod keras;
mod layers;
mod tensors;
