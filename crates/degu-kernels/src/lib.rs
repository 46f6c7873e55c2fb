//! CPU kernels of degu-lab, with run-time dispatch.
