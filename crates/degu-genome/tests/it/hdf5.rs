//! Layouts that h5py writes, made by `tests/data/make_fixtures.py`.

use degu_genome::{BaseOrder, GenomeError, Hdf5File, decode};

use crate::{fixture, shared};

const SEQUENCES: [&str; 5] = [
    "ACGTACGTAC",
    "TTTTTGGGGG",
    "ACGNNACGTA",
    "CCCCCCCCCC",
    "GATTACAGAT",
];

fn spelled(file: &Hdf5File, name: &str, order: BaseOrder) -> Vec<String> {
    let (codes, length) = file.dataset(name).unwrap().codes(order).unwrap();
    codes.chunks(length).map(decode).collect()
}

#[test]
fn one_hot_of_every_type_layout_and_order_spells_the_same() {
    let file = Hdf5File::open(fixture("layouts.h5")).unwrap();
    for name in ["Train/X", "X_Test", "x_valid", "bytes", "flags", "ref"] {
        assert_eq!(spelled(&file, name, BaseOrder::ACGT), SEQUENCES, "{name}");
    }
    assert_eq!(spelled(&file, "agct", BaseOrder::AGCT), SEQUENCES);
    // The same file read in the wrong order has C and G swapped, and no error: hence `alphabet`.
    assert_eq!(spelled(&file, "agct", BaseOrder::ACGT)[0], "AGCTAGCTAG");
}

#[test]
fn pieces_do_not_change_codes() {
    let file = Hdf5File::open(fixture("layouts.h5")).unwrap();
    for name in ["Train/X", "X_Test", "x_valid", "ref"] {
        let rows = file.dataset(name).unwrap();
        let whole = rows.codes(BaseOrder::ACGT).unwrap();
        for rows_per_piece in 1..=6 {
            let mut pieces = Vec::new();
            let mut starts = Vec::new();
            rows.for_each_codes(BaseOrder::ACGT, rows_per_piece, |start, codes| {
                starts.push(start);
                pieces.extend_from_slice(codes);
                Ok(())
            })
            .unwrap();
            assert_eq!(pieces, whole.0, "{name} by {rows_per_piece}");
            assert_eq!(starts.len(), 5usize.div_ceil(rows_per_piece));
        }
    }
}

#[test]
fn numbers_of_any_type_and_row_ranges() {
    let file = Hdf5File::open(fixture("layouts.h5")).unwrap();
    let y = file.dataset("TRAIN/Y").unwrap();
    assert_eq!(y.info().name, "Train/y", "keys match in any letter case");
    assert_eq!((y.shape(), y.len()), (&[5, 2][..], 5));
    assert_eq!(y.f64(3, 9).unwrap(), [6.0, 7.0, 8.0, 9.0]);
    assert_eq!(y.f32(1, 1).unwrap(), [2.0, 3.0]);
    assert_eq!(y.u8(4, 1).unwrap(), [8, 9]);
    let big = file.dataset("big_endian").unwrap();
    assert_eq!(big.f64(1, 2).unwrap(), [2.0, 3.0, 4.0, 5.0]);
    let halves = file.dataset("halves").unwrap();
    assert_eq!(halves.info().kind, "f16");
    let values = halves.f32(0, 7).unwrap();
    // 6e-8 is the subnormal 2^-24.
    assert_eq!(
        values,
        [0.0, 0.0, 1.0, -2.5, 65504.0, 2f32.powi(-24), f32::INFINITY]
    );
    assert!(values[1].is_sign_negative());
    assert!(matches!(halves.u8(3, 1), Err(GenomeError::Value { .. })));
}

#[test]
fn text_and_attributes() {
    let file = Hdf5File::open(fixture("layouts.h5")).unwrap();
    let identifier = file.dataset("identifier").unwrap();
    assert_eq!(
        identifier.text(0, 2).unwrap(),
        ["chr1:10-20/A>C", "chr1:10-20/A/C"]
    );
    assert_eq!(file.dataset("names").unwrap().text(1, 1).unwrap(), ["beta"]);
    let root = file.attributes("").unwrap();
    assert_eq!(root["layer_names"], ["conv1d", "dense_1"]);
    assert_eq!(root["keras_version"], ["2.7.0"]);
    assert_eq!(file.attributes("Train").unwrap()["folds"], ["1", "2", "3"]);
    assert_eq!(file.attributes("X_Test").unwrap()["scale"], ["0.5"]);
    assert!(file.attributes("Nothing").is_err());
}

#[test]
fn errors_name_dataset_row_and_position() {
    let file = Hdf5File::open(fixture("layouts.h5")).unwrap();
    let error = file
        .dataset("soft")
        .unwrap()
        .codes(BaseOrder::ACGT)
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with(
            "layouts.h5, `soft`: row 3, position 7: expected a one-hot base (or all 0 or all 0.25 \
             for N), found [0.9, 0.1, 0, 0]"
        ),
        "{error}"
    );
    let error = file.dataset("Train/z").err().unwrap().to_string();
    assert!(
        error.contains("no dataset `Train/z` (did you mean `Train/"),
        "{error}"
    );
    let error = file
        .dataset("Train/y")
        .unwrap()
        .codes(BaseOrder::ACGT)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("[N, L, 4] or [N, 4, L]") && error.contains("[5, 2]"),
        "{error}"
    );
    assert!(matches!(
        Hdf5File::open(fixture("absent.h5")),
        Err(GenomeError::Io { .. })
    ));
}

#[test]
fn the_newest_format_reads_or_says_how_to_rewrite() {
    match Hdf5File::open(fixture("latest.h5")).and_then(|file| {
        let (codes, length) = file.dataset("X")?.codes(BaseOrder::ACGT)?;
        Ok(codes.chunks(length).map(decode).collect::<Vec<_>>())
    }) {
        Ok(spelled) => assert_eq!(spelled, SEQUENCES),
        Err(error) => {
            let text = error.to_string();
            assert!(
                text.contains("latest.h5") && text.contains("h5repack"),
                "{text}"
            );
        }
    }
}

#[test]
fn keras_weights() {
    let Some(path) = shared("data/models/pkoo_deepstarr_1_0.h5") else {
        return;
    };
    let file = Hdf5File::open(path).unwrap();
    let kernels: Vec<_> = file
        .datasets()
        .unwrap()
        .into_iter()
        .filter(|info| info.name.ends_with("kernel:0") && info.shape.len() == 3)
        .map(|info| (info.shape, info.kind))
        .collect();
    for shape in [[7, 4, 256], [3, 256, 60], [5, 60, 60], [3, 60, 120]] {
        assert!(
            kernels.contains(&(shape.to_vec(), "f32".to_owned())),
            "{kernels:?}"
        );
    }
    assert!(file.attributes("").unwrap()["layer_names"].len() > 10);
}
