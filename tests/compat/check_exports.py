"""Reads what `degu-lab attribute` writes with the programs it is written for.

    python3 -m venv venv && venv/bin/pip install -r tests/compat/requirements.txt
    venv/bin/python tests/compat/check_exports.py target/release/degu-lab runs/quickstart

Explains random sequences with a model or run, then reads the .npz files with NumPy and with `modisco motifs` itself, the .h5 file
with h5py and the bigWig file with pyBigWig, and compares them with each other. Ends with `ok`, or with what differs.
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import pyBigWig


def card_of(model: pathlib.Path) -> dict:
    cards = [model / "card.json", *sorted(model.glob("models/*/card.json"))]
    return json.loads(next(card for card in cards if card.is_file()).read_text())


def main() -> None:
    binary, model = map(pathlib.Path, sys.argv[1:3])
    card = card_of(model)
    left, right = card["flanks"]
    length = card["length"]
    element = length - len(left) - len(right)
    rows = 400
    draw = random.Random(1)
    sequences = ["".join(draw.choice("ACGT") for _ in range(element)) for _ in range(rows)]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        fasta = folder / "x.fa"
        starts = [1000 + 2 * element * i for i in range(rows)]
        fasta.write_text(
            "".join(f">chr1:{s}-{s + element}\n{text}\n" for s, text in zip(starts, sequences))
        )
        task = card["labels"]["tasks"][0]

        def explain(*more: str) -> None:
            command = [binary, "attribute", model, "--fasta", fasta, "--task", task, *more]
            subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)

        explain("-o", folder / "m.npz", "--bigwig", folder / "m.bw")
        explain("-o", folder / "m.h5")

        maps = np.load(folder / "m.npz")["arr_0"]
        one_hot = np.load(folder / "m.ohe.npz")["arr_0"]
        assert maps.shape == one_hot.shape == (rows, 4, length), (maps.shape, one_hot.shape)
        assert maps.dtype == np.float32 and one_hot.dtype == np.int8
        letters = np.array(list("ACGT"))[one_hot.argmax(axis=1)]
        for text, row in zip(sequences, letters):
            assert "".join(row) == left + text + right

        with h5py.File(folder / "m.h5") as file:
            assert np.array_equal(file["hyp_scores"][:].transpose(0, 2, 1), maps)
            assert np.array_equal(file["input_seqs"][:].transpose(0, 2, 1), one_hot)
            assert file["ids"][7].decode().rstrip("\0") == f"chr1:{starts[7]}-{starts[7] + element}"
            manifest = json.loads(file.attrs["degu-lab"])
            assert manifest["task"] == task and manifest["form"] == "hypothetical"

        observed = (maps * one_hot).sum(axis=1)[:, len(left) : length - len(right)]
        with pyBigWig.open(str(folder / "m.bw")) as track:
            assert track.isBigWig()
            for start, row in zip(starts, observed):
                found = np.array(track.values("chr1", start, start + element))
                assert np.allclose(found, row, atol=1e-7), start
            gap = track.values("chr1", starts[0] + element, starts[0] + element + 3)
            assert np.isnan(gap).all(), "nothing lies between sequences"

        # The program's own command line, as in the script that stands beside the files.
        subprocess.run(
            ["sh", "-x", str(folder / "m.modisco.sh")],
            check=True,
            env={"PATH": f"{pathlib.Path(sys.executable).parent}:/usr/bin:/bin"},
        )
        with h5py.File(folder / "modisco_results.h5") as results:
            assert results.attrs["window_size"] == length // 2 * 2
            print("modisco:", {sign: len(results[sign]) for sign in results})
    print("ok")


if __name__ == "__main__":
    main()
