"""Tiny valid inputs of the sources of one's own data; see `tiny_sources`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from arrow_images import write_saved_images
from scipy.io import wavfile

from jssl.data.cloud_source import CloudSource
from jssl.data.graph_source import GraphSource
from jssl.data.long_series import LongSeries, WindowedTable
from jssl.data.saved_images import SavedImages
from jssl.data.sequence_source import SequenceSource
from jssl.data.series_file import SeriesFile
from jssl.data.sounds import SoundFolder
from jssl.data.splitting import SplitRule
from jssl.data.table_file import TableFile
from jssl.data.text_source import TextSource

RANDOM = np.random.default_rng(1)


def write(path: Path, lines: list[str]) -> str:
    """Writes lines of text and returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def wave(path: Path, samples: int, pitch: float) -> None:
    """Writes a WAV file of 8 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, 8000, (np.sin(np.arange(samples) * pitch) * 9000).astype(np.int16))


def sounds(root: Path) -> Any:
    for k in range(12):
        wave(root / ["dog", "cat"][k % 2] / f"{k}.wav", 200, 0.1 + 0.02 * k)
    return SoundFolder(str(root), 8000, 0.02, split=SplitRule(validation=0.2, test=0.2))


def flacs(root: Path) -> Any:
    import soundfile

    for k in range(10):
        x = 0.3 * np.sin(np.arange(400) * (0.1 + 0.02 * k))
        soundfile.write(root / f"{k}.flac", x, 16000)
    return SoundFolder(str(root), 8000, 0.02)


def recording(root: Path) -> Any:
    wave(root / "long.wav", 4000, 0.2)
    return SoundFolder(str(root), 8000, 0.02)


def table(root: Path) -> Any:
    lines = ["age,job,income,person,kind"]
    lines += [f"{20 + k},{'xyz'[k % 3]},{k * 1.5},p{k // 4},{'ab'[k % 2]}" for k in range(24)]
    write(root / "t.csv", lines)
    return TableFile(str(root / "t.csv"), "kind", "person", split=SplitRule("group"))


def parquet(root: Path) -> Any:
    import pyarrow
    import pyarrow.parquet

    columns = {"age": np.arange(20) + 20.5, "job": ["xyz"[k % 3] for k in range(20)]}
    pyarrow.parquet.write_table(pyarrow.table(columns), root / "t.parquet")
    return TableFile(str(root / "t.parquet"), "none")


def saved_images(root: Path) -> Any:
    write_saved_images(root, 12, 8)
    return SavedImages(str(root), 8)


def saved(root: Path) -> Any:
    import pyarrow

    columns = {"text": [f"the boat {k}" for k in range(20)], "label": [k % 2 for k in range(20)]}
    rows = pyarrow.table(columns)
    with (
        pyarrow.OSFile(str(root / "data-00000-of-00001.arrow"), "wb") as sink,
        pyarrow.ipc.new_stream(sink, rows.schema) as writer,
    ):
        writer.write_table(rows)
    label = {"names": ["bad", "good"], "_type": "ClassLabel"}
    features = {"text": {"dtype": "string", "_type": "Value"}, "label": label}
    write(root / "dataset_info.json", [json.dumps({"features": features})])
    state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}
    write(root / "state.json", [json.dumps(state)])
    return TextSource(str(root), 12, ("text",), "label")


def lines(root: Path) -> Any:
    write(root / "a.txt", [f"the boat {k} and a gull" for k in range(20)])
    return TextSource(str(root / "a.txt"), 12)


def json_lines(root: Path) -> Any:
    rows = [{"text": f"the boat {k}", "mood": "ab"[k % 2]} for k in range(20)]
    write(root / "a.jsonl", [json.dumps(row) for row in rows])
    return TextSource(str(root / "a.jsonl"), 12, ("text",), "mood")


def text_files(root: Path) -> Any:
    for k in range(12):
        write(root / ["good", "bad"][k % 2] / f"{k}.txt", [f"the boat {k}", "and a gull"])
    return TextSource(str(root), 16, split=SplitRule(validation=0.2, test=0.2))


def fasta(root: Path) -> Any:
    entries = [f">s{k} clone=c{k // 2}\n{'ACGT'[k % 4 :] * 4}" for k in range(20)]
    return SequenceSource(write(root / "a.fasta", entries), length=12)


def ts(root: Path) -> Any:
    head = ["@problemName T", "@dimensions 2", "@classLabel true a b", "@data"]
    rows = [f"{k},1.5,-2,4:{k},0.5,1,{k}:{'ab'[k % 2]}" for k in range(20)]
    return SeriesFile(write(root / "T.ts", [*head, *rows]), length=4)


def series_npz(root: Path) -> Any:
    np.savez(root / "s.npz", series=RANDOM.normal(size=(20, 6, 2)))
    return SeriesFile(str(root / "s.npz"), length=6)


def forecast(root: Path) -> Any:
    rows = [f"2020/{1 + k // 28}/{1 + k % 28} 0:00,{k % 7}.5,{k % 5}" for k in range(120)]
    path = write(root / "rate.csv", ["date,a,b", *rows])
    return LongSeries(path, 8, 4, split=SplitRule("time", 0.2, 0.2))


def forecast_npz(root: Path) -> Any:
    np.savez(root / "s.npz", values=RANDOM.normal(size=(90, 2)))
    return LongSeries(str(root / "s.npz"), 8, 4, split=SplitRule("time", 0.2, 0.2))


def windowed(root: Path) -> Any:
    rows = [f"{k},{k % 7}.5,p{k // 20},{'ab'[k // 10 % 2]}" for k in range(120)]
    path = write(root / "w.csv", ["t,a,person,kind", *rows])
    split = SplitRule("group", 0.2, 0.2)
    return WindowedTable(path, 6, 3, "kind", "person", use=("a",), split=split)


def tu(root: Path) -> Any:
    links = [(3 * g + a, 3 * g + b) for g in range(10) for a, b in ((1, 2), (2, 1), (2, 3), (3, 2))]
    write(root / "T_A.txt", [f"{a}, {b}" for a, b in links])
    write(root / "T_graph_indicator.txt", [str(1 + k // 3) for k in range(30)])
    return GraphSource(str(root))


def graphs(root: Path) -> Any:
    links = [(3 * g + a, 3 * g + b) for g in range(10) for a, b in ((0, 1), (1, 0), (1, 2), (2, 1))]
    np.savez(root / "g.npz", edges=np.asarray(links), graph=np.arange(30) // 3)
    return GraphSource(str(root / "g.npz"))


def one_graph(root: Path) -> Any:
    links = np.asarray([(k, (k + 1) % 12) for k in range(12)])
    np.savez(root / "g.npz", edges=links, nodes=RANDOM.normal(size=(12, 3)))
    return GraphSource(str(root / "g.npz"), "none")


def shapes(root: Path) -> Any:
    corners = ["0 0 0", "1 0 0", "0 1 0", "0 0 1"]
    faces = ["3 0 1 2", "3 0 1 3", "3 0 2 3", "3 1 2 3"]
    head = ["ply", "format ascii 1.0", "element vertex 4"]
    head += [f"property float {axis}" for axis in "xyz"]
    head += ["element face 4", "property list uchar int vertex_indices", "end_header"]
    for k in range(2):
        write(root / f"{k}.off", ["OFF", "4 4 6", *corners, *faces])
    write(root / "2.ply", [*head, *corners, *faces])
    write(root / "3.obj", [f"v {c}" for c in corners] + ["f 1 2 3", "f 1 2 4", "f 2 3 4"])
    return CloudSource(str(root), 8)


def scans(root: Path) -> Any:
    for k in range(2):
        xyz = RANDOM.uniform(-10, 10, (600, 4)).astype("<f4")
        (root / f"{k}.bin").write_bytes(xyz.tobytes())
    return CloudSource(str(root), 16, 4.0)


def cloud_npz(root: Path) -> Any:
    np.savez(root / "a.npz", points=RANDOM.normal(size=(20, 5, 3)).astype(np.float32))
    return CloudSource(str(root / "a.npz"), 5)
