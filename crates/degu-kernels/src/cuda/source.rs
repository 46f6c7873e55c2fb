//! The source of all kernels, as one text.

/// Threads of every block.
pub(super) const THREADS: usize = 256;

/// How the factors of products are rounded before they are multiplied; sums are always taken in
/// f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Products {
    /// Not at all.
    #[default]
    F32,
    /// To TF32, 10 bits of mantissa, on tensor cores; narrow products are not rounded.
    Tf32,
}

/// A tile in which products are computed, and the kernels that do.
#[derive(Debug)]
pub(super) struct Tile {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Rows and columns of a thread; none where tensor cores place them.
    each: Option<[usize; 2]>,
    pub(super) product: &'static str,
    pub(super) weight_gradient: &'static str,
}

const TILES: [Tile; 6] = [
    Tile {
        rows: 256,
        columns: 4,
        each: Some([4, 1]),
        product: "product_4",
        weight_gradient: "weight_gradient_4",
    },
    Tile {
        rows: 128,
        columns: 16,
        each: Some([8, 1]),
        product: "product_16",
        weight_gradient: "weight_gradient_16",
    },
    Tile {
        rows: 128,
        columns: 64,
        each: Some([8, 4]),
        product: "product_64",
        weight_gradient: "weight_gradient_64",
    },
    Tile {
        rows: 128,
        columns: 128,
        each: Some([8, 8]),
        product: "product_128",
        weight_gradient: "weight_gradient_128",
    },
    Tile {
        rows: 128,
        columns: 64,
        each: None,
        product: "product_tf32_64",
        weight_gradient: "weight_gradient_tf32_64",
    },
    Tile {
        rows: 128,
        columns: 128,
        each: None,
        product: "product_tf32_128",
        weight_gradient: "weight_gradient_tf32_128",
    },
];

/// The tile for so many columns.
pub(super) fn tile(columns: usize, products: Products) -> &'static Tile {
    // Two tiles of 64 where they waste less than one of 128.
    let wide = columns.div_ceil(128) * 2 == columns.div_ceil(64);
    &TILES[match (columns, products) {
        (0..=4, _) => 0,
        (5..=16, _) => 1,
        (_, Products::F32) => 2 + usize::from(wide),
        (_, Products::Tf32) => 4 + usize::from(wide),
    }]
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
        "epilogue_forward",
        "epilogue_sums",
        "epilogue_backward",
        "adam",
        "squares",
        "clip_factor",
    ];
    names.extend(TILES.iter().map(|t| t.product));
    names.extend(TILES.iter().map(|t| t.weight_gradient));
    names
}

/// The kernels without the definitions that CUDA, or the C compiler, needs before them.
fn body() -> String {
    let mut text = format!("#define THREADS {THREADS}\n#define LINES (THREADS / 16)\n");
    text += include_str!("kernels/common.cu");
    text += include_str!("kernels/activation.cu");
    text += include_str!("kernels/dropout.cu");
    text += include_str!("kernels/lookup.cu");
    for tile in &TILES {
        let mut values = vec![
            ("TILE_M", tile.rows.to_string()),
            ("TILE_N", tile.columns.to_string()),
            ("TENSOR", u8::from(tile.each.is_none()).to_string()),
            ("PRODUCT", tile.product.to_owned()),
            ("WEIGHT_GRADIENT", tile.weight_gradient.to_owned()),
        ];
        if let Some([rows, columns]) = tile.each {
            values.push(("EACH_M", rows.to_string()));
            values.push(("EACH_N", columns.to_string()));
        }
        for (name, value) in &values {
            text += &format!("#define {name} {value}\n");
        }
        text += include_str!("kernels/tile.cu");
        text += include_str!("kernels/product.cu");
        text += include_str!("kernels/weight_gradient.cu");
        for name in values.iter().map(|v| v.0).chain(["EACH_M", "EACH_N"]) {
            text += &format!("#undef {name}\n");
        }
    }
    text += include_str!("kernels/sums.cu");
    text += include_str!("kernels/norm.cu");
    text += include_str!("kernels/epilogue.cu");
    text += include_str!("kernels/adam.cu");
    text
}

/// The CUDA source of all kernels.
pub fn source() -> String {
    include_str!("kernels/device.cuh").to_owned() + &body()
}

/// The C source of all kernels and of what runs them.
#[cfg(all(feature = "host-device", target_os = "linux"))]
pub(super) fn host_source() -> String {
    // The feature macro of run.c has to come before any header.
    "#define _GNU_SOURCE\n".to_owned()
        + include_str!("host/shim.h")
        + &body()
        + include_str!("host/run.c")
}
