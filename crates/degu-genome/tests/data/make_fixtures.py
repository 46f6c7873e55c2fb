"""Writes the small HDF5 and xlsx fixtures of this folder (h5py, numpy, openpyxl).

    python make_fixtures.py

Versions used: h5py 3.16, numpy 2, openpyxl 3.1. The files are committed; Python is not needed to test.
"""
from pathlib import Path

import h5py
import numpy as np
import openpyxl

HERE = Path(__file__).parent
# Spells a known text, so that a reshape in place of a transpose cannot pass.
SEQUENCES = ["ACGTACGTAC", "TTTTTGGGGG", "ACGNNACGTA", "CCCCCCCCCC", "GATTACAGAT"]


def one_hot(sequences, order="ACGT", unknown=0.0):
    x = np.zeros((len(sequences), len(sequences[0]), 4))
    for i, sequence in enumerate(sequences):
        for j, base in enumerate(sequence):
            if base == "N":
                x[i, j] = unknown
            else:
                x[i, j, order.index(base)] = 1
    return x


def layouts():
    with h5py.File(HERE / "layouts.h5", "w") as f:
        train = f.create_group("Train")
        train.create_dataset("X", data=one_hot(SEQUENCES))
        train.create_dataset("y", data=np.arange(10.0).reshape(5, 2))
        f.create_dataset("X_Test", data=one_hot(SEQUENCES), compression="gzip", chunks=(2, 10, 4))
        f.create_dataset("x_valid", data=one_hot(SEQUENCES).transpose(0, 2, 1).astype("f4"), compression="lzf", chunks=(3, 4, 10))
        f.create_dataset("agct", data=one_hot(SEQUENCES, "AGCT", 0.25).astype("f4"))
        f.create_dataset("ref", data=one_hot(SEQUENCES, unknown=0.25).astype("f2"))
        f.create_dataset("bytes", data=one_hot(SEQUENCES).astype("i1"))
        f.create_dataset("flags", data=one_hot(SEQUENCES).astype(bool))
        f.create_dataset("big_endian", data=np.arange(6).reshape(3, 2).astype(">f8"))
        f.create_dataset("identifier", data=np.array([b"chr1:10-20/A>C", b"chr1:10-20/A/C"]))
        f.create_dataset("names", data=["alpha", "beta"], dtype=h5py.string_dtype())
        f.create_dataset("halves", data=np.array([0.0, -0.0, 1.0, -2.5, 65504.0, 6e-8, np.inf], dtype="f2"))
        soft = one_hot(SEQUENCES)
        soft[3, 7] = [0.9, 0.1, 0.0, 0.0]
        f.create_dataset("soft", data=soft)
        f.attrs["layer_names"] = np.array([b"conv1d", b"dense_1"])
        f.attrs["keras_version"] = "2.7.0"
        train.attrs["folds"] = np.array([1, 2, 3])
        f["X_Test"].attrs["scale"] = 0.5


def latest():
    with h5py.File(HERE / "latest.h5", "w", libver="latest") as f:
        f.create_dataset("X", data=one_hot(SEQUENCES), compression="gzip", chunks=(2, 10, 4))


def workbook():
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "K562"
    sheet.append(["Supplementary Table 3. lentiMPRA of K562"])
    sheet.append([])
    sheet.append(["name", "replicate 1 [log2(rna/dna)]", "replicate 2 [log2(rna/dna)]", "mean", "sequence"])
    sheet.append(["seq1_F", 0.25, "0.75", 0.5, "ACGTACGT"])
    sheet.append(["seq2_F", None, -1.5, -1.5, "TTTTACGT"])
    sheet.append([])
    sheet.append(["seq3_F", 1, 2, 1.5, "GGGGACGT"])
    book.create_sheet("HepG2").append(["name", "mean"])
    book.properties.created = book.properties.modified = __import__("datetime").datetime(2026, 1, 1)
    book.save(HERE / "supplement.xlsx")


if __name__ == "__main__":
    layouts()
    latest()
    workbook()
