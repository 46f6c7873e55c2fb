//! Prints the CUDA source of all kernels, for `tools/cuda/check_kernels.sh`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(degu_kernels::cuda::source().as_bytes())
}
