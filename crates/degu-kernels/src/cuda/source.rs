//! The source of all kernels, as one text.

/// Threads of every block.
pub(super) const THREADS: usize = 256;

/// Rows, columns, and rows and columns of a thread, of the tiles in which products are computed; by columns.
pub(super) const TILES: [[usize; 4]; 4] = [
    [256, 4, 4, 1],
    [128, 16, 8, 1],
    [128, 64, 8, 4],
    [128, 128, 8, 8],
];

/// Names of the products and of the weight gradients, by tile.
pub(super) const PRODUCTS: [&str; 4] = ["product_4", "product_16", "product_64", "product_128"];
pub(super) const WEIGHT_GRADIENTS: [&str; 4] = [
    "weight_gradient_4",
    "weight_gradient_16",
    "weight_gradient_64",
    "weight_gradient_128",
];

/// The tile for so many columns: the first that takes them, or wastes least.
pub(super) fn tile(columns: usize) -> usize {
    match columns {
        0..=4 => 0,
        5..=16 => 1,
        _ if columns.div_ceil(128) * 2 == columns.div_ceil(64) => 3,
        _ => 2,
    }
}

/// Every kernel.
pub fn kernel_names() -> Vec<&'static str> {
    let mut names = vec![
        "lookup_forward",
        "lookup_gradient",
        "sum_parts",
        "sum_rows",
        "add_rows",
        "column_sums",
        "column_moments",
        "norm_batch",
        "norm_running",
        "norm_gradient",
        "norm_commit",
        "tail_forward",
        "tail_sums",
        "tail_backward",
        "adam",
        "squares",
        "clip_factor",
    ];
    names.extend(PRODUCTS);
    names.extend(WEIGHT_GRADIENTS);
    names
}

/// The kernels without the definitions that CUDA, or the C compiler, needs before them.
fn body() -> String {
    let mut text = format!("#define THREADS {THREADS}\n#define LINES (THREADS / 16)\n");
    text += include_str!("kernels/common.cu");
    text += include_str!("kernels/activation.cu");
    text += include_str!("kernels/dropout.cu");
    text += include_str!("kernels/lookup.cu");
    for (i, [rows, columns, each_row, each_column]) in TILES.iter().enumerate() {
        let values = [
            ("TILE_M", rows.to_string()),
            ("TILE_N", columns.to_string()),
            ("EACH_M", each_row.to_string()),
            ("EACH_N", each_column.to_string()),
            ("PRODUCT", PRODUCTS[i].to_owned()),
            ("WEIGHT_GRADIENT", WEIGHT_GRADIENTS[i].to_owned()),
        ];
        for (name, value) in &values {
            text += &format!("#define {name} {value}\n");
        }
        text += include_str!("kernels/product.cu");
        text += include_str!("kernels/weight_gradient.cu");
        for (name, _) in &values {
            text += &format!("#undef {name}\n");
        }
    }
    text += include_str!("kernels/sums.cu");
    text += include_str!("kernels/norm.cu");
    text += include_str!("kernels/tail.cu");
    text += include_str!("kernels/adam.cu");
    text
}

/// The CUDA source of all kernels.
pub fn source() -> String {
    include_str!("kernels/device.cuh").to_owned() + &body()
}

/// The C source of all kernels and of what runs them.
#[cfg(feature = "host-device")]
pub(super) fn host_source() -> String {
    // The feature macro of run.c has to come before any header.
    "#define _GNU_SOURCE\n".to_owned()
        + include_str!("host/shim.h")
        + &body()
        + include_str!("host/run.c")
}
